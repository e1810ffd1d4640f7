"""Which steps of a training are told: all would be too many for a table, a page or a file."""

from __future__ import annotations

import numpy as np

EVERY_ONE = 20  # the first steps, where most happens, are kept one by one
THEREAFTER = 100  # about as many steps of the rest


def milestones(steps: int) -> np.ndarray:
    """Return the steps of a table: 0, each tenth, and the last."""
    return np.unique(np.arange(11) * steps // 10)


def kept_steps(steps: int) -> np.ndarray:
    """Return the steps that a page holds: the first 20, then each 10th of 1000, and the last."""
    stride = max(1, round(steps / THEREAFTER))
    start = np.arange(min(EVERY_ONE, steps) + 1)
    return np.unique([*start, *np.arange(0, steps, stride), *milestones(steps)])
