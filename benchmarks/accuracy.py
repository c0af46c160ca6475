"""Does it help? Accuracy of every activation, in several networks and on several data sets.

    python benchmarks/accuracy.py --data-dir TFDS_DIR --jobs 2                         # two cores
    python benchmarks/accuracy.py --protocol reduced --data-dir TFDS_DIR --jobs 2      # two hours
    python benchmarks/accuracy.py --protocol full --npz NPZ_DIR --jobs 8               # a GPU

Each study is a folder in `benchmarks/results/accuracy-PROTOCOL/` with its runs, table and pictures
(`dead_channels` a file in that of `standard`).
Call it again after an interruption, and it goes on. `docs/evidence.md` says what is measured.
On a machine with a GPU and without TensorFlow set KERAS_BACKEND=jax, and bring the images along:
`--write-npz NPZ_DIR` writes them. Under the full and the reduced protocol the searches keep their
own seeds and epochs, `designs` its seeds and `fine_tuning` its epochs.
"""

import argparse
import dataclasses
import functools
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Several processes share the GPU, and runs that differ in their seed alone share what is compiled.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", os.path.join(tempfile.gettempdir(), "keras_negact_jax_cache")
)

import _accuracy_data
import _accuracy_search
import _default_studies
import _standard_studies
from _accuracy_studies import PROTOCOLS, input_shape, plain_cnn, resnet20, studies
from _accuracy_tables import write_table

from keras_negact.comparison import compare_activations
from keras_negact.launch import cpus_of_worker

STANDARD = "standard"
# The default was chosen once; it is not done again unless asked for.
STANDARD_STUDIES = _standard_studies.STUDIES | _default_studies.STUDIES
RESULTS = pathlib.Path(__file__).parent / "results"
SEARCHES = {
    "search_resnet20": ("cifar_resnet20", resnet20),
    "search_cnn": ("on_off_cnn", plain_cnn),
}
STUDIES = (
    "designs",
    "protocols",
    "resnet20",
    "cnn",
    "pretraining",
    "fine_tuning",
    "fashion_mnist",
    "rhythms",
)


def main():
    settings = read_settings()
    if settings.write_npz:
        _accuracy_data.write_npz(settings.write_npz, settings.data_dir)
        return
    for study in settings.studies:
        print(f"== {study}", flush=True)
        if settings.jobs > 1:
            run_in_shares(study, settings)
        # After its shares there is nothing left to train: it sums up.
        run_study(study, settings)


def read_settings():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--protocol", choices=[STANDARD, *PROTOCOLS], default=STANDARD)
    add("--studies", nargs="+",
        choices=list(dict.fromkeys([*STANDARD_STUDIES, *SEARCHES, *STUDIES])),
        help="by default all but those on request; searches only under the full one")  # fmt: skip
    add("--data-dir", help="where TensorFlow Datasets keeps its data")
    add("--npz", help="a folder with .npz chunks, instead")
    add("--write-npz", metavar="DIR", help="write such chunks, and do nothing else")
    add("--output-dir", type=pathlib.Path)
    add("--variants", nargs="+", help="some, with the reference; under the standard protocol")
    add("--seeds", type=int, help="instead of the study's; 3 at least for anything reported")
    add("--epochs", type=int, help="instead of the study's")
    add("--name", default="runs", help="of the results files: another one on another machine")
    add("--jobs", type=int, default=1, help="processes that share the device")
    add("--share", type=int, nargs=2, default=(0, 1), help=argparse.SUPPRESS)
    settings = parser.parse_args()
    if settings.protocol == STANDARD:
        unknown = set(settings.studies or ()) - STANDARD_STUDIES.keys()
        settings.studies = settings.studies or list(_standard_studies.STUDIES)
    else:
        unknown = set(settings.studies or ()) - {*SEARCHES, *STUDIES}
    if unknown:
        parser.error(f"The protocol {settings.protocol} has no studies {sorted(unknown)}.")
    if settings.studies is None:
        settings.studies = [*(SEARCHES if settings.protocol == "full" else ()), *STUDIES]
    if settings.output_dir is None:
        settings.output_dir = RESULTS / f"accuracy-{settings.protocol}"
    return settings


def run_in_shares(study, settings):
    command = [sys.executable, __file__, *sys.argv[1:], "--studies", study, "--jobs", "1"]
    cpus_each = max(1, len(os.sched_getaffinity(0)) // settings.jobs)
    shares = []
    for number in range(settings.jobs):
        share = subprocess.Popen([*command, "--share", str(number), str(settings.jobs)])
        # Before it counts its CPUs, of which several processes would each take all.
        os.sched_setaffinity(share.pid, cpus_of_worker(number, cpus_each))
        shares.append(share)
    failed = [share.args for share in shares if share.wait()]
    if failed:
        sys.exit(f"{len(failed)} of {settings.jobs} processes failed in the study {study}.")


def run_study(name, settings):
    compare_more = {"name": settings.name, "share": tuple(settings.share)}
    if settings.protocol == STANDARD:
        STANDARD_STUDIES[name](settings, settings.output_dir / name, **compare_more)
        return
    protocol = PROTOCOLS[settings.protocol]
    changes = {"seeds": settings.seeds, "epochs": settings.epochs}
    protocol = dataclasses.replace(protocol, **{k: v for k, v in changes.items() if v})
    folder = settings.output_dir / name
    common = {"optimizer": "SGD", "peak": protocol.peak, "weight_decay": protocol.weight_decay}
    compare = functools.partial(
        compare_activations,
        output_dir=folder,
        **compare_more,
    )
    if name in SEARCHES:
        network, build = SEARCHES[name]
        data = _accuracy_data.load("cifar10", protocol, settings.npz, settings.data_dir)
        steps = protocol.search_epochs * len(data(0).train_at(0))
        compare(
            _accuracy_search.candidates(build("cifar10", protocol), protocol, steps),
            data,
            _accuracy_search.SEEDS,
            protocol.search_epochs,
            reference=_accuracy_search.candidate("relu", 1.0),
            evaluate_on="validation",
            protocol={"network": network, **common},
        )
        return
    study = studies(protocol, settings.output_dir / "pretraining")[name]
    data = _accuracy_data.load(study.dataset, protocol, settings.npz, settings.data_dir)
    steps = study.epochs * len(data(0).train_at(0))
    search = next(key for key, (network, _) in SEARCHES.items() if network == study.network)
    factors = _accuracy_search.chosen_factors(settings.output_dir / search)
    if not factors:
        print(f"No learning rates were searched: {protocol.peak} for every activation.")
    variants = {
        variant: _accuracy_search.trained_with(
            build,
            steps,
            study.rate * factors.get(_activation(build), 1.0) * protocol.peak,
            protocol.weight_decay,
        )
        for variant, build in study.variants.items()
    }
    compare(
        variants,
        data,
        study.seeds or protocol.seeds,
        study.epochs,
        reference=study.reference,
        protocol={
            "network": study.network,
            "side": input_shape(study.dataset, protocol)[0],
            **common,
            "rate": study.rate,
        },
        keep_weights=name == "pretraining",
        evaluate_on=study.evaluate_on,
    )
    for table, names in (study.tables or {}).items():
        write_table(folder, table, names, study.reference)


def _activation(build):
    return getattr(build, "activation", "leni")


if __name__ == "__main__":
    main()
