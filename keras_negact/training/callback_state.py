"""What callbacks remember between epochs, apart from how they were configured."""

from typing import Any

import keras

from keras_negact.training.packing import fingerprint


class CallbackMemory:
    """The attributes that changed since training began, callback by callback.

    What a callback was constructed with is left out: a run that goes on with another `patience` or
    another path uses the new one. Attributes that are no plain values (open files, functions,
    models) are left out too.
    """

    def __init__(self, callbacks: list[keras.callbacks.Callback]):
        self._callbacks = _labelled(callbacks)
        self._at_the_start = {
            label: {name: fingerprint(value) for name, value in vars(callback).items()}
            for label, callback in self._callbacks.items()
        }

    def capture(self) -> dict[str, dict[str, Any]]:
        """The changed attributes, by callback."""
        return {
            label: {
                name: value
                for name, value in vars(callback).items()
                if (now := fingerprint(value)) is not None
                and now != self._at_the_start[label].get(name)
            }
            for label, callback in self._callbacks.items()
        }

    def restore(self, memory: dict[str, dict[str, Any]]) -> None:
        """Give the callbacks back what `capture` found; those of another kind are left alone."""
        for label, attributes in memory.items():
            if label in self._callbacks:
                for name, value in attributes.items():
                    setattr(self._callbacks[label], name, value)


def _labelled(
    callbacks: list[keras.callbacks.Callback],
) -> dict[str, keras.callbacks.Callback]:
    labelled: dict[str, keras.callbacks.Callback] = {}
    for callback in callbacks:
        kind = f"{type(callback).__module__}.{type(callback).__qualname__}"
        position = sum(label.startswith(f"{kind}#") for label in labelled)
        labelled[f"{kind}#{position}"] = callback
    return labelled
