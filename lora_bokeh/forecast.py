"""How large the Krylov space will have to grow, from how the errors fell between two looks."""

from __future__ import annotations

import math

import numpy as np


class Forecast:
    """Extrapolates the logarithms of the errors, in units of what is allowed, to zero.

    Attributes
    ----------
    worst : float
        Size at which the worst error is expected to be allowed; inf as long as it does not fall.
    mean : float
        The same for the mean over the values: an earlier and steadier sign, and a lower bound.
    """

    def __init__(self) -> None:
        self.worst = self.mean = math.inf
        self._previous: tuple[int, float, float] | None = None

    def update(self, size: int, excess: np.ndarray) -> None:
        """Take in the errors (k,) seen with a space of ``size``."""
        logs = np.log10(np.maximum(excess, 1.0))
        now = size, float(logs.max()), float(logs.mean())
        if self._previous is not None:
            before = self._previous
            self.worst, self.mean = (_zero(before[0], before[i], size, now[i]) for i in (1, 2))
        self._previous = now


def _zero(x0: float, y0: float, x1: float, y1: float) -> float:
    """Return where the line through two points meets zero; inf if it does not fall."""
    if y1 <= 0:
        return x1
    return x1 + y1 * (x1 - x0) / (y0 - y1) if y1 < y0 else math.inf
