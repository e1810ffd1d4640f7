"""How large the Krylov space will have to grow, from what was seen at two looks."""

from __future__ import annotations

import math

import numpy as np


class Forecast:
    """Extrapolates to the size at which no value is in error by more than is allowed.

    Attributes
    ----------
    mean : float
        From the mean of the logarithms of the errors, in units of what is allowed: an early and
        steady sign, and mostly too small a size. inf while they do not fall.
    last : float
        From how many values are within it: mostly too large. inf while there are no more.
    """

    def __init__(self) -> None:
        self.mean = self.last = math.inf
        self._size = 0
        self._excess: float | None = None
        self._missing: int | None = None

    @property
    def size(self) -> float:
        """The size to expect: between the two, or one of them while the other says nothing."""
        known = [each for each in (self.mean, self.last) if each < math.inf]
        return sum(known) / len(known) if known else math.inf

    def update(self, size: int, excess: np.ndarray) -> None:
        """Take in the errors (k,) seen with a space of ``size``."""
        logs = np.log10(np.maximum(excess, 1.0))
        mean, missing = float(logs.mean()), int(np.count_nonzero(logs))
        before = len(logs) if self._missing is None else self._missing
        self.last = _zero(self._size, before, size, missing)
        if self._excess is not None:
            self.mean = _zero(self._size, self._excess, size, mean)
        self._size, self._excess, self._missing = size, mean, missing


def _zero(x0: float, y0: float, x1: float, y1: float) -> float:
    """Return where the line through two points meets zero; inf if it does not fall."""
    if y1 <= 0:
        return x1
    return x1 + y1 * (x1 - x0) / (y0 - y1) if y1 < y0 else math.inf
