"""Networks to try the activations in."""

from keras_negact.models.by_name import network_by_name
from keras_negact.models.cifar_resnet import cifar_resnet
from keras_negact.models.on_off_cnn import on_off_cnn

__all__ = ["cifar_resnet", "network_by_name", "on_off_cnn"]
