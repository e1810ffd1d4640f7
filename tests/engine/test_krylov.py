"""The iteration on squares: where it serves, where it gives way, and that nobody sees the seam."""

import threading

import numpy as np
import pytest

from lora_bokeh import truncated_svd
from lora_bokeh.engine import power
from lora_bokeh.engine.krylov import BlockKrylov
from lora_bokeh.engine.steps import svd_steps
from tests.helpers import matrices, naive


@pytest.fixture
def gave_way(monkeypatch):
    """The matrices whose squares did not serve."""
    shapes = []
    start = BlockKrylov.__init__

    def noted(self, operator, seed):
        shapes.append(operator.shape)
        start(self, operator, seed)

    monkeypatch.setattr(BlockKrylov, "__init__", noted)
    return shapes


def check(W, k, tolerance):
    result = truncated_svd(W, k, method="power")
    exact = naive.singular_values(W)[:k]
    np.testing.assert_allclose(result.s, exact, rtol=tolerance)
    assert np.all(np.abs(result.s - exact) <= result.error_bound + 1e-14 * exact[0])
    loose = 1e-10 if matrices.is_double(W) else 1e-5
    np.testing.assert_allclose(result.U.T @ result.U, np.eye(k), atol=loose)
    np.testing.assert_allclose(result.Vh @ result.Vh.T, np.eye(k), atol=loose)
    product = (result.U * result.s) @ result.Vh
    best = naive.approximation(W.astype(np.float64), k)
    np.testing.assert_allclose(product, best, atol=loose * exact[0])


VALUES = np.arange(1, 301) ** -0.7


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("shape", [(400, 300), (300, 400)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-6), (np.float64, 1e-12)])
def test_it_serves_both_layouts_of_tall_and_wide(shape, order, dtype, tolerance, gave_way):
    check(np.asarray(matrices.with_values(*shape, VALUES), dtype, order), 20, tolerance)
    assert gave_way == []


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_it_serves_at_any_scale(scale, gave_way):
    W = (matrices.with_values(400, 300, VALUES) * scale).astype(np.float32)
    check(W, 20, 2e-6)
    assert gave_way == []


def test_half_precision_is_widened_on_the_way(gave_way):
    check(matrices.with_values(400, 300, VALUES).astype(np.float16), 20, 2e-6)
    assert gave_way == []


DIFFICULT = {
    "values too small": np.r_[1.0, np.linspace(1e-3, 5e-4, 299)],
    "low rank": np.r_[np.linspace(2, 1, 30), np.zeros(270)],
    "one copy after another": np.r_[np.full(60, 3.0), np.linspace(2, 1, 240)],
    "nothing": np.zeros(300),
}


@pytest.mark.parametrize("name", DIFFICULT)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_it_does_not_resolve_is_done_by_both_sides(name, dtype):
    W = matrices.with_values(400, 300, DIFFICULT[name]).astype(dtype)
    result = truncated_svd(W, 40, method="power")
    exact = naive.singular_values(W)
    tolerance = 1e-12 if dtype is np.float64 else 1e-6
    assert np.abs(result.s - exact[:40]).max() <= tolerance * exact[0]
    assert np.all(np.abs(result.s - exact[:40]) <= result.error_bound + 1e-13 * exact[0])
    assert result.converged


def test_it_gives_way_for_values_that_squares_lose(gave_way):
    W = matrices.with_values(400, 300, DIFFICULT["values too small"]).astype(np.float32)
    truncated_svd(W, 40, method="power")
    assert gave_way == [(400, 300)]


def test_more_ranks_across_the_seam_keep_what_is_known(gave_way):
    values = np.r_[np.linspace(2, 1, 30), np.linspace(5e-3, 4e-3, 270)]
    steps = svd_steps(matrices.with_values(400, 300, values).astype(np.float32), 20, method="power")
    assert len(list(steps)) == 20
    known, vectors = steps.values, steps.factors()[1]
    assert gave_way == []
    steps.extend(60)
    seen = []
    for step in steps:
        seen.append(step.rank)
        assert len(steps.values) >= step.rank
    assert seen == list(range(21, 61))
    assert gave_way == [(400, 300)]
    np.testing.assert_allclose(steps.values[:20], known, rtol=2e-6)
    np.testing.assert_allclose(steps.values, values[:60], atol=2e-6)
    overlap = np.abs(np.sum(steps.factors()[1][:20] * vectors, axis=1))
    np.testing.assert_allclose(overlap, 1, atol=1e-4)


def test_a_stop_anywhere_can_be_followed_by_going_on():
    W = matrices.with_values(400, 300, VALUES)
    for asked in range(1, 12):
        countdown = iter(range(asked))
        steps = svd_steps(W, 20, method="power", stop=lambda it=countdown: next(it, None) is None)
        list(steps)
        if not steps.stopped:
            break
        assert np.all(np.diff(steps.values) <= 0)
        assert np.all(steps.values <= VALUES[: len(steps.values)] * (1 + 1e-12))
        steps._options = steps._options._replace(stop=None)
        steps._engine._operator.stop = None
        steps.extend(20)
        assert len(list(steps)) + len(steps.values) >= 20
        np.testing.assert_allclose(steps.values, VALUES[:20], rtol=1e-12)


@pytest.mark.parametrize("order", "CF")
def test_of_a_huge_matrix_the_products_are_not_kept(order, monkeypatch):
    monkeypatch.setattr(power, "KEEP_UP_TO", 0)
    W = np.asarray(matrices.with_values(400, 300, VALUES), np.float32, order)
    stop = threading.Event()
    steps = svd_steps(W, 20, method="power", stop=stop)
    np.testing.assert_allclose([step.value for step in steps], VALUES[:20], rtol=2e-6)
    stop.set()  # what is known can still be asked for
    U, Vh = steps.factors()
    np.testing.assert_allclose((U * steps.values) @ Vh, naive.approximation(W, 20), atol=1e-4)
    np.testing.assert_allclose(U.T @ U, np.eye(20), atol=1e-5)


def test_values_come_from_the_matrix_not_from_its_squares(monkeypatch):
    """√ of an eigenvalue of the squares would be off by eps·(σ₁/σ)²."""
    W = matrices.with_values(600, 500, np.geomspace(1, 1e-3, 500)).astype(np.float32)
    monkeypatch.setattr(power, "BESIDE", 4)
    exact = naive.singular_values(W)
    result = truncated_svd(W, 100, method="power")
    np.testing.assert_allclose(result.s, exact[:100], rtol=2e-6)
