"""The committed tables of accuracies are what their runs say today."""

import pytest

from keras_negact.comparison import read_runs, summarize
from tests.support.documented import RESULTS, ROOT

TABLES = sorted(RESULTS.glob("accuracy-*/**/*.md"))
# They are made by functions of their own.
OTHERS = ("robustness/summary.md", "on_off/interaction.md")


def place(table):
    return table.relative_to(RESULTS).as_posix()


def is_other(table):
    return table.relative_to(table.parents[1]).as_posix() in OTHERS


@pytest.mark.parametrize("table", [t for t in TABLES if not is_other(t)], ids=place)
def test_a_summary_is_that_of_its_runs(table):
    rows = [line.split(" | ") for line in table.read_text().splitlines() if line.startswith("| ")]
    names = [cells[0].removeprefix("| ") for cells in rows[2:]]
    # The others are of some of the variants.
    runs = read_runs(table.parent)
    if table.name != "summary.md":
        runs = [run for run in runs if run["variant"] in names]
    assert rows[2][-1] == "reference |"
    assert summarize(runs, names[0]).to_markdown() == table.read_text()


@pytest.mark.parametrize("table", [t for t in TABLES if is_other(t)], ids=place)
def test_a_table_of_its_own_is_that_of_its_runs(table, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from _on_off_studies import write_interaction
    from _records import read_records
    from _robustness import write_robustness

    write = {"summary.md": write_robustness, "interaction.md": write_interaction}[table.name]
    write(read_records(table.parent), tmp_path)
    assert (tmp_path / table.name).read_text() == table.read_text()


def test_all_tables_are_looked_at():
    assert len(TABLES) > 30
    assert sum(map(is_other, TABLES)) == 2
