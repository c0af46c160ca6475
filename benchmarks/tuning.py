"""What a search is worth: the tuned block, the default one and ReLU, on images not searched with.

The search sees the validation images. Then each of the three is trained with the best trial's rates
under seeds that the search has not seen, and asked for the test images once, at its end.

python benchmarks/tuning.py --dataset digits
python benchmarks/tuning.py --dataset cifar10 --data-dir DATA_DIR --limit 5000 --trials 8 --epochs 4
"""

import argparse
import os
import pathlib
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from _timing import write_result

from keras_negact.datasets import load_dataset
from keras_negact.layers import weights_without_decay
from keras_negact.models import network_by_name
from keras_negact.tuning import LENIHyperModel, RandomSearch, trial_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=["digits", "cifar10"], default="digits")
    parser.add_argument("--data-dir")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--model", default="cifar_resnet8")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--search-dir", help="where an interrupted search goes on")
    settings = parser.parse_args()

    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        tuner = searched(settings, settings.search_dir or scratch)
        rows = trial_rows(tuner)
        best = tuner.finished_trials()[0]
        values = best.hyperparameters.values
        rates = {name: values[name] for name in ("learning_rate", "weight_decay")}
        contenders = {
            "tuned LENI": values,
            "default LENI": rates,
            "relu": {**rates, "where": "nowhere"},
        }
        measured = {name: [] for name in contenders}
        for seed in range(1, settings.seeds + 1):
            for name, point in contenders.items():
                measured[name].append(trained(settings, seed, point))
                print(f"{name}, seed {seed}: {measured[name][-1]}", flush=True)

    hypermodel = tuner.hypermodel
    write_result(
        f"tuning_{settings.dataset}",
        {
            "settings": {
                name: value
                for name, value in vars(settings).items()
                if name not in ("data_dir", "search_dir")
            },
            "seconds": round(time.perf_counter() - start),
            "search": [
                {key: row[key] for key in row if key not in ("failure", "status")}
                for row in rows
                if row["status"] == "COMPLETED"
            ],
            "contenders": {
                name: {
                    "point": point,
                    "relative_cost": hypermodel.cost(hypermodel.parameters(**point)).relative,
                    "test_accuracy": [run["test"] for run in measured[name]],
                    "validation_accuracy": [run["validation"] for run in measured[name]],
                    "mean_test_accuracy": statistics.mean(run["test"] for run in measured[name]),
                }
                for name, point in contenders.items()
            },
        },
    )


def searched(settings: argparse.Namespace, directory: str) -> RandomSearch:
    data = data_of(settings, seed=0)
    tuner = RandomSearch(
        hypermodel_of(settings, data, seed=0),
        max_trials=settings.trials,
        seed=0,
        directory=pathlib.Path(directory),
    )
    tuner.search(data.train_at, epochs=settings.epochs, validation_data=data.validation)
    return tuner


def trained(settings: argparse.Namespace, seed: int, values: dict) -> dict:
    data = data_of(settings, seed)
    hypermodel = hypermodel_of(settings, data, seed)
    model = hypermodel.build(hypermodel.parameters(**values))
    hypermodel.fit(None, model, data.train_at, epochs=settings.epochs, verbose=0)
    validation, test = (
        model.evaluate(images, return_dict=True, verbose=0)["accuracy"]
        for images in (data.validation, data.test)
    )
    return {"validation": round(validation, 4), "test": round(test, 4)}


def data_of(settings: argparse.Namespace, seed: int):
    return load_dataset(
        settings.dataset,
        settings.batch_size,
        data_dir=settings.data_dir,
        limit=settings.limit,
        seed=seed,
    )


def hypermodel_of(settings: argparse.Namespace, data, seed: int) -> LENIHyperModel:
    steps = settings.epochs * len(data.train)

    def compile_model(model, learning_rate, weight_decay):
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        optimizer = keras.optimizers.AdamW(schedule, weight_decay)
        optimizer.exclude_from_weight_decay(var_list=weights_without_decay(model))
        model.compile(
            optimizer,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )

    return LENIHyperModel(
        lambda: network_by_name(settings.model, data.input_shape, data.num_classes),
        compile=compile_model,
        seed=seed,
    )


if __name__ == "__main__":
    main()
