"""The checked door: what comes in, uncopied, and in one sentence what does not."""

import ml_dtypes
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh.engine.matrix import PANEL_BYTES, check_matrix, frobenius_norm, panels
from lora_bokeh.engine.widening import widened
from tests.helpers import matrices


@pytest.mark.parametrize("name", matrices.ALL)
def test_good_matrices_come_through_uncopied(name):
    W = matrices.ALL[name]
    assert check_matrix(W) is W


def test_memory_maps_stay_on_disk(tmp_path):
    np.save(tmp_path / "w.npy", np.ones((3, 4)))
    W = np.load(tmp_path / "w.npy", mmap_mode="r")
    assert np.shares_memory(check_matrix(W), W)


def test_nested_sequences():
    assert check_matrix([[1, 2], (3, 4)]).tolist() == [[1, 2], [3, 4]]


WITH_NAN = np.ones((400, 5000), np.float32)
WITH_NAN[333, 4321] = np.nan
REFUSED = [
    ([[1, 2], [3]], ValueError, r"row 1 has 1 entries, row 0 has 2 \(counted from 0\)"),
    ([[1, 2], 3], ValueError, "row 1 and row 0"),
    ([], ValueError, "empty"),
    ([[]], ValueError, "empty"),
    (np.zeros((0, 3)), ValueError, r"empty: its shape is \(0, 3\)"),
    (np.ones(3), ValueError, r"must be 2-D, got 1-D of shape \(3,\)"),
    (np.ones((2, 2, 2)), ValueError, "must be 2-D, got 3-D"),
    (3.0, ValueError, "must be 2-D, got 0-D"),
    ([[1, np.inf]], ValueError, r"entry \(row 0, column 1\) is inf, counted from 0"),
    (WITH_NAN, ValueError, r"entry \(row 333, column 4321\) is nan"),
    (WITH_NAN.T, ValueError, r"entry \(row 4321, column 333\) is nan"),
    (np.full((3, 3), 1e308), ValueError, "overflows float64"),
    (np.ones((2, 2), complex), TypeError, "real numbers.*complex128"),
    (np.ones((2, 2), object), TypeError, "real numbers.*object"),
    (np.ones((2, 2), "M8[s]"), TypeError, "real numbers"),
    ([["a", "b"]], TypeError, "real numbers"),
    ("text", TypeError, "real numbers"),
    (None, TypeError, "the matrix is None; give an array of real numbers"),
    (np.ma.masked_equal([[1, 2]], 2), TypeError, "masked"),
    ([np.ma.masked_equal([1, 2], 2), [3, 4]], TypeError, "masked"),
    (scipy.sparse.eye_array(3), TypeError, r"sparse; convert it with .toarray\(\)"),
    (np.ones((2, 2), np.longdouble), TypeError, "at most 64 bits"),
]


@pytest.mark.parametrize(("a", "error", "message"), REFUSED)
def test_refused(a, error, message):
    with pytest.raises(error, match=message) as caught:
        check_matrix(a)
    assert "\n" not in str(caught.value)


@given(st.integers(1, 300), st.integers(1, 300), st.floats(-300, 300))
def test_norm(m, n, exponent):
    W = np.random.default_rng(m * n).standard_normal((m, n))
    expected = np.linalg.norm(W)
    assert frobenius_norm(W * 10.0**exponent) / 10.0**exponent == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", matrices.MEMORY)
def test_norm_of_any_layout(name):
    W = matrices.MEMORY[name]
    assert frobenius_norm(W) == pytest.approx(np.linalg.norm(W.astype(float)), rel=1e-13)


@pytest.mark.parametrize(
    "dtype", [np.float16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, ml_dtypes.bfloat16]
)
@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_every_small_float_is_widened_exactly(dtype, precision):
    size = np.dtype(dtype).itemsize
    every = np.arange(256**size, dtype=f"u{size}").view(dtype).reshape(16, -1)
    for a in (every, every.T, every[:, ::3], every[:13]):
        three_rows = 3 * a.shape[1] * precision().itemsize
        with np.errstate(invalid="ignore"):
            pieces = [piece.copy() for _, piece in widened(a, precision, three_rows)]
            expected = a.astype(precision)
        assert all(len(piece) <= 3 for piece in pieces)
        np.testing.assert_array_equal(np.concatenate(pieces), expected)


def test_panels_cover_the_matrix_once_in_small_pieces():
    W = np.arange(3_000_000, dtype=np.int32).reshape(3000, 1000)
    pieces = [(rows, piece.copy()) for rows, piece in panels(W, np.float64)]
    assert len(pieces) > 1
    assert all(piece.nbytes <= PANEL_BYTES for _, piece in pieces)
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in pieces]), W)
    assert [rows.start for rows, _ in pieces] == sorted({rows.start for rows, _ in pieces})
