"""What a user might write; `mypy --strict` has nothing to say about it."""

import keras
import numpy as np

from keras_negact import (
    LENI,
    LooksLinear,
    OnOffReLU,
    RetinalOpponency,
    clone_with_activation,
    fold_for_inference,
    plan_activation_swap,
    plan_folding,
)
from keras_negact.analysis import ActivationMonitor, negative_information_report
from keras_negact.comparison import activation_variants, array_data, compare_activations
from keras_negact.datasets import load_dataset
from keras_negact.models import cifar_resnet, network_by_name, on_off_cnn
from keras_negact.training import Backup, evaluate, fit, is_chief, make_strategy
from keras_negact.tuning import Budget, LENIHyperModel, RandomSearch, trial_rows


def build() -> keras.Model:
    return cifar_resnet(8, activation=LENI(start="leaky"))


def main() -> None:
    model: keras.Model = build()
    layers = [LENI(), OnOffReLU(max_value=6.0), RetinalOpponency()]
    print([layer.name for layer in layers], plan_activation_swap(model, "leni"))
    again = LENI.from_config(LENI().get_config())
    print(again.compute_output_shape((None, 8, 8, 3)), again.effective_kernel(), LooksLinear())
    hyper_model = LENIHyperModel(build)
    print(hyper_model.build(hyper_model.parameters(where="nowhere")).count_params())
    tuner = RandomSearch(hyper_model, max_trials=3, budget=Budget(1.2))
    print(tuner.finished_trials(), trial_rows(tuner)[:1].to_markdown())
    swapped: keras.Model = clone_with_activation(model, "leni", where=r"stack")
    print(plan_folding(swapped))
    fold_for_inference(swapped, verbose=False).save("folded.keras")
    on_off_cnn((32, 32, 3), 10)
    network_by_name("cifar_resnet20", (32, 32, 3), 10)

    x, y = np.zeros((8, 32, 32, 3), "float32"), np.zeros(8, "int32")
    print(negative_information_report(model, x, verbose=0))
    monitor = ActivationMonitor(x, every_epochs=1)
    data = array_data("zeros", (x, y), (x, y), (x, y), 4)
    summary = compare_activations(activation_variants(build, ["relu", "leni"]), data, seeds=2)
    if summary is not None:
        print(summary.to_markdown())
    digits = load_dataset("digits", 32)
    strategy = make_strategy("auto")
    with strategy.scope():
        fit(model, digits.train_at, epochs=1, callbacks=[monitor, Backup("backup")])
    if is_chief():
        print(evaluate(model, digits.test, return_dict=True)["loss"])


if __name__ == "__main__":
    main()
