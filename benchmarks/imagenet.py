"""The LENI paper's headline: ResNet-18 or ResNet-50 on ImageNet, with any activation.

    python benchmarks/imagenet.py --activation leni --data-dir TFDS_DIR   # all GPUs of this machine

On several machines start it on each, with `TF_CONFIG`; `docs/measuring.md` has the commands.

From TensorFlow Datasets: `imagenet2012`, which has to be prepared by hand, or `imagenette`, ten of
its classes. Crops of 8 % to all of the image, mirroring, label smoothing 0.1, Nesterov's SGD with a
cosine, in mixed precision. A run that was interrupted goes on when it is called again. Accuracy is
on the official validation images, as is usual; nothing is chosen by them here.
"""

import argparse
import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
import tensorflow_datasets as tfds
from _fast_network import SmoothedCrossentropy
from _imagenet_network import DEPTHS, imagenet_resnet

from keras_negact._activations import resolve_activation
from keras_negact._command_line import integer, number, refusing
from keras_negact.layers import weights_without_decay
from keras_negact.training import Backup, evaluate, fit, is_chief, make_strategy

RESULTS = pathlib.Path("runs")
DATASETS = {"imagenet2012": "imagenet2012", "imagenette": "imagenette/320px-v2"}
# Of the channels, in units of bytes.
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
# Sets the draws of the mirroring apart from those of the crops.
FLIPS = 1 << 40
WARMUP_EPOCHS = 5
# Decoupled, as Keras has it: ten times a coupled 1e-4 under a momentum of 0.9.
WEIGHT_DECAY = 1e-3


def main(arguments=None):
    settings = read_settings(arguments)
    folder = settings.output_dir
    # Virtual devices can be made only before TensorFlow is used for anything else.
    with refusing(RuntimeError):
        strategy = make_strategy("auto", settings.replicas)
    keras.utils.set_random_seed(settings.seed)
    if not settings.full_precision:
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        keras.config.set_dtype_policy("mixed_float16" if on_gpu else "mixed_bfloat16")
    builder = builder_of(settings)
    count = int(builder.as_dataset(split="train", shuffle_files=False).cardinality())
    steps = count // settings.batch_size
    if steps < 1:
        sys.exit(f"`--batch-size` must be at most {count}. Received: {settings.batch_size}")
    with strategy.scope():
        model = compiled_model(settings, builder.info.features["label"].num_classes, steps)
    if is_chief():
        folder.mkdir(parents=True, exist_ok=True)
        replicas = strategy.num_replicas_in_sync
        print(f"{count:,} images, {steps:,} steps an epoch, {replicas} replicas", flush=True)
    validation = validation_images(builder, settings)
    history = fit(
        model,
        lambda epoch: training_images(builder, settings, epoch, steps),
        epochs=settings.epochs,
        validation_data=validation,
        verbose=2,
        callbacks=[
            keras.callbacks.CSVLogger(folder / "history.csv"),
            Backup(folder / "backup", settings.save_every or "epoch"),
        ],
    ).history
    scores = evaluate(model, validation, return_dict=True, verbose=0)
    if not is_chief():
        return
    model.save(folder / "model.keras")
    given = {key: str(value) for key, value in vars(settings).items()}
    result = {"settings": given, "epochs": len(history["loss"]), **scores}
    (folder / "result.json").write_text(json.dumps(result, indent=2))
    print(f"Validation accuracy: {scores['accuracy']:.4f}")


