"""A 1x1 convolution in groups, at any spatial rank and in both data formats."""

from keras import ops


def mix_channels(inputs, kernel, groups: int, channel_axis: int):
    """`y[.., g, o] = sum_i inputs[.., g, i] * kernel[i, g, o]`, on the channel axis.

    Grouped convolutions are not used: on CPU, Keras compiles each of them with XLA on its own.

    Args:
        inputs: feature maps with `C` channels on `channel_axis`.
        kernel: `(1..., C / groups, outputs)`, the outputs sorted by group.
        groups: how many groups of channels are kept apart.
        channel_axis: where the channels are.
    """
    outputs = kernel.shape[-1]
    kernel = ops.reshape(kernel, (-1, outputs))
    channels_are_last = channel_axis == len(inputs.shape) - 1
    if not channels_are_last:
        inputs = ops.moveaxis(inputs, channel_axis, -1)
    if groups == 1:
        mixed = ops.tensordot(inputs, kernel, axes=1)
    else:
        kernel = ops.reshape(kernel, (-1, groups, outputs // groups))
        leading = ops.shape(inputs)[:-1]
        # One axis for all places: with more, TensorFlow multiplies place by place.
        inputs = ops.reshape(inputs, (-1, groups, kernel.shape[0]))
        mixed = ops.reshape(ops.einsum("ngi,igo->ngo", inputs, kernel), (*leading, outputs))
    return mixed if channels_are_last else ops.moveaxis(mixed, -1, channel_axis)
