"""Trainings in the background, as far as they have come, and what the page holds of them."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.jobs.spectrum import PLACES, Report
from lora_bokeh.training.grid import Grid
from lora_bokeh.training.milestones import kept_steps
from lora_bokeh.training.train import INITS, OPTIMIZERS, Training, TrainingRun

BETWEEN_LOOKS = 0.1  # s: whether a run that waits for its turn is still wanted


class Trainer:
    """A run, in the background where it takes longer than a person notices.

    Parameters
    ----------
    run : TrainingRun
        What to continue.

    Attributes
    ----------
    training : Training
        What it has come to; replaced, never changed, so that any thread may read it.
    running : bool
        Whether it is being continued.
    """

    def __init__(self, run: TrainingRun) -> None:
        self._run = run
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.training: Training = run.training
        self.running = False

    def start(self, steps: int, report: Report) -> None:
        """Go on to as many steps in all; ``report`` is called as they are taken and at the end."""
        self.stop()
        self._stop.clear()
        self.running = True
        if steps - self._run.steps <= self._run.chunk:
            self._work(steps, report)
            return
        self._thread = threading.Thread(target=self._wait_and_work, args=(steps, report))
        self._thread.daemon = True
        self._thread.start()

    def stop(self) -> None:
        """Take no more steps; it can be started again."""
        self._stop.set()
        self.wait()

    def wait(self) -> None:
        """Return when no steps are being taken."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _wait_and_work(self, steps: int, report: Report) -> None:
        held = False
        while not held and not self._stop.is_set():  # who stops it waits for this thread to end
            held = PLACES.acquire(timeout=BETWEEN_LOOKS)
        try:
            self._work(steps, report)
        finally:
            if held:
                PLACES.release()

    def _work(self, steps: int, report: Report) -> None:
        try:
            while self._run.steps < steps and not self._stop.is_set():
                self._run.advance(min(self._run.chunk, steps - self._run.steps))
                self.training = self._run.training
                report()
        finally:  # whatever happened: nobody is to wait for more
            self.running = False
            report()


def page_run(setting: dict[str, Any], training: Training, steps: int) -> dict[str, Any]:
    """Return what the page holds of a run: its setting, and the steps kept of ``steps``."""
    kept = kept_steps(steps)
    kept = kept[kept < len(training.loss)]
    return {
        **setting,
        "steps": steps,
        "kept": kept.astype(np.int32),
        "above": training.above_floor()[kept],
        "diverged": training.diverged or 0,
        "gradients": list(training.gradient_norms),
    }


def page_grid(grid: Grid) -> dict[str, Any]:
    """Return what the page holds of a grid; arrays row by row."""
    return {
        "inits": list(INITS),
        "optimizers": list(OPTIMIZERS),
        "rates": list(grid.rates),
        "kept": grid.kept.astype(np.int32),
        "above": grid.above.ravel(),
        "diverged": grid.diverged.ravel(),
        "gradients": grid.gradients.ravel(),
    }


def page_facts(name: str, story: str, W: Any) -> dict[str, Any]:
    """Return what the heading says of a target."""
    scale = W.scale if isinstance(W, LowRank) else 1.0
    facts = {"name": name, "story": story, "shape": list(W.shape)}
    return {**facts, "dtype": str(W.dtype), "scale": scale}
