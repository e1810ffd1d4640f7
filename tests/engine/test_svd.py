"""truncated_svd against LAPACK, and the laws of a truncated SVD, for both engines."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lora_bokeh.engine.spectrum import spectrum
from lora_bokeh.engine.svd import truncated_svd
from tests.helpers import matrices, naive

METHODS = ["power", "lapack"]


def ranks_of(W):
    p = min(W.shape)
    return sorted({1, min(5, p), min(64, p), p})


def check_laws(W, result, k):
    """Shapes, order, orthonormality, reconstruction, agreement with the dense SVD, signs."""
    m, n = W.shape
    exact = naive.singular_values(W)
    scale = exact[0] or 1.0
    loose = 1e-10 if matrices.is_double(W) else 3e-5
    assert result.U.shape == (m, k)
    assert result.s.shape == result.error_bound.shape == (k,)
    assert result.Vh.shape == (k, n)
    assert result.s.dtype == np.float64
    assert np.all(np.diff(result.s) <= 0)
    assert np.all(result.s >= 0)
    assert result.converged
    assert result.complete == (k == min(m, n))
    assert np.abs(result.s - exact[:k]).max() <= matrices.tolerance(W) * scale
    dense_error = 8 * max(m, n) ** 0.5 * np.finfo(float).eps * exact[0]
    assert np.all(np.abs(result.s - exact[:k]) <= result.error_bound + dense_error)
    np.testing.assert_allclose(result.U.T @ result.U, np.eye(k), atol=loose)
    np.testing.assert_allclose(result.Vh @ result.Vh.T, np.eye(k), atol=loose)
    rest = W.astype(np.float64) / scale - (result.U * (result.s / scale)) @ result.Vh
    optimum = np.linalg.norm(exact[k:] / scale)
    assert abs(np.linalg.norm(rest) - optimum) <= loose * max(optimum, 1.0)
    assert np.all(result.U[np.abs(result.U).argmax(axis=0), np.arange(k)] > 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", matrices.ALL)
def test_laws(name, method):
    W = matrices.ALL[name]
    for k in ranks_of(W):
        check_laws(W, truncated_svd(W, k, method=method), k)


shapes = st.tuples(st.integers(1, 70), st.integers(1, 70))
floats = {
    np.float16: st.floats(-100, 100, width=16),
    np.float32: st.floats(-1e6, 1e6, width=32),
    np.float64: st.floats(-1e6, 1e6, allow_subnormal=False),
    np.int8: st.integers(-128, 127),
    np.int64: st.integers(-(2**40), 2**40),
}


@given(st.data(), st.sampled_from(sorted(floats, key=str)), shapes, st.sampled_from("CF"))
def test_laws_of_any_shape_rank_and_dtype(data, dtype, shape, order):
    W = data.draw(hnp.arrays(dtype, shape, elements=floats[dtype])).copy(order)
    k = data.draw(st.integers(1, min(shape)))
    check_laws(W, truncated_svd(W, k, method="power"), k)


# Not so small that a float holds a value to a few bits only.
lengths = st.just(0.0) | st.floats(1e-290, 1e3)


@given(st.lists(lengths, min_size=1, max_size=40), st.integers(0, 30))
def test_any_spectrum(values, more):
    m = len(values)
    W = matrices.with_values(m + more, m, np.array(values), seed=more)
    check_laws(W, truncated_svd(W, (m + 1) // 2, method="power"), (m + 1) // 2)


def test_against_textbook_deflation():
    W = matrices.with_values(40, 30, 0.7 ** np.arange(30))
    U, s, Vh = naive.truncated_svd(W, 6)
    result = truncated_svd(W, 6, method="power")
    np.testing.assert_allclose(result.s, s, rtol=1e-12)
    np.testing.assert_allclose((result.U * result.s) @ result.Vh, (U * s) @ Vh, atol=1e-9)


@pytest.mark.parametrize("name", ["60×40", "graded", "Hilbert", "pairs", "float32"])
def test_vectors_span_what_lapack_says(name):
    W = matrices.ALL[name].astype(np.float64)
    result = truncated_svd(W, 10, method="power")
    np.testing.assert_allclose(
        (result.U * result.s) @ result.Vh, naive.approximation(W, 10), atol=1e-8 * result.s[0]
    )


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("shape", [(1500, 1100), (1100, 1500)])
def test_large_matrices_go_to_the_power_engine(shape, order):
    p = min(shape)
    W = np.asarray(matrices.with_values(*shape, np.arange(1, p + 1) ** -0.7), np.float32, order)
    result = truncated_svd(W, 20)
    assert result.method == "power"
    assert result.n_sweeps > 0
    check_laws(W, result, 20)
    np.testing.assert_allclose(result.s, naive.singular_values(W)[:20], rtol=2e-6)


def test_a_flat_spectrum_is_handed_to_lapack():
    W = matrices.with_values(1100, 1100, np.linspace(1.0, 0.999, 1100))
    result = truncated_svd(W, 64)
    assert result.method == "lapack"
    check_laws(W, result, 64)


def test_more_copies_of_a_value_than_the_block_is_wide():
    values = np.r_[np.linspace(10, 5, 20), np.full(60, 3.0), np.linspace(2.5, 0.01, 1020)]
    W = matrices.with_values(1200, 1100, values)
    result = truncated_svd(W, 90, method="power")
    np.testing.assert_allclose(result.s, values[:90], rtol=1e-11)


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_holds_where_two_values_are_repeated_by_the_hundred(seed):
    values = np.r_[np.ones(15 + seed), np.full(235, 0.478)]
    W = matrices.with_values(251, 285, values[:251], seed=seed).astype(np.float32)
    check_laws(W, truncated_svd(W, 25 + 2 * seed, method="power"), 25 + 2 * seed)


def test_one_value_far_above_the_others_is_as_exact():
    W = np.zeros((45, 24))
    for i, value in enumerate([14287, 817, 465, 353, 122, 85, 1, 1]):
        W[5 * i + 4, 3 * i] = value
    for seed in range(5):
        check_laws(W, truncated_svd(W, 1, method="power", seed=seed), 1)


def test_same_seed_same_bits():
    W = matrices.with_values(300, 200, 0.9 ** np.arange(200))
    first, again = (truncated_svd(W, 20, seed=7, method="power") for _ in range(2))
    for one, other in zip(first[:4], again[:4], strict=True):
        np.testing.assert_array_equal(one, other)


PRINT_BITS = """
import numpy as np
from lora_bokeh.engine.svd import truncated_svd
r = truncated_svd(np.random.default_rng(1).standard_normal((300, 200)), 20, method="power")
print(r.U.tobytes().hex(), r.s.tobytes().hex(), r.Vh.tobytes().hex())
"""


def test_same_bits_in_other_processes_and_with_one_thread_of_numba(monkeypatch):
    def bits(threads):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        return subprocess.run(
            [sys.executable, "-c", PRINT_BITS], capture_output=True, text=True, check=True
        ).stdout

    assert bits("1") == bits("1") == bits("2")


def test_same_bits_at_work_beside_others():
    W = matrices.with_values(500, 400, np.arange(1, 401) ** -0.5)

    def bits(_):
        r = truncated_svd(W, 20, method="power")
        return *(x.tobytes() for x in r[:4]), spectrum(W, 20, method="power").tail_norm

    alone = bits(0)
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(bits, range(12))) == {alone}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system assigns no cores")
def test_same_bits_on_one_core_and_with_one_thread_of_blas(monkeypatch):
    def bits(before=""):
        code = before + PRINT_BITS
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout

    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    all_cores = bits()
    assert bits("import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})") == all_cores
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    assert bits() == all_cores


@pytest.mark.parametrize("exponent", [-82, -79, -78, -77, -76.25, 76, 78, 84, 90, -300, 150])
def test_scales_whose_squares_or_fourth_powers_float64_does_not_hold(exponent):
    values = np.geomspace(1, 1e-4, 120)
    W = matrices.with_values(150, 120, values)
    result = truncated_svd(W * 10.0**exponent, 20, method="power")
    s = result.s / 10.0**exponent
    np.testing.assert_allclose(s, values[:20], rtol=1e-11)
    assert np.abs(W @ result.Vh.T - result.U * s).max() < 1e-10
    assert spectrum(W * 10.0**exponent, 20, method="power").s == pytest.approx(result.s, rel=1e-11)


def test_what_rounding_leaves_in_the_basis_is_no_new_direction():
    W = np.full((33, 34), 3, np.float32)
    W[0, 0] = 16555
    check_laws(W, truncated_svd(W, 20, method="power"), 20)


def test_another_seed_gives_the_same_values():
    W = matrices.SHAPES["60×40"]
    values = [truncated_svd(W, 10, seed=seed, method="power").s for seed in range(5)]
    np.testing.assert_allclose(values, [values[0]] * 5, rtol=1e-12)


BAD = [
    (np.ones((2, 2)), {"rank": 0}, ValueError, "rank must be between 1 and 2, got 0"),
    (np.ones((2, 2)), {"rank": 3}, ValueError, "rank must be between 1 and 2, got 3"),
    (np.ones((2, 2)), {"rank": True}, TypeError, "rank must be an integer, got the boolean True"),
    (np.ones((2, 2)), {"rank": 1.5}, TypeError, "rank must be an integer, got 1.5"),
    (np.ones((2, 2)), {"tol": -1.0}, ValueError, "tol must be a positive number, got -1.0"),
    (np.ones((2, 2)), {"seed": None}, TypeError, "seed must be an integer, got None"),
    (np.ones((2, 2)), {"rank": 0}, ValueError, "rank must be between 1 and 2, got 0"),
    (np.ones((2, 2)), {"tol": "1e-3"}, ValueError, "tol must be a positive number, got '1e-3'"),
    (np.ones((2, 2)), {"seed": -1}, ValueError, "seed must not be negative, got -1"),
    (np.ones((2, 2)), {"method": "magic"}, ValueError, "method must be one of auto, power, lapack"),
]


@pytest.mark.parametrize(("a", "options", "error", "message"), BAD)
def test_bad_options(a, options, error, message):
    with pytest.raises(error, match=message):
        truncated_svd(a, **options)


@given(st.integers(20, 60), st.integers(0, 1000))
def test_rounding_noise_within_the_basis_is_no_new_direction(n, seed):
    """A partial permutation: what rounding leaves of a product lies in the span found already."""
    rng = np.random.default_rng(seed)
    W = np.zeros((n, n), np.float16)
    rank = int(rng.integers(1, n // 2))
    places = rng.choice(n, rank, replace=False), rng.choice(n, rank, replace=False)
    W[places] = rng.choice([1, 1, 1, 2, 0.5, 100], rank)
    k = int(rng.integers(1, n + 1))
    check_laws(W, truncated_svd(W, k, method="power"), k)
