"""Computations in the background: they grow, stop when nobody listens, and go on."""

import threading

import numpy as np
import pytest

from lora_bokeh import LoraExplorer, LowRank, RankExplorer, truncated_svd
from lora_bokeh.jobs.spectrum import Computation, computation


def large(seed=0, m=1300, n=1100) -> np.ndarray:
    """A matrix past every short cut: more than 1024 each way, singular values j^-½."""
    rng = np.random.default_rng(seed)
    U, V = (np.linalg.qr(rng.standard_normal((size, 200)))[0] for size in (m, n))
    return (U * np.arange(1, 201) ** -0.5) @ V.T


def ended(computation: Computation) -> bool:
    """Whether no thread works for the computation."""
    computation.wait()
    return computation._thread is None


def test_it_grows_in_the_background_to_the_spectrum():
    matrix, known = large(), []
    work = Computation(matrix, 32)
    assert (len(work.spectrum.s), work.brief) == (0, False)
    work.listen(lambda: known.append(len(work.spectrum.s)))
    work.wait()
    assert known == sorted(known)
    assert known[-1] == 32
    np.testing.assert_array_equal(work.spectrum.s, truncated_svd(matrix, 32).s)


def test_the_last_to_leave_ends_it_and_the_next_goes_on():
    work = Computation(large(), 64)
    first, second = (lambda: None), (lambda: None)
    work.listen(first)
    work.listen(second)
    work.leave(first)
    assert work._thread is not None or work.finished
    work.leave(second)
    assert ended(work)
    stood = len(work.spectrum.s)
    work.listen(first)
    work.wait()
    assert len(work.spectrum.s) == 64 >= stood


def test_more_ranks_go_on_from_where_it_stands():
    matrix = large()
    work = Computation(matrix, 8)
    work.run()
    sweeps = work._steps.n_sweeps
    first = work.spectrum.s
    work.extend(16)
    work.run()
    assert work._steps.n_sweeps > sweeps
    np.testing.assert_allclose(work.spectrum.s[:8], first, rtol=1e-11)
    np.testing.assert_allclose(work.spectrum.s, np.arange(1, 17) ** -0.5, rtol=1e-11)


def test_memory_that_runs_out_is_said_and_ends_it(monkeypatch):
    work = Computation(large(), 8)
    monkeypatch.setattr(work, "run", lambda: (_ for _ in ()).throw(MemoryError))
    work.listen(lambda: None)
    assert ended(work)
    assert "memory" in work.failure


def test_tabs_share_a_matrix_that_nobody_can_change():
    matrix = large()
    assert computation(matrix) is not computation(matrix)
    matrix.flags.writeable = False
    shared = computation(matrix, 8)
    assert computation(matrix, 8) is shared
    assert computation(matrix, 9) is not shared


@pytest.mark.parametrize(
    ("matrix", "brief"),
    [
        (np.eye(512), True),
        (np.eye(1024), False),
        (LowRank(np.ones((4096, 8)), np.ones((8, 4096))), True),
    ],
)
def test_only_what_takes_a_while_goes_to_the_background(matrix, brief):
    assert Computation(matrix).brief is brief


@pytest.mark.parametrize("make", [RankExplorer, LoraExplorer])
def test_view_of_a_large_matrix_is_there_at_once_and_complete_after_waiting(make):
    matrix = large()
    view = make(matrix, max_rank=16)
    shell = view.__panel__()
    assert view.param["rank"].bounds == (1, 32)
    view.wait()
    assert len(view.spectrum.s) == 16
    assert shell.progress == {
        "name": "W", "running": False, "known": 16, "wanted": 16, "all": 1100, "exact": False,
    }  # fmt: skip
    growth = shell.growth
    s = np.linalg.svd(matrix, compute_uv=False)
    truth = np.array([np.linalg.norm(s[r:]) for r in range(1, 33)])
    np.testing.assert_allclose(growth["frobenius"][:16], truth[:16], rtol=1e-10)
    assert np.all(growth["low"]["frobenius"][16:] <= truth[16:] * (1 + 1e-12))
    assert np.all(truth[16:] <= growth["frobenius"][16:] * (1 + 1e-12))


def test_more_ranks_from_the_page():
    view = LoraExplorer(large(), max_rank=8)
    view.wait()
    view.__panel__().extensions += 1
    view.wait()
    assert len(view.spectrum.s) == 16
    assert view.param["rank"].bounds == (1, 32)


def test_new_matrix_ends_the_computation_of_the_old_one():
    before = set(threading.enumerate())
    view = LoraExplorer(large(), max_rank=120)
    old = view._given._computation
    view.target_matrix = np.eye(3)
    assert ended(old)
    assert view.spectrum.shape == (3, 3)
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
    assert set(threading.enumerate()) <= before


def test_cancel_from_the_page_keeps_what_is_known():
    view = LoraExplorer(large(), max_rank=120)
    shell = view.__panel__()
    shell.cancels += 1
    view._given._computation.wait()
    assert shell.progress["running"] is False
    assert shell.progress["known"] == len(view.spectrum.s)
