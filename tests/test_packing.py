"""Packed values come back equal, with their types."""

import collections
import io
import json
import math
import zipfile

import keras
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from keras_negact._packing import fingerprint, pack, unpack

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.tuples(inner)
        | st.lists(inner).map(collections.deque)
        | st.sets(st.integers())
        | st.frozensets(st.text())
    ),
)


@given(PLAIN)
def test_plain_values(value):
    assert unpack(pack(value)) == value


@given(arrays.arrays(st.sampled_from(["float32", "int64", "bool", "uint8"]), (2, 3)))
def test_arrays(array):
    back = unpack(pack({"array": array}))["array"]
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_scalars_nan_bfloat16_and_functions():
    value = [np.float32(1.5), math.nan, np.ones((0, 3)), np.array(2, ml_dtypes.bfloat16)]
    back = unpack(pack(value))
    assert type(back[0]) is np.float32
    assert math.isnan(back[1])
    assert back[2].shape == (0, 3)
    assert back[3].dtype == ml_dtypes.bfloat16
    assert unpack(pack(keras.ops.less)) is keras.ops.less


@pytest.mark.parametrize(
    "value", [object(), b"1", print, np.array([object()]), np.zeros(2, "i4,f4")]
)
def test_other_values_are_refused(value):
    with pytest.raises(TypeError, match="can't be packed"):
        pack(value)
    assert fingerprint(value) is None


@pytest.mark.parametrize("value", ["", "cat", ["a", "longer"], b"cat", [b"a", b"longer"]])
def test_text_of_numpy(value):
    array = np.array(value)
    for one in (array, array[()]):
        back = unpack(pack(one))
        assert type(back) is type(one)
        np.testing.assert_array_equal(back, one)


@pytest.mark.parametrize(("name", "array"), [("str96", ["cat", "dog"]), ("bytes24", [b"cat"])])
def test_text_as_it_was_once_written(name, array):
    array = np.array(array)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        document = {"array": 0, "dtype": name, "shape": list(array.shape)}
        archive.writestr("document.json", json.dumps(document))
        archive.writestr("array0", array.tobytes())
    np.testing.assert_array_equal(unpack(content.getvalue()), array)
