"""The caption of a comparison: how its table is to be read, and what is not as it should be."""

from keras_negact.comparison.statistics import seeds_needed


def caption(summary) -> str:
    """Whole sentences, those left out that have nothing to say."""
    sentences = [
        _what_is_shown(summary),
        _how_it_was_tested(summary),
        f"Gap: training minus {summary.split}.",
        _missing_seeds(summary),
        _other_backends(summary),
        _diverged_runs(summary),
        _seeds_for_a_point(summary),
        f"Protocol: {'; '.join(f'{key} {value}' for key, value in summary.protocol.items())}.",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _what_is_shown(summary) -> str:
    return (
        f"{summary.metric.capitalize()} on the {summary.split} examples"
        f"{', in percent' if summary.scale == 100 else ''}; "
        f"{'more' if summary.mode == 'max' else 'less'} is better. Difference: to "
        f"{summary.reference}, paired by seed, with Student's 95 % interval."
    )


def _how_it_was_tested(summary) -> str:
    count = len(_tested(summary))
    if not count:
        return ""
    return (
        f"The verdict is that of the p-value after Holm over {count} variant{'s' * (count > 1)} "
        "tested, at 5 %. Detectable: the true difference that so many seeds would have shown, at "
        "the level of that test, in 80 % of cases."
    )


def _missing_seeds(summary) -> str:
    every = {seed for one in summary.variants for seed in one.seeds}
    few = [one for one in summary.variants if len(one.seeds) < len(every)]
    told = "; ".join(f"{one.variant} has {len(one.seeds)}" for one in few)
    return f"Incomplete: of {len(every)} seeds {told}." if few else ""


def _other_backends(summary) -> str:
    seeds = {one.variant: one.other_backend for one in summary.variants if one.other_backend}
    if not seeds:
        return ""
    told = "; ".join(
        f"{name} with seed{'s' * (len(of) > 1)} {', '.join(map(str, of))}"
        for name, of in seeds.items()
    )
    return (
        f"Trained on another backend than {summary.reference} with the same seed, which starts "
        f"from other weights there, so that the pair shares no more than its data: {told}."
    )


def _diverged_runs(summary) -> str:
    runs = [
        f"{len(one.diverged)} of {len(one.seeds)} of {one.variant}"
        for one in summary.variants
        if one.diverged
    ]
    if not runs:
        return ""
    told = f"Runs that ended in a loss that is no finite number: {'; '.join(runs)}. Such a run "
    if any(None in one.scores for one in summary.variants):
        return f"{told}is left out of means and differences where it has no {summary.metric}."
    return f"{told}counts with the {summary.metric} that it has."


def _seeds_for_a_point(summary) -> str:
    """What the spread of the differences says about how many seeds are worth training."""
    # Of other metrics there is no difference that everybody would ask about.
    if summary.scale != 100 or not _tested(summary):
        return ""
    needed = [
        f"{seeds_needed(one.differences, 0.01)} for {one.variant}" for one in _tested(summary)
    ]
    return (
        "Seeds that would show a true difference of one point in 80 % of cases, tested alone at "
        f"5 %: {'; '.join(needed)}."
    )


def _tested(summary) -> list:
    return [one for one in summary.variants if one.difference and one.difference.interval]
