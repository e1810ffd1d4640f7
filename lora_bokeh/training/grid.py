"""The runs of one small target at every rank and a few learning rates: what a file holds of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from lora_bokeh.training.floor import target_spectrum
from lora_bokeh.training.milestones import kept_steps
from lora_bokeh.training.train import INITS, OPTIMIZERS, Training, TrainingRun

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
AFFORDED = 2e10  # multiplications: some seconds


class Course(NamedTuple):
    """What is the same for all runs of a grid: steps, seed, and s of s·B·A as a number of r."""

    steps: int
    seed: int
    lora_alpha: float | None
    use_rslora: bool


class Grid(NamedTuple):
    """Runs at each start, optimizer, learning rate and rank.

    Attributes
    ----------
    rates : tuple of float
        The learning rates.
    kept : ndarray of shape (k,)
        The steps that are kept.
    above : ndarray of shape (starts, optimizers, rates, ranks, k)
        Loss − floor after each of them, float32; nan from a divergence on.
    diverged : ndarray of shape (starts, optimizers, rates, ranks)
        The step of the divergence, or 0.
    gradients : ndarray of shape (starts, ranks, 2)
        ‖∂L/∂B‖_F and ‖∂L/∂A‖_F at step one.
    """

    rates: tuple[float, ...]
    kept: np.ndarray
    above: np.ndarray
    diverged: np.ndarray
    gradients: np.ndarray


def affordable(shape: tuple[int, int], steps: int, rates: int = len(RATES)) -> bool:
    """Whether the grid of a target takes some seconds at most."""
    m, n = shape
    p = min(shape)
    runs = len(INITS) * len(OPTIMIZERS) * rates
    return 6 * m * n * p * (p + 1) / 2 * steps * runs <= AFFORDED


def training_grid(W: np.ndarray, course: Course, rates: tuple[float, ...] = RATES) -> Grid:
    """Train a target at every start, optimizer, learning rate and rank.

    Parameters
    ----------
    W : ndarray of shape (m, n)
        The target.
    course : Course
        What all runs share.
    rates : tuple of float
        Learning rates.
    """
    return _grid(W.tobytes(), str(W.dtype), W.shape, course, rates)


@lru_cache(maxsize=16)  # one page after the other holds the same gallery
def _grid(
    data: bytes, dtype: str, shape: tuple[int, int], course: Course, rates: tuple[float, ...]
) -> Grid:
    W = np.frombuffer(data, dtype).reshape(shape)
    kept, p = kept_steps(course.steps), min(shape)
    cells = (len(INITS), len(OPTIMIZERS), len(rates), p)
    above = np.empty((*cells, len(kept)), np.float32)
    diverged = np.zeros(cells, np.int32)
    gradients = np.empty((len(INITS), p, 2))
    for place, training in _runs(W, course, rates):
        above[place] = training.above_floor()[kept]
        diverged[place] = training.diverged or 0
        gradients[place[0], place[-1]] = training.gradient_norms
    return Grid(rates, kept, above, diverged, gradients)


def _runs(
    W: np.ndarray, course: Course, rates: tuple[float, ...]
) -> Iterator[tuple[tuple[int, int, int, int], Training]]:
    """Yield each run with its place in the grid."""
    known = target_spectrum(W, min(W.shape))
    steps, seed, alpha, rslora = course
    axes = (enumerate(INITS), enumerate(OPTIMIZERS), enumerate(rates), range(min(W.shape)))
    for (i, init), (j, optimizer), (k, rate), r in product(*axes):
        run = TrainingRun(
            W, r + 1, lora_alpha=alpha, use_rslora=rslora, optimizer=optimizer,
            learning_rate=rate, seed=seed, init=init, known=known,
        )  # fmt: skip
        run.advance(steps)
        yield (i, j, k, r), run.training
