"""What the networks of this folder have in common."""

import numbers

import keras

from keras_negact import _checks


def normalized_convolution(x, filters, kernel_size, name, strides=1, synchronized=False):
    """A convolution of the input's rank without bias, and its batch normalization."""
    x = convolution(x, filters, kernel_size, name, strides, use_bias=False)
    # Keras's 0.99 needs hundreds of steps before inference sees the statistics of training.
    return keras.layers.BatchNormalization(
        axis=channel_axis(), momentum=0.9, synchronized=synchronized, name=f"{name}_norm"
    )(x)


def convolution(x, filters, kernel_size, name, strides=1, start="he_normal", use_bias=True):
    """A convolution of the input's rank."""
    rank = len(x.shape) - 2
    return getattr(keras.layers, f"Conv{rank}D")(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=start,
        name=f"{name}_conv",
    )(x)


def channel_axis() -> int:
    return 1 if keras.config.image_data_format() == "channels_first" else -1


def pooled_logits(x, num_classes):
    """The mean over all positions, and a dense layer that stays in full precision."""
    rank = len(x.shape) - 2
    x = getattr(keras.layers, f"GlobalAveragePooling{rank}D")(name="pool")(x)
    full_precision = keras.config.dtype_policy().variable_dtype
    return keras.layers.Dense(int(num_classes), dtype=full_precision, name="logits")(x)


def check_network(input_shape, ranks: tuple[int, ...], synchronized, **sizes) -> None:
    """Refuse what no network of this folder can be built from."""
    is_shape = isinstance(input_shape, (tuple, list)) and len(input_shape) in ranks
    if not is_shape or not all(size is None or is_positive(size) for size in input_shape):
        allowed = " or ".join(str(rank) for rank in ranks)
        raise _checks.refused("input_shape", f"a tuple of {allowed} positive sizes", input_shape)
    channels = input_shape[0 if channel_axis() == 1 else -1]
    if channels is None:
        raise _checks.refused("input_shape", "one with a known number of channels", input_shape)
    _checks.flag("synchronized", synchronized)
    for name, size in sizes.items():
        _checks.integer(name, size, 1)


def is_positive(size) -> bool:
    return isinstance(size, numbers.Integral) and not isinstance(size, bool) and size > 0
