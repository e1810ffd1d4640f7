"""LoRA's arithmetic against counting, and the pair that is never multiplied."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh import lora
from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.svd import truncated_svd

sizes = st.integers(1, 10**6)


@given(sizes, sizes, sizes)
def test_counts(d, k, r):
    assert lora.full_count(d, k) == d * k
    assert lora.parameter_count(d, k, r) == d * r + r * k
    assert (lora.savings(d, k, r) < 0) == (d * r + r * k > d * k)


@given(sizes, sizes)
def test_nothing_is_saved_at_the_break_even_rank(d, k):
    r = lora.break_even_rank(d, k)
    assert r * (d + k) == pytest.approx(d * k)


def test_published_counts():
    assert lora.parameter_count(64, 64, 8) == 1024
    assert lora.savings(64, 64, 8) == 0.75
    assert lora.parameter_count(4096, 4096, 8) == 65536
    assert lora.savings(4096, 4096, 8) == pytest.approx(0.996, abs=1e-4)


def test_scale():
    assert lora.scale(16, 8) == 2.0
    assert lora.scale(16, 4, rslora=True) == 8.0
    with pytest.raises(ValueError, match="rank must be at least 1, got 0"):
        lora.scale(16, 0)


def pair(m=30, n=20, r=4, scale=-0.5):
    rng = np.random.default_rng(0)
    return LowRank(rng.standard_normal((m, r)), rng.standard_normal((r, n)), scale)


def test_pair():
    p = pair()
    assert (p.shape, p.rank, p.dtype) == ((30, 20), 4, np.float64)
    np.testing.assert_allclose(p.todense(), -0.5 * p.B @ p.A)
    assert p.frobenius_norm == pytest.approx(np.linalg.norm(p.todense()))


def test_norm_does_not_cancel_nor_overflow():
    B = np.array([[1.0, 1.0]])
    A = np.array([[1.0], [-1.0 + 2.0**-50]])
    assert LowRank(B, A).frobenius_norm == pytest.approx(2.0**-50, rel=1e-2)
    huge = LowRank(np.full((3, 1), 1e200), np.full((1, 3), 1e100))
    assert huge.frobenius_norm == pytest.approx(3e300)


@pytest.mark.parametrize("rank", [None, 2, 20])
def test_factors_of_a_pair(rank):
    p = pair()
    result = truncated_svd(p, rank)
    k = rank or 4
    assert result.U.shape == (30, k)
    np.testing.assert_allclose(result.U.T @ result.U, np.eye(k), atol=1e-12)
    np.testing.assert_allclose(result.Vh @ result.Vh.T, np.eye(k), atol=1e-12)
    if k >= 4:
        np.testing.assert_allclose((result.U * result.s) @ result.Vh, p.todense(), atol=1e-12)
        np.testing.assert_array_equal(result.s[4:], 0)


def cancelling(dtype):
    """A pair whose product is small beside its factors, and the values of the product."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((60, 1)), rng.standard_normal((1, 50))
    B = np.hstack([X, -X + 1e-4 * rng.standard_normal((60, 1))])
    B, A = (1000 * B).astype(dtype), np.vstack([Y, 1000 * Y]).astype(dtype)
    return LowRank(B, A), np.linalg.svd(B.astype(float) @ A.astype(float), compute_uv=False)[:2]


@pytest.mark.parametrize("method", ["auto", "lapack", "power"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.int16])
def test_the_product_is_rounded_in_float64_and_the_bound_knows(method, dtype):
    pair, exact = cancelling(dtype)
    result = truncated_svd(pair, 2, method=method)
    assert result.converged
    assert np.all(np.abs(result.s - exact) <= result.error_bound + pair.rounding)
    sizes = [np.linalg.norm(factor.astype(float)) for factor in (pair.B, pair.A)]
    assert np.all(result.error_bound <= 1e-12 * np.prod(sizes))


@pytest.mark.parametrize("method", ["auto", "lapack", "power"])
@pytest.mark.parametrize(("one", "scale"), [(1e-170, 1e300), (1e170, 1e-300), (1e-30, -1e20)])
def test_factors_far_from_one(method, one, scale):
    near = pair()
    far = LowRank(one * near.B, one * near.A, scale)
    result = truncated_svd(far, 4, method=method)
    unit = (one * 1e-150) * (one * scale * 1e150) if abs(one) > 1 else one * scale * one
    W = np.sign(scale) * near.B @ near.A
    rest = W - (result.U * (result.s / abs(unit))) @ result.Vh
    assert np.linalg.norm(rest) <= 1e-12 * np.linalg.norm(W)


def test_a_product_that_float64_does_not_hold_is_refused():
    huge = LowRank(np.full((3, 1), 1e200), np.full((1, 3), 1e200))
    with pytest.raises(ValueError, match="norm of the update overflows float64; scale it down"):
        truncated_svd(huge)


def test_short_formats_of_two_kinds():
    B, A = np.ones((4, 1), np.float16), np.full((1, 3), 2, ml_dtypes.bfloat16)
    mixed = LowRank(B, A)
    assert mixed.dtype == np.float32
    assert truncated_svd(mixed, 1).s[0] == pytest.approx(48**0.5)


@pytest.mark.parametrize(
    ("B", "A", "scale", "error", "message"),
    [
        (np.ones((3, 2)), np.ones((3, 4)), 1, ValueError, "B has 2 columns and A has 3 rows"),
        (np.ones(3), np.ones((1, 4)), 1, ValueError, "B must be a non-empty 2-D array"),
        (np.ones((3, 0)), np.ones((0, 4)), 1, ValueError, "B must be a non-empty 2-D array"),
        (np.ones((3, 1)) * 1j, np.ones((1, 4)), 1, TypeError, "B must hold real numbers"),
        (np.ones((1, 1)), [[1.0, np.nan]], 1, ValueError, r"A: entry \(row 0, column 1\) is nan"),
        (np.ones((1, 1)), np.ones((1, 1)), np.inf, ValueError, "scale must be a finite number"),
        (np.ones((1, 1)), np.ones((1, 1)), True, TypeError, "scale must be a number, got True"),
        (np.ones((1, 1)), np.ones((1, 1)), None, TypeError, "scale must be a number, got None"),
        (np.ones((1, 1), np.longdouble), np.ones((1, 1)), 1, TypeError, "B must hold real numbers"),
        (np.ones((1, 1)), np.ma.masked_equal([[1.0]], 1), 1, TypeError, "A has masked entries"),
        (None, np.ones((1, 1)), 1, TypeError, "B is None"),
    ],
)
def test_bad_pairs(B, A, scale, error, message):
    with pytest.raises(error, match=message):
        LowRank(B, A, scale)
