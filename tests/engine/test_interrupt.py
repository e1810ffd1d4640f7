"""Ctrl-C at any moment: what is known stays right, and the process is as it was."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from lora_bokeh.engine.parallel import Crew
from lora_bokeh.engine.steps import svd_steps
from lora_bokeh.engine.svd import truncated_svd
from lora_bokeh.training.train import TrainingRun, train
from tests.helpers import matrices

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="the system has no timers that send signals"
)
VALUES = np.arange(1, 701) ** -0.5
W = matrices.with_values(900, 700, VALUES)
LOST = 40  # interrupts


def process_wide():
    """What an interrupt must leave as it was."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    return cores, [each["num_threads"] for each in threadpool_info()], threading.active_count()


def interrupted(work, seconds):
    """Do the work, and return whether a signal broke it off."""
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        work()
    except KeyboardInterrupt:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return False


@pytest.fixture
def alarm():
    """Let the alarm do what Ctrl-C does."""

    def raise_it(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, raise_it)
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def alone():
    """The values nobody interrupts, and how long they take."""
    truncated_svd(W, 40, method="power")  # compiled
    began = time.perf_counter()
    values = truncated_svd(W, 40, method="power").s
    return values, time.perf_counter() - began


def test_an_interrupted_iteration_goes_on_to_the_right_values(alarm, alone):
    values, seconds = alone
    rng, before, hits = np.random.default_rng(0), process_wide(), 0
    for _ in range(LOST):
        steps = svd_steps(W, 40, method="power")
        hits += interrupted(lambda steps=steps: list(steps), rng.uniform(1e-4, seconds))
        assert process_wide() == before
        known = len(steps.values)
        assert np.all(np.abs(steps.values - VALUES[:known]) <= steps.error_bound + 1e-11)
        list(steps)
        assert steps.converged
        np.testing.assert_allclose(steps.values, values, rtol=1e-11)
        assert process_wide() == before
    assert hits > LOST / 4


def test_an_interrupted_call_leaves_the_process_as_it_was(alarm, alone):
    rng, before, hits = np.random.default_rng(1), process_wide(), 0
    for _ in range(LOST):
        work = lambda: truncated_svd(W, 40, method="power")  # noqa: E731
        hits += interrupted(work, rng.uniform(1e-4, alone[1]))
        assert process_wide() == before
    assert hits > LOST / 4


@pytest.mark.parametrize("size", [40, 300])  # for the compiled loops, and for BLAS
def test_an_interrupted_training_goes_on_as_if_it_had_not_been(alarm, size):
    target = np.random.default_rng(0).standard_normal((size, size))
    rank, steps = (2, 40_000) if size < 100 else (200, 120)
    train(target, rank, steps=1)  # compiled
    began = time.perf_counter()
    whole = train(target, rank, steps=steps)
    seconds = time.perf_counter() - began
    run, hits, rng = TrainingRun(target, rank), 0, np.random.default_rng(0)
    while run.steps < steps:
        left = steps - run.steps
        hits += interrupted(lambda left=left: run.advance(left), rng.uniform(0.01, 0.4) * seconds)
    assert hits > 0
    np.testing.assert_array_equal(run.training.loss, whole.loss)
    np.testing.assert_array_equal(run.training.B, whole.B)


def test_what_is_asked_next_waits_for_what_an_interrupt_left_at_work(alarm, monkeypatch):
    monkeypatch.setattr("lora_bokeh.engine.parallel.GRACE", 0.01)
    crew, order, go_on = Crew(), [], threading.Event()

    def slow():
        go_on.wait(60)
        order.append("first")

    assert interrupted(lambda: crew.run(slow), 0.05)
    assert crew.left
    threading.Timer(0.05, go_on.set).start()
    crew.run(lambda: order.append("second"))
    assert order == ["first", "second"]
    assert not crew.left


def test_an_iteration_broken_off_by_an_error_says_so():
    asked = []

    def fail():
        asked.append(None)
        if len(asked) == 20:
            raise MemoryError
        return False

    steps = svd_steps(W, 40, method="power", stop=fail)
    with pytest.raises(MemoryError):
        list(steps)
    with pytest.raises(RuntimeError, match="broken off by MemoryError and cannot go on; begin a"):
        next(steps)
    known = len(steps.values)
    np.testing.assert_allclose(steps.values, VALUES[:known], rtol=1e-11)
