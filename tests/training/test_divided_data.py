"""Workers that read files of their own, against one process that is given their batches merged."""

import itertools
import signal

import numpy as np
import pytest
import tensorflow as tf

from tests.support.dividing_worker import EPOCHS, batches_of, dataset, network
from tests.support.processes import arrays, finish, launch, read_json

# Of 5 files, one worker of two has 3, and two of three have 2; and they are of several sizes.
SIZES = [9, 11, 7, 10, 4]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    generator = np.random.default_rng(0)
    for number, size in enumerate(SIZES):
        x = generator.normal(size=(size, 8)).astype("float32")
        y, q = np.argmax(x[:, :3], -1), x.sum(1, keepdims=True)
        np.savez(folder / f"file{number}.npz", x=x, y=y, q=q)
    return folder


def copied(files, folder):
    for path in files.glob("file*.npz"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def merged(folder, epoch, workers):
    """The global batches: what all workers that still have one read in a step."""
    own = [batches_of(folder, epoch, worker, workers) for worker in range(workers)]
    for parts in itertools.zip_longest(*own):
        there = [part for part in parts if part is not None]
        yield tuple(np.concatenate(part) for part in zip(*there, strict=True))


def alone(folder, workers_of):
    """`Model.fit` on the merged batches of so many workers in each epoch."""
    model = network()
    x, y, q = batches_of(folder, 0, 0, 1)[0]
    history = {}
    for epoch, workers in enumerate(workers_of):
        whole = tf.data.Dataset.from_generator(
            lambda epoch=epoch, workers=workers: merged(folder, epoch, workers),
            output_signature=dataset(folder, 0, 0, 1).map(lambda x, y: (x, *y)).element_spec,
        ).map(lambda x, y, q: (x, (y, q)))
        # Where the end is not known, Keras counts one step too many in the losses of the outputs.
        steps = len(list(merged(folder, epoch, workers)))
        whole = whole.apply(tf.data.experimental.assert_cardinality(steps))
        of_epoch = model.fit(whole, shuffle=False, validation_data=(x, [y, q]), verbose=0).history
        for name, values in of_epoch.items():
            history.setdefault(name, []).extend(values)
    return model.get_weights(), history


def compare(folder, workers, expected):
    weights, history = expected
    found = [arrays(folder / f"weights{worker}.npz") for worker in range(workers)]
    for one in found:
        for mine, theirs in zip(one.values(), weights, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=2e-6)
        for name in one:
            assert one[name].tobytes() == found[0][name].tobytes()
    for name, values in read_json(folder / "history0.json").items():
        np.testing.assert_allclose(values, history[name], rtol=2e-5, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("workers", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_as_one_process_with_the_merged_batches(files, tmp_path, workers):
    folder = copied(files, tmp_path)
    counts = [len(batches_of(folder, 0, worker, workers)) for worker in range(workers)]
    assert len(set(counts)) > 1
    status, output = finish(launch("dividing_worker.py", folder, workers=workers))
    assert status == 0, output
    compare(folder, workers, alone(folder, [workers] * EPOCHS))


@pytest.mark.slow
def test_resumes_in_the_middle_of_an_epoch_with_as_many_workers_alone(files, tmp_path):
    folder = copied(files, tmp_path)
    # Worker 0 has run out of batches by then.
    at = len(batches_of(folder, 1, 0, 2))
    assert at < len(batches_of(folder, 1, 1, 2))
    status, output = finish(launch("dividing_worker.py", folder, f"1:{at}"))
    assert status == 128 + signal.SIGKILL, output
    kept = (folder / "backup" / "backup.zip").read_bytes()
    status, output = finish(launch("dividing_worker.py", folder, workers=3))
    assert status != 0
    assert "divided among 2 workers; there are 3 now" in output
    assert (folder / "backup" / "backup.zip").read_bytes() == kept
    status, output = finish(launch("dividing_worker.py", folder))
    assert status == 0, output
    assert "Going on from the backup: 1 epochs and" in output
    compare(folder, 2, alone(folder, [2] * EPOCHS))


@pytest.mark.slow
def test_resumes_at_the_end_of_an_epoch_with_another_number_of_workers(files, tmp_path):
    folder = copied(files, tmp_path)
    status, output = finish(launch("dividing_worker.py", folder, "1:1", "epoch"))
    assert status == 128 + signal.SIGKILL, output
    status, output = finish(launch("dividing_worker.py", folder, workers=3))
    assert status == 0, output
    assert "Going on from the backup: 1 epochs and 0 steps done" in output
    compare(folder, 3, alone(folder, [2, 3, 3]))
