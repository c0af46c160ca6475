"""LENI and ON/OFF ReLU in plain NumPy, from their formulas alone."""

import numpy as np

ACTIVATIONS = {
    None: lambda x: np.maximum(x, 0),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "linear": lambda x: x,
}


def leni(
    x,
    weights,
    activation=None,
    transform="depthwise",
    kernel_gain=2,
    padding="same",
    transform_groups=1,
    compression="channelwise",
    groups=1,
    filters=None,
    normalization=None,
    data_format="channels_last",
    **unused,
):
    """LENI's output.

    Args:
        x: feature maps.
        weights: arrays by name.
        activation, transform, normalization: a name, or a function of channels-last arrays.
        Others: as LENI's own.
    """
    if data_format == "channels_first":
        x = np.moveaxis(x, 1, -1)
    positive = ACTIVATIONS[activation](x) if not callable(activation) else activation(x)
    negative = np.where(x < 0, -x, 0)
    if transform == "depthwise":
        negative = depthwise(negative, kernel_gain * weights["kernel"], padding)
    elif transform == "pointwise":
        negative = grouped_matrix(negative, kernel_gain * weights["kernel"], transform_groups)
    elif transform is not None:
        negative = transform(negative)
    negative = negative + weights.get("bias", 0)
    if normalization is not None:
        negative = normalization(negative)
    if compression == "channelwise":
        y = weights["positive_scale"] * positive + weights["negative_scale"] * negative
    elif compression == "sum":
        y = positive + weights.get("negative_scale", 1) * negative
    else:
        negative = weights.get("negative_scale", 1) * negative
        y = np.concatenate([positive, negative], axis=-1)
        if compression == "pointwise":
            y = grouped_matrix(_meet(y, groups), weights["compression_kernel"], groups)
    return np.moveaxis(y, -1, 1) if data_format == "channels_first" else y


def depthwise(x, kernel, padding="same"):
    """Zero-padded correlation of each channel with its own taps; `x` is channels last."""
    taps = kernel.shape[:-2]
    size = x.shape[1:-1]
    around = [(t - 1, 0) if padding == "causal" else (t // 2, t // 2) for t in taps]
    padded = np.pad(x, [(0, 0), *around, (0, 0)])
    y = np.zeros_like(x)
    for offset in np.ndindex(*taps):
        window = tuple(slice(o, o + n) for o, n in zip(offset, size, strict=True))
        y = y + padded[(slice(None), *window)] * kernel[offset][:, 0]
    return y


def grouped_matrix(x, kernel, groups):
    """Each group of outputs sees its own group of inputs."""
    kernel = kernel.reshape(kernel.shape[-2:])
    inputs, outputs = x.shape[-1] // groups, kernel.shape[1] // groups
    return np.concatenate(
        [
            x[..., g * inputs : (g + 1) * inputs] @ kernel[:, g * outputs : (g + 1) * outputs]
            for g in range(groups)
        ],
        axis=-1,
    )


def _meet(y, groups):
    """`[P | N]` sorted so that both parts of a channel are in one group."""
    positive, negative = np.split(y, 2, axis=-1)
    parts = []
    for p, n in zip(
        np.split(positive, groups, axis=-1), np.split(negative, groups, axis=-1), strict=True
    ):
        parts += [p, n]
    return np.concatenate(parts, axis=-1)


def on_off_relu(x, max_value=None, data_format="channels_last"):
    """`[on | off]` on the channel axis."""
    cap = np.inf if max_value is None else max_value
    axis = 1 if data_format == "channels_first" else -1
    return np.concatenate([np.clip(x, 0, cap), np.clip(-x, 0, cap)], axis=axis)
