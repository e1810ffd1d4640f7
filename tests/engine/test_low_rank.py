"""Thin QR: orthonormal, upper triangular, the product given back, however ill-conditioned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh.engine.thin_qr import thin_qr

EPS = np.finfo(np.float64).eps


def check(X):
    Q, R = thin_qr(X)
    p = min(X.shape)
    assert Q.shape == (X.shape[0], p)
    assert R.shape == (p, X.shape[1])
    assert np.abs(Q.T @ Q - np.eye(p)).max() < 1e-13
    np.testing.assert_array_equal(R, np.triu(R))
    np.testing.assert_allclose(Q @ R, X, atol=1000 * EPS * np.abs(X).max(), rtol=0)


@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 20), st.integers(0, 2**31))
def test_any_condition(m, n, decades, seed):
    rng = np.random.default_rng(seed)
    check(rng.standard_normal((m, n)) @ np.diag(10.0 ** -np.linspace(0, decades, n)))


@given(st.integers(2, 60), st.integers(2, 12), st.integers(0, 18), st.integers(0, 2**31))
def test_any_condition_in_any_direction(m, n, decades, seed):
    rng = np.random.default_rng(seed)
    mix = np.linalg.qr(rng.standard_normal((n, n)))[0]
    check(rng.standard_normal((m, n)) @ np.diag(10.0 ** -np.linspace(0, decades, n)) @ mix)


@pytest.mark.parametrize("scale", [0.0, 1e-200, 1.0, 1e200])
def test_rank_deficient_at_any_scale(scale):
    X = np.random.default_rng(0).standard_normal((50, 2)) @ np.ones((2, 6))
    check(scale * X)


def test_same_values_as_householder():
    X = np.random.default_rng(1).standard_normal((4096, 64))
    ours, theirs = (np.linalg.svd(R, compute_uv=False) for R in (thin_qr(X)[1], np.linalg.qr(X)[1]))
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)