def read_settings(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--dataset", choices=DATASETS, default="imagenet2012")
    add("--data-dir", help="where TensorFlow Datasets keeps its data")
    add("--depth", type=int, choices=DEPTHS, default=18)
    add("--activation", default="relu", help="relu, leni, on_off_relu, or any of Keras's")
    add("--size", type=integer(1), default=224, help="of the images, pixels a side")
    add("--epochs", type=integer(1), default=90)
    add("--batch-size", type=integer(1), default=256, help="over all devices")
    add("--learning-rate", type=number(above=0),
        help="at its peak; by default 0.1 for every 256 images")  # fmt: skip
    add("--seed", type=integer(0), default=0)
    add("--replicas", type=integer(1), help="devices; virtual ones where there is no GPU")
    add("--full-precision", action="store_true", help="float32 throughout")
    add("--save-every", type=integer(1), help="back up so often within an epoch, in steps")
    add("--output-dir", type=pathlib.Path, help="by default runs/DATASET-resnetN-ACTIVATION-SEED")
    settings = parser.parse_args(arguments)
    try:
        resolve_activation(settings.activation)
    except ValueError as error:
        parser.error(f"--activation: {error}")
    builder = builder_of(settings)
    if not builder.is_prepared():
        parser.error(
            f"{builder.name} is not in {builder.data_path}. `--data-dir` must be the folder where "
            f"TensorFlow Datasets keeps it. Received: {settings.data_dir}. What has to be fetched, "
            f"and how: https://www.tensorflow.org/datasets/catalog/{builder.name}"
        )
    if settings.output_dir is None:
        name = f"{settings.dataset}-resnet{settings.depth}-{settings.activation}-{settings.seed}"
        settings.output_dir = RESULTS / name
    return settings


def builder_of(settings):
    return tfds.builder(DATASETS[settings.dataset], data_dir=settings.data_dir)


def compiled_model(settings, num_classes: int, steps: int) -> keras.Model:
    model = imagenet_resnet(settings.depth, settings.size, num_classes, settings.activation)
    peak = settings.learning_rate or 0.1 * settings.batch_size / 256
    warmup = min(WARMUP_EPOCHS, settings.epochs // 2) * steps
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else peak,
        max(1, settings.epochs * steps - warmup),
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.SGD(
        schedule, momentum=0.9, nesterov=True, weight_decay=WEIGHT_DECAY
    )
    optimizer.exclude_from_weight_decay(var_list=weights_without_decay(model))
    model.compile(optimizer, SmoothedCrossentropy(0.1), metrics=["accuracy"])
    return model


def training_images(builder, settings, epoch: int, steps: int) -> tf.data.Dataset:
    """The global batches of an epoch; seed and epoch fix their order and augmentation."""
    seed = settings.seed * 1_000 + epoch
    images = builder.as_dataset(
        split="train",
        shuffle_files=True,
        read_config=tfds.ReadConfig(shuffle_seed=seed, add_tfds_id=False),
    )
    images = images.shuffle(8_192, seed=seed).enumerate()

    def augmented(number, example):
        own_seed = tf.stack([tf.cast(seed, tf.int64), number])
        image = _crop(example["image"], own_seed, settings.size)
        image = tf.image.stateless_random_flip_left_right(image, own_seed + FLIPS)
        return _normalized(image), tf.cast(example["label"], tf.int32)

    images = images.map(augmented, num_parallel_calls=tf.data.AUTOTUNE)
    images = images.batch(settings.batch_size, drop_remainder=True)
    return images.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(tf.data.AUTOTUNE)


def validation_images(builder, settings) -> tf.data.Dataset:
    """The middle of each image, whose shorter side is 8/7 of the size."""

    def middle(example):
        image = tf.cast(example["image"], tf.float32)
        shape = tf.cast(tf.shape(image)[:2], tf.float32)
        shape = tf.math.ceil(shape * (settings.size * 8 / 7) / tf.reduce_min(shape))
        image = tf.image.resize(image, tf.cast(shape, tf.int32), antialias=True)
        image = tf.image.resize_with_crop_or_pad(image, settings.size, settings.size)
        return _normalized(image), tf.cast(example["label"], tf.int32)

    images = builder.as_dataset(split="validation", shuffle_files=False)
    images = images.map(middle, num_parallel_calls=tf.data.AUTOTUNE)
    return images.batch(settings.batch_size).prefetch(tf.data.AUTOTUNE)


def _crop(image, seed, size: int):
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(image),
        tf.zeros((1, 0, 4)),
        seed,
        min_object_covered=0.0,
        aspect_ratio_range=(3 / 4, 4 / 3),
        area_range=(0.08, 1.0),
        use_image_if_no_bounding_boxes=True,
    )
    crop = tf.ensure_shape(tf.slice(image, begin, extent), (None, None, 3))
    return tf.image.resize(tf.cast(crop, tf.float32), (size, size), antialias=True)


def _normalized(image):
    return (image - tf.constant(MEAN)) / tf.constant(DEVIATION)


if __name__ == "__main__":
    main()
