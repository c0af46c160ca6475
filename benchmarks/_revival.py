"""What can be done for a ReLU network that has died."""

import keras
import numpy as np
from _leni_candidates import earlier_leni
from _plastic_network import ChannelPReLU, in_front_of_activations

from keras_negact import clone_with_activation

_UNITS = ("conv1", "conv2", "hidden")


def nothing(dead: keras.Model, x: np.ndarray) -> keras.Model:
    """The network as it is, with a new optimizer, as all of these have one."""
    copy = keras.models.clone_model(dead)
    copy.set_weights(dead.get_weights())
    return copy


def reinitialized(dead: keras.Model, x: np.ndarray) -> keras.Model:
    """Every unit that is nowhere above zero drawn anew, and unheard by what reads it.

    After Sokar et al., *The Dormant Neuron Phenomenon in Deep Reinforcement Learning*, ICML 2023:
    incoming weights from their initializer, outgoing ones zero.
    """
    model = nothing(dead, x)
    parts = in_front_of_activations(dead).predict(x, batch_size=400, verbose=0)
    silent = [np.max(values.reshape(-1, values.shape[-1]), axis=0) <= 0 for values in parts]
    for name, units in zip(_UNITS, silent, strict=True):
        layer = model.get_layer(name)
        kernel, bias = (np.array(weight) for weight in layer.get_weights())
        fresh = np.array(keras.initializers.HeNormal()(kernel.shape))
        kernel[..., units], bias[units] = fresh[..., units], 0
        layer.set_weights([kernel, bias])
    # Afterwards, for the weights drawn above are outgoing ones of the layer before.
    for reader, units in zip((*_UNITS[1:], "logits"), silent, strict=True):
        layer = model.get_layer(reader)
        kernel, bias = (np.array(weight) for weight in layer.get_weights())
        # A dense layer behind a flattening reads each channel once a place, channels innermost.
        kernel[..., np.resize(units, kernel.shape[-2]), :] = 0
        layer.set_weights([kernel, bias])
    return model


def swapped(activation):
    """The network with another activation, by which leaky ReLU alone changes its outputs."""

    def remedy(dead: keras.Model, x: np.ndarray) -> keras.Model:
        return clone_with_activation(dead, activation)

    return remedy


REMEDIES = {
    "nothing": nothing,
    "reinitialized": reinitialized,
    "leaky": swapped(keras.layers.LeakyReLU(negative_slope=0.25)),
    "prelu": swapped(ChannelPReLU()),
    "leni": swapped("leni"),
    "leni, gain 3": swapped(earlier_leni()),
    "on_off": swapped("on_off_relu"),
}
