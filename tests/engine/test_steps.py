"""svd_steps: values in order, stopped from another thread, continued, and no thread left behind."""

import itertools
import threading

import numpy as np
import pytest

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.spectrum import spectrum, spectrum_so_far
from lora_bokeh.engine.steps import svd_steps
from lora_bokeh.engine.svd import truncated_svd
from tests.helpers import matrices, naive

VALUES = np.r_[np.linspace(10, 2, 30), np.linspace(1, 0.01, 1170)]
W = matrices.with_values(1300, 1200, VALUES)


def test_values_come_in_order_within_their_bounds():
    steps = list(svd_steps(W, 40))
    assert [step.rank for step in steps] == list(range(1, 41))
    values = np.array([step.value for step in steps])
    bounds = np.array([step.error_bound for step in steps])
    exact = naive.singular_values(W)[:40]
    assert np.all(np.abs(values - exact) <= bounds + 1e-12)
    np.testing.assert_allclose(values, exact, rtol=1e-11)


def test_first_values_come_before_the_last_are_known():
    steps = svd_steps(W, 40, method="power")
    next(steps)
    assert steps.rank == 1
    early = spectrum_so_far(steps)
    assert 1 <= len(early.s) < 40
    assert early.converged
    list(steps)
    assert len(spectrum_so_far(steps).s) == 40


def test_the_consumers_give_the_same_bits():
    steps = svd_steps(W, 40)
    list(steps)
    np.testing.assert_array_equal(steps.values, spectrum(W, 40).s)


@pytest.mark.parametrize("a", [W, W[:200, :100], LowRank(W[:, :50], W[:50])])
def test_extending_goes_on_from_where_it_stands(a):
    steps = svd_steps(a, 10)
    list(steps)
    sweeps = steps.n_sweeps
    steps.extend(30)
    assert [step.rank for step in steps] == list(range(11, 31))
    fresh = truncated_svd(a, 30)
    np.testing.assert_allclose(steps.values, fresh.s, rtol=1e-11)
    assert sweeps <= steps.n_sweeps <= 1.5 * fresh.n_sweeps


def test_extend_refuses_to_shrink():
    with pytest.raises(ValueError, match="max_rank must be between 10 and 1200, got 9"):
        svd_steps(W, 10).extend(9)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_stop_from_another_thread(dtype):
    noise = np.random.default_rng(0).standard_normal((3000, 3000)).astype(dtype)
    stop, at_work, asked = threading.Event(), threading.Event(), []

    def flag() -> bool:
        asked.append(stop.is_set())
        if len(asked) == 12:
            at_work.set()
            assert stop.wait(60)
        return asked[-1]

    threads = threading.active_count()
    stopper = threading.Thread(target=lambda: at_work.wait(60) and stop.set())
    stopper.start()
    steps = svd_steps(noise, 64, stop=flag)
    yielded = len(list(steps))
    stopper.join()
    assert steps.stopped
    assert yielded < 64
    assert asked == [False] * 12 + [True]  # it goes on as far as the next question, no further
    assert len(asked) > steps.n_sweeps  # a question comes before each reading of the matrix
    assert threading.active_count() == threads


def test_a_stopped_iteration_knows_what_it_knows_and_can_go_on():
    asked = itertools.count()
    steps = svd_steps(W, 40, stop=lambda: next(asked) == 12)
    list(steps)
    assert steps.stopped
    partial = spectrum_so_far(steps)
    exact = naive.singular_values(W)
    assert partial.frobenius_norm == pytest.approx(np.linalg.norm(VALUES))
    assert np.all(partial.s <= exact[: len(partial.s)] + 1e-9)
    assert not partial.complete
    list(steps)
    assert not steps.stopped
    np.testing.assert_allclose(steps.values, exact[:40], rtol=1e-11)


@pytest.mark.parametrize("method", ["auto", "lapack", "power"])
@pytest.mark.parametrize("a", [W, LowRank(W[:, :50], W[:50])])
def test_before_the_first_step_nothing_is_said_to_be_known(a, method):
    steps = svd_steps(a, 10, method=method)
    empty = spectrum_so_far(steps)
    assert empty.tail_norm == empty.frobenius_norm == empty.frobenius_residual(0) > 0
    assert empty.captured_energy(0) == 0
    assert not empty.exact_tail
    U, Vh = steps.factors()
    assert (U.shape, Vh.shape) == ((a.shape[0], 0), (0, a.shape[1]))


@pytest.mark.parametrize("last", range(1, 24, 2))
def test_whenever_it_is_stopped_it_can_be_looked_into(last):
    low = matrices.with_values(300, 250, np.r_[np.ones(8), np.full(242, 1e-10)])
    asked = itertools.count()
    steps = svd_steps(low, 20, method="power", stop=lambda: next(asked) >= last, vectors=True)
    list(steps)
    known = spectrum_so_far(steps)
    U, Vh = steps.factors()
    assert U.shape[1] == len(Vh) == len(known.s)
    rest = np.linalg.norm(low - (U * known.s) @ Vh)
    assert known.tail_norm == pytest.approx(rest, rel=1e-2)


def test_factors_that_were_not_announced():
    steps = svd_steps(W[:40, :30], 5)
    list(steps)
    U, Vh = steps.factors()
    np.testing.assert_allclose(U.T @ W[:40, :30], steps.values[:, None] * Vh, atol=1e-10)


def test_stopped_before_anything_is_known():
    steps = svd_steps(W, 40, stop=lambda: True)
    assert list(steps) == []
    empty = spectrum_so_far(steps)
    assert len(empty.s) == 0
    assert empty.frobenius_residual(0) == pytest.approx(np.linalg.norm(VALUES))
    assert empty.captured_energy_bounds(5)[1] <= 1.0
