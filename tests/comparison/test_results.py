import json
import multiprocessing

import pytest

from keras_negact.comparison.results import append_run, read_runs
from tests.support.comparisons import made_up_run


def append_many(path, variant):
    for seed in range(40):
        append_run(path, made_up_run(variant, seed, 0.5))


def test_what_was_appended_is_read(tmp_path):
    runs = [made_up_run("relu", 0, 0.5), made_up_run("leni", 0, 0.6)]
    for run in runs:
        append_run(tmp_path / "runs.jsonl", run)
    assert read_runs(tmp_path) == runs
    assert (tmp_path / "runs.jsonl").read_text().count("\n") == 2


def test_files_of_different_machines_are_merged_and_the_first_run_counts(tmp_path):
    append_run(tmp_path / "a.jsonl", made_up_run("relu", 0, 0.5))
    append_run(tmp_path / "b.jsonl", made_up_run("relu", 0, 0.9))
    append_run(tmp_path / "b.jsonl", made_up_run("relu", 1, 0.6))
    expected = [("relu", 0, 0.5), ("relu", 1, 0.6)]
    for where in (tmp_path, [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]):
        runs = read_runs(where)
        assert [(r["variant"], r["seed"], r["test_accuracy"]) for r in runs] == expected


def test_a_line_cut_off_by_a_crash_is_left_out_and_spoils_no_other(tmp_path):
    path = tmp_path / "runs.jsonl"
    append_run(path, made_up_run("relu", 0, 0.5))
    with path.open("a") as file:
        file.write(json.dumps(made_up_run("relu", 1, 0.6))[:50])
    append_run(path, made_up_run("relu", 2, 0.7))
    with pytest.warns(UserWarning, match=r"runs.jsonl, line 2 is no run"):
        assert [run["seed"] for run in read_runs(tmp_path)] == [0, 2]


@pytest.mark.parametrize("variant", ["relu", 'a "quoted", äöü'])
def test_a_line_cut_off_is_told_of_until_its_run_was_made_again(tmp_path, variant, recwarn):
    path = tmp_path / "runs.jsonl"
    path.write_text(json.dumps(made_up_run(variant, 1, 0.6))[:150])
    append_run(path, made_up_run(variant, 11, 0.6))
    with pytest.warns(UserWarning, match=r"line 1 is no run.*the call that made it makes it again"):
        read_runs(path)
    append_run(path, made_up_run(variant, 1, 0.6))
    recwarn.clear()
    assert [run["seed"] for run in read_runs(path)] == [11, 1]
    assert not recwarn


VALIDATION = {"evaluated_on": "validation", "metric": "mae", "mode": "min"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"test_accuracy": "0.5"}, "test_accuracy is '0.5'"),
        ({"test_accuracy": True}, "test_accuracy is True"),
        ({"test_accuracy": float("nan")}, "test_accuracy is nan"),
        ({"train_accuracy": float("inf")}, "train_accuracy is inf"),
        ({"multiply_adds": "many"}, "multiply_adds is 'many'"),
        ({"seed": True}, "seed is True"),
        ({"protocol": VALIDATION}, "without 'train_mae'"),
        ({"protocol": VALIDATION, "train_mae": 1.0}, "without 'validation_mae'"),
    ],
)
def test_a_run_that_nothing_can_be_said_of_is_left_out(tmp_path, changes, reason):
    path = tmp_path / "runs.jsonl"
    path.write_text(json.dumps(made_up_run("relu", 0, 0.5) | changes) + "\n")
    with pytest.warns(UserWarning, match=rf"line 1 is no run and is left out \({reason}\)"):
        assert read_runs(path) == []


def test_a_run_that_diverged_is_a_run(tmp_path):
    run = made_up_run("relu", 0, None, train_accuracy=None, multiply_adds=None)
    append_run(tmp_path / "runs.jsonl", run)
    assert read_runs(tmp_path) == [run]


def test_a_folder_is_no_file_of_runs_whatever_its_name(tmp_path):
    append_run(tmp_path / "runs.jsonl", made_up_run("relu", 0, 0.5))
    (tmp_path / "folder.jsonl").mkdir()
    assert len(read_runs(tmp_path)) == 1


def test_runs_under_another_protocol_are_refused(tmp_path):
    append_run(tmp_path / "a.jsonl", made_up_run("relu", 0, 0.5))
    other = {"dataset": "none", "epochs": 4, "evaluated_on": "test"}
    append_run(tmp_path / "b.jsonl", made_up_run("leni", 0, 0.5, protocol=other))
    with pytest.raises(ValueError, match=r"not comparable.*'leni' with seed 0.*epochs 3 and 4"):
        read_runs(tmp_path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing_here"):
        read_runs(tmp_path / "nothing_here")


def test_processes_share_a_file(tmp_path):
    path = tmp_path / "runs.jsonl"
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=append_many, args=(path, variant)) for variant in ("relu", "leni")
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(read_runs(path)) == 80
