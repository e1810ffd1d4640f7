"""Spectrum against residuals written out, and the laws its curves obey."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.spectrum import spectrum
from tests.helpers import matrices, naive

MATRIX = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 25), st.integers(1, 25)),
    elements=st.floats(-1e6, 1e6, width=32),
)
POWER_LAW = matrices.with_values(150, 120, np.arange(1, 121) ** -0.7)


@given(MATRIX)
def test_residuals_against_the_matrices_written_out(W):
    result = spectrum(W)
    scale = result.frobenius_norm
    for r in range(min(W.shape) + 1):
        close = {"rel": 1e-9, "abs": 1e-13 * scale}
        assert result.frobenius_residual(r) == pytest.approx(
            naive.frobenius_residual(W, r), **close
        )
        assert result.spectral_residual(r) == pytest.approx(naive.spectral_residual(W, r), **close)
        if scale:
            assert result.captured_energy(r) == pytest.approx(naive.captured_energy(W, r), abs=1e-9)


@given(MATRIX, st.integers(1, 25), st.sampled_from(["power", "lapack"]))
def test_laws_of_the_curves(W, k, method):
    k = min(k, *W.shape)
    result = spectrum(W, k, method=method)
    every = np.arange(k + 1)
    residual, spectral = result.frobenius_residual(every), result.spectral_residual(every)
    energy = result.captured_energy(every)
    assert result.complete == (k == min(W.shape))
    assert np.all(np.diff(residual) <= 0)
    assert np.all(np.diff(spectral) <= 0)
    assert np.all(np.diff(energy) >= 0)
    assert np.all((energy >= 0) & (energy <= 1))
    assert np.all(spectral <= residual * (1 + 1e-9) + 1e-12 * result.frobenius_norm)
    assert residual[0] == pytest.approx(np.linalg.norm(W), rel=1e-9)
    if result.complete:
        assert residual[-1] == spectral[-1] == 0.0
        assert energy[-1] == 1.0


def test_a_known_matrix():
    i = np.arange(4)
    result = spectrum((4 - i[:, None] - i).tolist())
    assert result.complete
    assert result.frobenius_residual(1) == pytest.approx(2.898979, abs=1e-6)
    assert result.captured_energy(1) == pytest.approx(0.84993, abs=1e-5)
    assert result.frobenius_residual(2) < 1e-12


def test_rank_none_int_and_array_agree():
    result = spectrum(POWER_LAW, 10)
    for method in (result.frobenius_residual, result.spectral_residual, result.captured_energy):
        curve = method()
        assert curve.shape == (10,)
        np.testing.assert_array_equal(curve, method(np.arange(1, 11)))
        assert [method(r) for r in range(1, 11)] == curve.tolist()
        assert isinstance(method(3), float)


@pytest.mark.parametrize("rank", [-1, 11, np.array([3, 11]), np.array([-1])])
def test_rank_out_of_range(rank):
    with pytest.raises(ValueError, match="rank must be between 0 and 10"):
        spectrum(POWER_LAW, 10).frobenius_residual(rank)


@pytest.mark.parametrize("rank", [True, 1.0, "1", np.array([1.0])])
def test_rank_of_the_wrong_type(rank):
    with pytest.raises(TypeError, match="rank must"):
        spectrum(POWER_LAW, 10).captured_energy(rank)


@pytest.mark.parametrize("method", ["power", "lapack"])
@pytest.mark.parametrize("name", matrices.ALL)
def test_the_tail_of_an_incomplete_spectrum(name, method):
    W = matrices.ALL[name]
    exact = naive.singular_values(W)
    k = (len(exact) + 1) // 2
    result = spectrum(W, k, method=method)
    scale = exact[0] or 1.0
    loose = 1e-10 if matrices.is_double(W) else 1e-6
    tail = np.linalg.norm(exact[k:] / scale)
    assert result.tail_norm / scale == pytest.approx(tail, rel=1e-5, abs=loose)
    assert result.frobenius_norm / scale == pytest.approx(np.linalg.norm(exact / scale), rel=1e-6)


@pytest.mark.parametrize("k", [1, 5, 60, 120])
def test_bounds_hold_the_truth(k):
    full, part = spectrum(POWER_LAW), spectrum(POWER_LAW, k)
    every = np.arange(121)
    for name in ("residual", "captured_energy"):
        low, high = getattr(part, f"{name}_bounds")(every)
        truth = getattr(full, name if name != "residual" else "frobenius_residual")(every)
        assert np.all(low <= truth + 1e-12)
        assert np.all(truth <= high + 1e-12)
        np.testing.assert_array_equal(low[: k + 1], high[: k + 1])
    low, high = part.residual_bounds(np.arange(k, 120))
    tail, last = part.frobenius_residual(k), part.s[-1]
    band = np.sqrt(np.maximum(0, tail**2 - np.arange(120 - k) * last**2))
    np.testing.assert_allclose(low, band, atol=1e-12)
    np.testing.assert_allclose(high, tail)
    assert part.residual_bounds(120) == (0.0, 0.0)
    assert part.captured_energy_bounds(120) == (1.0, 1.0)


def test_spectral_residual_at_the_last_computed_rank_is_an_upper_bound():
    exact = naive.singular_values(POWER_LAW)
    for k in (1, 5, 119):
        assert exact[k] <= spectrum(POWER_LAW, k).spectral_residual(k) <= exact[k - 1] * (1 + 1e-12)


def test_zero_matrix():
    result = spectrum(np.zeros((3, 4)))
    assert result.frobenius_norm == 0
    assert result.frobenius_residual(0) == 0
    np.testing.assert_array_equal(result.captured_energy(np.arange(4)), 1.0)


def test_defaults_and_completeness():
    assert spectrum(np.ones((512, 512), np.float16)).complete
    assert len(spectrum(np.ones((3, 5))).s) == 3
    large = spectrum(matrices.with_values(1100, 1030, 0.5 ** np.arange(30)))
    assert (len(large.s), large.complete, large.method) == (64, False, "power")
    assert large.tail_norm < 1e-13


PAIRS = st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 25))


@given(PAIRS, st.floats(-1e3, 1e3, width=32), st.sampled_from([np.float16, np.float32, np.float64]))
def test_low_rank_pair_against_its_product(sizes, scale, dtype):
    m, n, r = sizes
    rng = np.random.default_rng(m * 1000 + n * 30 + r)
    pair = LowRank(
        rng.standard_normal((m, r)).astype(dtype), rng.standard_normal((r, n)).astype(dtype), scale
    )
    W = scale * (pair.B.astype(np.float64) @ pair.A.astype(np.float64))
    exact = naive.singular_values(W)
    result = spectrum(pair)
    k = min(m, n, r)
    assert (result.shape, result.dtype, result.method) == ((m, n), dtype, "qr")
    assert len(result.s) == k
    assert result.tail_norm == 0
    np.testing.assert_allclose(result.s, exact[:k], atol=1e-12 * (exact[0] or 1))
    assert result.frobenius_norm == pytest.approx(np.linalg.norm(W), rel=1e-12)
    assert len(spectrum(pair, min(m, n)).s) == min(m, n)


def test_small_matrices_need_no_compiler():
    code = (
        "import sys, numpy as np; from lora_bokeh.engine.spectrum import spectrum; "
        "spectrum(np.eye(9)); sys.exit('numba' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_real_matrices(shared_data):
    for name in ("query", "ffn"):
        W = np.load(shared_data / f"minilm_l6_layer0_{name}.npy", mmap_mode="r")
        exact = naive.singular_values(W)
        for method in ("lapack", "power"):
            result = spectrum(W, method=method)
            assert result.complete
            assert np.abs(result.s - exact).max() <= 1e-6 * exact[0]
