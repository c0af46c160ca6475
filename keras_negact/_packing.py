"""Nested Python values and arrays to bytes and back, without pickle."""

import collections
import io
import json
import zipfile
from typing import Any

import keras
import numpy as np

# The same for all archives: the format knows no dates before 1980 and after 2107, which a clock
# that is wrong may give.
_DATE = (1980, 1, 1, 0, 0, 0)
_COLLECTIONS = {kind.__name__: kind for kind in (list, tuple, set, frozenset, collections.deque)}


def pack(value: Any) -> bytes:
    """Write `value` as one archive with a checksum for every part.

    Args:
        value: nested dicts, lists, tuples, sets and deques of arrays, NumPy scalars, strings,
            numbers, booleans, `None` and functions of `keras.ops`.

    Returns:
        The archive: one JSON document, and the bytes of every array.

    Raises:
        TypeError: if something else is in `value`.
    """
    arrays: list[np.ndarray] = []
    document = json.dumps(_encode(value, arrays))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo("document.json", _DATE), document)
        for index, array in enumerate(arrays):
            archive.writestr(zipfile.ZipInfo(f"array{index}", _DATE), array.tobytes())
    return content.getvalue()


def unpack(content: bytes) -> Any:
    """Read what `pack` wrote.

    Raises:
        ValueError: if the bytes are not whole.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _decode(json.loads(archive.read("document.json")), archive)
    # Damage can make any step of reading fail in any way: unknown compressions, types that there
    # are not, nesting without end.
    except Exception as error:
        raise ValueError(f"not a whole archive: {error or type(error).__name__}") from error


def fingerprint(value: Any) -> tuple[str, ...] | None:
    """Something equal for equal values; `None` for a value that `pack` refuses."""
    arrays: list[np.ndarray] = []
    try:
        document = json.dumps(_encode(value, arrays))
    except TypeError:
        return None
    return (document, *(array.tobytes().hex() for array in arrays))


def _encode(value: Any, arrays: list[np.ndarray]) -> Any:
    if value is None or (
        isinstance(value, (bool, int, float, str)) and type(value).__module__ == "builtins"
    ):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.hasobject or value.dtype.names:
            raise TypeError("an array of Python objects, or of records, can't be packed")
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        dtype = value.dtype
        if dtype.kind in "US":
            # Of no text at all NumPy reads nothing back.
            value = np.asarray(value, None if dtype.itemsize else f"{dtype.kind}1")
            name = value.dtype.str
        else:
            # The dtypes of `ml_dtypes` (bfloat16) have no other portable one.
            name = dtype.name
        arrays.append(np.asarray(value))
        return {kind: len(arrays) - 1, "dtype": name, "shape": list(value.shape)}
    if type(value) in _COLLECTIONS.values():
        return {type(value).__name__: [_encode(item, arrays) for item in value]}
    if isinstance(value, dict):
        items = [[_encode(key, arrays), _encode(item, arrays)] for key, item in value.items()]
        return {"dict": items}
    # Keras's monitoring callbacks keep their comparison, and a sign that goes with it.
    if callable(value) and getattr(keras.ops, getattr(value, "__name__", ""), None) is value:
        return {"op": value.__name__}
    raise TypeError(f"a value of type {type(value).__name__} can't be packed")


def _decode(document: Any, archive: zipfile.ZipFile) -> Any:
    if not isinstance(document, dict):
        return document
    if "dict" in document:
        return {_decode(key, archive): _decode(item, archive) for key, item in document["dict"]}
    for name in _COLLECTIONS.keys() & document.keys():
        return _COLLECTIONS[name](_decode(item, archive) for item in document[name])
    if "op" in document:
        function = getattr(keras.ops, document["op"])
        if document["op"].startswith("_") or not callable(function):
            raise ValueError(f"no operation of Keras: {document['op']!r}")
        return function
    kind = "array" if "array" in document else "scalar"
    dtype = _dtype(document["dtype"])
    flat = np.frombuffer(archive.read(f"array{document[kind]}"), dtype=dtype)
    array = flat.reshape(document["shape"]).copy()
    return array if kind == "array" else array[()]


def _dtype(name: str) -> np.dtype:
    """The dtype of that name; that of text was written once as its number of bits."""
    for earlier, kind, bits in (("str", "U", 32), ("bytes", "S", 8)):
        if name.startswith(earlier):
            return np.dtype(f"{kind}{int(name.removeprefix(earlier)) // bits}")
    return np.dtype(name)
