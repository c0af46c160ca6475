"""This package's own activations as what a swap puts in."""

import keras

from keras_negact.layers._leni_arguments import given_initializers
from keras_negact.surgery import forms
from keras_negact.surgery.same_function import dtype_policy, same_function, slopes_of
from keras_negact.surgery.vocabulary import Template


def _leni_for(leni, site, width: int) -> dict:
    changes = {}
    if leni.activation is None:
        activation = site.activation
        if isinstance(activation, keras.Layer):
            activation.dtype_policy = dtype_policy(site)
        changes["activation"] = None if activation == "relu" else activation
    if leni.transform == "depthwise":
        config = leni.get_config()
        changes.update(forms.transformation(site.around, config, width, site.rank))
    return changes


def _leni_keeps(leni, site) -> bool:
    starts_as_keep = leni.start == "keep" or (leni.start is None and not given_initializers(leni))
    same_width = leni.filters in (None, site.channels)
    activation = "relu" if leni.activation is None else leni.activation
    return starts_as_keep and same_width and same_function(activation, site)


def _leni_restores(leni, channels: int) -> dict | None:
    if leni.compression != "pointwise":
        return None
    return {} if leni.filters is not None else {"filters": channels}


def _pair_for(pair, site, width: int) -> dict:
    return {"max_value": site.described.max_value} if pair.max_value is None else {}


def _pair_slopes(pair, site) -> tuple | None:
    return slopes_of(site) if pair.max_value is None else None


def _pair_keeps(pair, site) -> bool:
    if _pair_slopes(pair, site) is not None:
        return True
    known = site.function in ("relu", "relu6", "capped_relu")
    return known and pair.max_value == site.described.max_value


LENI_TEMPLATE = Template(_leni_for, _leni_keeps, restores=_leni_restores)
PAIR_TEMPLATE = Template(_pair_for, _pair_keeps, slopes=_pair_slopes, only_where_kept=True)
