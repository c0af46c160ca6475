"""One table, wherever it is shown."""

import sys
import types

import keras
import pytest
from keras import layers

from keras_negact import plan_activation_swap, plan_folding
from keras_negact._table import Shown, Table
from keras_negact.analysis import negative_information_report
from keras_negact.comparison import summarize
from keras_negact.tuning import TrialRows
from tests.support.comparisons import made_up_run

HOSTILE = "<script>|a|</script>"


class Fruit(Shown):
    def table(self):
        rows = [(HOSTILE, "1.5", "", "x"), ("plum", "12.25", "", "longer than others")]
        return Table(("name", "weight", "empty", "note"), rows, frozenset({1}), ["<b>& more"])

    def records(self):
        return [{"name": HOSTILE, "weight": 1.5}, {"name": "plum", "weight": 12.25}]


def test_text_lines_numbers_up():
    lines = repr(Fruit()).splitlines()
    assert lines[0] == f"name{' ' * 16}  weight  empty  note"
    assert lines[2] == f"{HOSTILE}     1.5         x"
    assert lines[3] == f"plum{' ' * 16}   12.25         longer than others"
    assert lines[4:] == ["", "<b>& more"]
    assert str(Fruit()) == repr(Fruit())


def test_a_long_note_is_wrapped():
    table = Table(("a",), [("b",)], notes=["word " * 60])
    assert max(map(len, table.text().splitlines())) <= 100
    assert table.text().count("word") == 60


def test_nothing_in_a_cell_is_markup():
    page = Fruit()._repr_html_()
    assert "<script" not in page
    assert "<b>" not in page
    assert "<td>&lt;script&gt;|a|&lt;/script&gt;</td>" in page
    row = Fruit().to_markdown().splitlines()[2]
    assert row == r"| &lt;script&gt;\|a\|&lt;/script&gt; | 1.5 |  | x |"
    assert Fruit().to_markdown().splitlines()[-1] == "&lt;b>&amp; more"
    assert Fruit().to_markdown().splitlines()[1] == "| --- | ---: | --- | --- |"


def test_empty_columns_can_go():
    table = Fruit().table().without_empty_columns()
    assert table.headings == ("name", "weight", "note")
    assert [len(row) for row in table.rows] == [3, 3]
    assert table.numbers == {1}


def test_a_dataframe_is_made_of_the_records(monkeypatch):
    pandas = types.SimpleNamespace(DataFrame=lambda records: ("frame", records))
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    assert Fruit().to_dataframe() == ("frame", Fruit().records())


def test_without_pandas_its_name_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        Fruit().to_dataframe()


def reports():
    inputs = keras.Input((6,))
    x = layers.ReLU(name="gate")(layers.BatchNormalization(name="norm")(layers.Dense(4)(inputs)))
    model = keras.Model(inputs, layers.Dense(2)(x))
    runs = [made_up_run(name, seed, 0.5) for name in ("relu", "leni") for seed in (0, 1)]
    x = keras.random.normal((3, 6))
    rows = [{"trial": "0", "score": 0.5, "failure": ""}, {"trial": "1", "width": 8}]
    return {
        "swap": (plan_activation_swap(model), "gate"),
        "folding": (plan_folding(model), "norm"),
        "summary": (summarize(runs), "leni"),
        "report": (negative_information_report(model, x, verbose=0), "gate"),
        "trials": (TrialRows(rows), "width"),
    }


def test_every_report_is_its_table():
    for name, (report, shown) in reports().items():
        table = report.table()
        assert repr(report) == str(report) == table.text(), name
        assert report._repr_html_() == table.html(), name
        assert report.to_markdown() == table.markdown(), name
        assert shown in repr(report), name
        assert len(report.records()) == len(table.rows), name


def test_some_of_a_searchs_rows_are_shown_as_a_table_too():
    rows = TrialRows([{"trial": "0"}, {"trial": "1"}])
    for some in (rows[:1], rows[:1] + rows[1:], rows.copy()):
        assert isinstance(some, TrialRows)
        assert repr(some).startswith("trial\n-----\n0")
    assert rows[1] == {"trial": "1"}


def test_every_report_becomes_a_dataframe():
    pytest.importorskip("pandas")
    for name, (report, _) in reports().items():
        frame = report.to_dataframe()
        assert len(frame) == len(report.records()), name
        assert set(frame.columns) == {key for row in report.records() for key in row}, name
