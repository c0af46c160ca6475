"""Further tables of a study's runs."""

import pathlib

from keras_negact.comparison import read_runs, summarize


def write_table(folder: pathlib.Path, table: str, names, reference: str) -> None:
    """A summary of some of the variants, tested among themselves."""
    runs = [run for run in read_runs(folder) if run["variant"] in names]
    if not any(run["variant"] == reference for run in runs):
        return
    summary = summarize(runs, reference)
    (folder / f"{table}.md").write_text(summary.to_markdown())
    summary.draw_differences(folder / f"{table}-differences.png")
    summary.draw_costs(folder / f"{table}-costs.png")
