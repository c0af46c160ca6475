"""Who still learns when the task changes, and does a swap bring a dead network back?

    python benchmarks/plasticity.py --data-dir TFDS_DIR                      # everything
    python benchmarks/plasticity.py random_labels --data-dir TFDS_DIR --variants relu leni

| study | data | network |
|---|---|---|
| `random_labels` | 1,200 CIFAR-10 images, 16 x 16; labels drawn anew | `plastic_cnn`, Adam |
| `permuted` | Fashion-MNIST; pixels permuted anew | two dense layers, SGD |
| `revival` | `random_labels`, ReLU until it is dead, then a remedy, then on | `plastic_cnn`, Adam |

Two more on request, `random_labels` with other variants or images. `candidates`: what LENI's
default was chosen from. `digits`: 1,200 handwritten digits, 16 x 16, which come with scikit-learn.

    python benchmarks/plasticity.py candidates --seeds 3 --tasks 10 --rates 1e-3 --data-dir TFDS_DIR
    python benchmarks/plasticity.py digits --seeds 3 --tasks 9 --rates 1e-3

After Lillo and Cheney (arXiv 2509.22562). Every variant's rate is the best of three on the first
two tasks, from a seed that nothing is reported for; in `revival` all learn at 0.001. Each finished
run is a line in `benchmarks/results/plasticity/STUDY/runs.jsonl`; call it again after an
interruption, and it goes on with the next run.
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import _accuracy_data
import _plastic_studies

ALL_STUDIES = _plastic_studies.STUDIES | _plastic_studies.ON_REQUEST
RESULTS = pathlib.Path(__file__).parent / "results" / "plasticity"


def main(arguments=None):
    settings = read_settings(arguments)
    for name in settings.studies:
        print(f"== {name}", flush=True)
        dataset = {"permuted": "fashion_mnist", "digits": "digits"}.get(name, "cifar10")
        images, labels = _accuracy_data.raw_images(
            dataset, "train", settings.npz, settings.data_dir
        )
        study = ALL_STUDIES[name]
        study(images, labels, settings.output_dir / name, settings)


def read_settings(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("studies", nargs="*", help=f"of {', '.join(ALL_STUDIES)}; by default the first three")
    add("--data-dir", help="where TensorFlow Datasets keeps its data")
    add("--npz", help="a folder with .npz chunks, as accuracy.py --write-npz makes them, instead")
    add("--output-dir", type=pathlib.Path, default=RESULTS)
    add("--variants", nargs="+", help="some alone")
    add("--seeds", type=int, default=5)
    add("--tasks", type=int, default=20)
    add("--epochs", type=int, help="of each task; by default 30 with random labels, 1 permuted")
    add("--images", type=int, help="by default 1,200 with random labels, 20,000 permuted")
    add("--rates", type=float, nargs="+", help="to choose from")
    settings = parser.parse_args(arguments)
    settings.studies = settings.studies or list(_plastic_studies.STUDIES)
    unknown = [name for name in settings.studies if name not in ALL_STUDIES]
    if unknown:
        allowed = ", ".join(ALL_STUDIES)
        parser.error(f"`studies` must be of {allowed}. Received: {', '.join(unknown)}")
    return settings


if __name__ == "__main__":
    main()
