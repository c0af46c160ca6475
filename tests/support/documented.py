"""Where documented figures come from, and what of them is computed anew."""

import functools
import json
import pathlib
import re

import numpy as np
from scipy import stats

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def interval(one, other, decimals=2):
    """Mean and Student's 95 % interval of differences, paired by seed, as they are written."""
    seeds = sorted(one.keys() & other.keys())
    return interval_of([one[seed] - other[seed] for seed in seeds], decimals)


def interval_of(values, decimals=2):
    values = np.array(values)
    reach = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return tuple(
        f"{x:+.{decimals}f}" for x in (values.mean(), values.mean() - reach, values.mean() + reach)
    )


def found(name):
    """`standard/summary.md`, `choice/on_off_cnn/runs.jsonl`, `reduced/cnn/runs.jsonl`, ..."""
    kinds = ("accuracy-standard/", "plasticity/", "accuracy-")
    return next(path for kind in kinds if (path := RESULTS / f"{kind}{name}").exists())


@functools.cache
def runs_of(study):
    """For each variant its runs, by seed; those that only choose a rate are left out."""
    variants = {}
    for path in sorted(found(f"{study}/runs.jsonl").parent.glob("*.jsonl")):
        for run in map(json.loads, path.read_text().splitlines()):
            if "online_of_rates" not in run:
                variants.setdefault(run["variant"], {})[run["seed"]] = run
    return variants


@functools.cache
def committed(table):
    """The rows of a table that stands beside its runs, by variant; `on_off/batch`, or a study."""
    try:
        path = found(f"{table}.md")
    except StopIteration:
        path = found(f"{table}/summary.md")
    (rows,) = tables(path.read_text()).values()
    return {next(iter(row.values())): row for row in rows}


def tables(text):
    """Each table by the heading that it is under and its number there: rows by their headings."""
    found, heading, number, columns = {}, "", 0, None
    for line in text.splitlines():
        if line.startswith("#"):
            heading, number = line.lstrip("# "), 0
        cells = None
        if line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
        if cells is None:
            number, columns = number + (columns is not None), None
        elif columns is None:
            columns, found[heading, number] = cells, []
        elif set(line) - set("|-: "):
            found[heading, number].append(dict(zip(columns, cells, strict=True)))
    return found


def percent(run, quantity=""):
    """What a run reached; of a run of several tasks `online 6`, `accuracy 5`, `dead`, `online`, or
    its accuracy over the last five of them."""
    if "corrupted" in run:
        return 100 * np.mean(list(run["corrupted"].values()))
    if "tasks" not in run:
        return 100 * run[f"{run['protocol'].get('evaluated_on', 'test')}_accuracy"]
    if quantity == "dead":
        return 100 * run["tasks"][-1]["dead"][-1]
    kind, _, number = (quantity or "accuracy").partition(" ")
    of_tasks = [100 * task[kind] for task in run["tasks"]]
    if number:
        return of_tasks[int(number) - 1]
    return np.mean(of_tasks if kind == "online" else of_tasks[-5:])


def figure(field):
    """What a field of a template stands for.

    `standard: gelu` is a mean, `standard: gelu minus relu` the mean of differences with its
    interval, where they differ; `minus` and `plus` may follow. With a quantity:
    `random_labels, online 6: leni`, `standard, verdict: gelu`, `resnet20, seeds: funnel`.
    `but for no difference` is the verdict behind a comma, or nothing.
    """
    where, what = field.split(": ")
    study, _, quantity = where.partition(", ")
    if quantity == "verdict":
        return committed(study)[what]["verdict"]
    if quantity == "but for no difference":
        verdict = committed(study)[what]["verdict"]
        return "" if verdict == "no difference seen" else f", {verdict}"
    runs = runs_of(study)
    if quantity == "seeds":
        return ("no", "one", "two", "three", "four", "five", "six")[len(runs[what])]
    first, *others = re.split(" (minus|plus) ", what)
    terms = [(1, runs[first])] + [
        (-1 if sign == "minus" else 1, runs[name])
        for sign, name in zip(others[::2], others[1::2], strict=True)
    ]
    seeds = functools.reduce(set.__and__, (set(each) for _, each in terms))
    values = [sum(s * percent(of[seed], quantity) for s, of in terms) for seed in sorted(seeds)]
    decimals = 0 if quantity == "dead" else 1 if "tasks" in next(iter(terms[0][1].values())) else 2
    if not others:
        return f"{np.mean(values):.{decimals}f}"
    if np.ptp(values) < 1e-6:
        return f"{np.mean(values):+.{decimals}f}"
    return "{} ({} to {})".format(*interval_of(values, decimals))


def filled(template):
    """The template with a figure in the place of each `<field>`."""
    return re.sub("<([^>]+)>", lambda field: figure(field[1]), template)
