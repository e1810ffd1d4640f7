"""TrainingExplorer as Python sees it, the runs behind it, and what a file holds of them."""

import threading
from contextlib import ExitStack

import numpy as np
import pytest
from bokeh.document import Document

from lora_bokeh import LowRank, TrainingExplorer, targets, train
from lora_bokeh.jobs.spectrum import PLACES
from lora_bokeh.jobs.training import Trainer
from lora_bokeh.training.grid import Course, affordable, training_grid
from lora_bokeh.training.milestones import kept_steps, milestones
from lora_bokeh.training.train import INITS, OPTIMIZERS, TrainingRun

W = targets.noise((8, 8), seed=0)


def test_start_trains_and_the_page_holds_the_kept_steps():
    view = TrainingExplorer(W, rank=3, optimizer="sgd", learning_rate=1.0, steps=500, name="mine")
    assert (view.target, list(view.run["kept"])) == ("mine", [0])
    view.start()
    view.wait()
    training = train(W, 3, optimizer="sgd", learning_rate=1.0, steps=500)
    np.testing.assert_array_equal(view.training.loss, training.loss)
    kept = kept_steps(500)
    np.testing.assert_array_equal(view.run["kept"], kept)
    np.testing.assert_array_equal(view.run["above"], training.above_floor()[kept])
    assert view.run["gradients"] == list(training.gradient_norms)
    assert not view.run["running"]


def test_a_new_setting_stands_at_its_start_and_more_steps_go_on():
    view = TrainingExplorer(rank=2, steps=100)
    view.start()
    view.steps = 300
    assert len(view.training.loss) == 101
    view.start()
    np.testing.assert_array_equal(view.training.loss, train(W, 2, steps=300).loss)
    for change in ({"rank": 4}, {"init": "zeros"}, {"seed": 3}, {"target": "flat"}):
        view.start()
        view.param.update(**change)
        assert len(view.training.loss) == 1
    view.rank = 99
    assert view.rank == 16
    view.target_matrix = np.eye(3)
    assert (view.rank, view.training.B.shape) == (3, (3, 3))


def test_a_matrix_that_is_refused_leaves_a_notice_and_the_default():
    view = TrainingExplorer([[1, 2], [3]])
    assert "row 1 has 1 entries" in view.notice
    assert "scale it down" in TrainingExplorer(np.full((2, 2), 1e200)).notice
    assert view.target == "random normal 8 × 8"
    assert TrainingExplorer(W, gallery=False).targets.keys() == {"W"}
    assert list(TrainingExplorer(gallery=False).targets) == ["random normal 8 × 8"]


def test_scale_and_floors_of_the_page():
    view = TrainingExplorer(W, rank=4, lora_alpha=8, optimizer="sgd")
    held = view.targets["W"]
    s = np.linalg.svd(W, compute_uv=False)
    tails = [np.sum(s[r:] ** 2) / 64 for r in range(9)]
    np.testing.assert_allclose(held["floors"], tails, atol=1e-12)
    limits = [64 / (2 * (8 / r) * s[0]) for r in range(1, 9)]
    np.testing.assert_allclose(held["limits"], limits)
    assert view.training.scale == 2.0


def test_a_pair_can_be_the_target():
    rng = np.random.default_rng(0)
    pair = LowRank(rng.normal(size=(90, 3)), rng.normal(size=(3, 70)), 0.5)
    view = TrainingExplorer(pair, rank=3, steps=20)
    view.start()
    view.wait()
    assert view.targets["W"]["floors"][3] == 0
    np.testing.assert_allclose(view.training.loss, train(pair, 3, steps=20).loss)


def settled(view):
    """Return what a file holds."""
    return view.__panel__().get_root(Document()).data


def test_a_file_holds_all_runs_of_small_targets_and_one_of_a_large():
    page = settled(TrainingExplorer(W, gallery=False, steps=60, learning_rate=0.02))
    grid = page.grids["W"]
    assert 0.02 in grid["rates"]
    assert len(grid["above"]) == 3 * 2 * len(grid["rates"]) * 8 * len(grid["kept"])
    large = settled(TrainingExplorer(targets.noise((80, 90)), steps=60, gallery=False))
    assert large.grids == {}
    assert large.run["kept"][-1] == 60
    assert max(large.lengths) <= 60


def test_a_notebook_holds_the_runs_of_its_target_until_they_change():
    view = TrainingExplorer(steps=60)
    page = view.__panel__()
    assert list(page.grids) == [view.target]
    assert page.hosted
    view.seed = 1
    assert page.grids == {}


def test_a_grid_is_made_of_the_very_runs():
    course = Course(50, 1, 4.0, False)
    grid = training_grid(W, course, (0.01, 30.0))
    assert grid.above.shape == (3, 2, 2, 8, len(grid.kept))
    for i, j, k, r in [(0, 0, 0, 1), (2, 1, 0, 7), (1, 0, 1, 3), (0, 1, 1, 2)]:
        training = train(
            W, r + 1, lora_alpha=4.0, init=INITS[i], optimizer=OPTIMIZERS[j],
            learning_rate=grid.rates[k], steps=50, seed=1,
        )  # fmt: skip
        above = training.above_floor()[grid.kept].astype(np.float32)
        np.testing.assert_array_equal(grid.above[i, j, k, r], above)
        assert grid.diverged[i, j, k, r] == (training.diverged or 0)
        np.testing.assert_allclose(grid.gradients[i, r], training.gradient_norms)
    assert grid.diverged.any()


def test_what_is_affordable():
    assert affordable((16, 16), 1000)
    assert not affordable((64, 64), 1000)


@pytest.mark.parametrize("steps", [0, 1, 7, 20, 100, 999, 1000, 12345])
def test_kept_steps_begin_and_end_and_hold_the_table(steps):
    kept = kept_steps(steps)
    assert (kept[0], kept[-1]) == (0, steps)
    assert set(milestones(steps)) <= set(kept)
    assert (np.diff(kept) > 0).all()
    assert len(kept) <= 135


def test_a_long_run_is_told_as_it_goes_and_stops():
    run = TrainingRun(targets.noise((120, 100)), 20)
    trainer, told, enough = Trainer(run), [], threading.Event()

    def report():
        told.append(len(trainer.training.loss))
        if len(told) == 2:
            enough.set()

    trainer.start(10**6, report)
    assert trainer.running
    assert enough.wait(30)
    trainer.stop()
    assert not trainer.running
    steps = run.steps
    assert 1 < steps < 10**6
    assert told == sorted(told)
    trainer.start(steps + 3, report)
    trainer.wait()
    assert (run.steps, len(trainer.training.loss)) == (steps + 3, steps + 4)


def test_a_run_that_waits_for_its_turn_stops_at_once():
    trainer, told = Trainer(TrainingRun(targets.noise((120, 100)), 20)), []
    with ExitStack() as places:
        while PLACES.acquire(blocking=False):
            places.callback(PLACES.release)
        trainer.start(10**6, lambda: told.append(trainer.running))
        trainer.stop()
    assert told == [False]
    assert len(trainer.training.loss) == 1
    assert PLACES.acquire(blocking=False)
    PLACES.release()
