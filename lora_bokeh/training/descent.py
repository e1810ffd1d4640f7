"""Gradient descent on B and A towards a target of any size, from where it stands.

Small targets go to the compiled loops of ``_descent``. Larger ones are read in row panels, so that
no copy of W, and no product B·A, is ever held whole; each panel costs three calls of BLAS.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.matrix import PANEL_BYTES, panels
from lora_bokeh.training import descent_kernels

# m·n·r. At 8×8 the loops take a thirtieth of BLAS's time, at 1024² up to three times as long on an
# idle machine; on a busy one the threads of BLAS wait for each other, and the loops win throughout.
LOOPS_UP_TO = 1 << 24
EXPLOSION = 1e6  # a loss this many times the first is a descent that went astray


class Descent:
    """One descent: its factors, their gradient, and Adam's moments.

    Parameters
    ----------
    W : ndarray of shape (m, n) or LowRank
        The target, already checked.
    start : tuple of ndarray of shape (m, r), (r, n)
        B and A before the first step.
    scale : float
        s of s·B·A.
    rate : float
        Learning rate.
    adam : bool
        Adam, or plain gradient descent.

    Attributes
    ----------
    B, A, G_B, G_A : ndarray
        The factors and the gradients of the loss there; views of the state, float64.
    first : float
        ‖W − s·BA‖_F²/(mn) before the first step.
    done : int
        Steps taken.
    """

    def __init__(
        self, W: Any, start: tuple[np.ndarray, np.ndarray], scale: float, rate: float, adam: bool
    ) -> None:
        m, n = W.shape
        rank = start[0].shape[1]
        small = m * n * rank <= LOOPS_UP_TO
        # A copy, because to compiled code a read-only array is another type.
        self._dense = np.array(_dense(W), np.float64, order="C") if small else None
        self._W = W
        self._state = np.zeros((4, (m + n) * rank))
        self.B, self.A = descent_kernels.split(self._state[0], m, n)
        self.G_B, self.G_A = descent_kernels.split(self._state[1], m, n)
        self.B[:], self.A[:] = start
        self.first = self._gradient(scale)
        self._way = descent_kernels.Way(scale, rate, adam, EXPLOSION * self.first)
        self.done = 0

    def advance(self, count: int) -> tuple[np.ndarray, bool]:
        """Take steps; return their losses, and whether all went well: the last is bad if not."""
        loss = np.empty(count)
        if self._dense is not None:
            taken = descent_kernels.descend(self._dense, self._state, self._way, self.done, loss)
        else:
            taken = self._descend(loss)
        self.done += taken
        return loss[:taken], not taken or bool(loss[taken - 1] <= self._way.ceiling)

    def where(self) -> tuple[np.ndarray, int]:
        """Return where it stands, to go back to after an interrupt: a copy of the state."""
        return self._state.copy(), self.done

    def go_back(self, where: tuple[np.ndarray, int]) -> None:
        """Stand where it stood at :meth:`where`."""
        self._state[:], self.done = where

    def _descend(self, loss: np.ndarray) -> int:
        """Do what ``_descent.descend`` does."""
        way = self._way
        for t in range(len(loss)):
            descent_kernels.update(self._state, way.rate, way.adam, self.done + t + 1)
            loss[t] = self._gradient(way.scale)
            if not loss[t] <= way.ceiling:
                return t + 1
        return len(loss)

    def _gradient(self, scale: float) -> float:
        """Return the loss and write its gradient into the state."""
        if self._dense is not None:
            return descent_kernels.gradient(self._dense, self._state[0], scale, self._state[1])
        entries = self._W.shape[0] * self._W.shape[1]
        squares = 0.0
        self.G_A[:] = 0.0
        with np.errstate(over="ignore", invalid="ignore"):  # the ceiling catches it
            for rows, W in _panels(self._W):
                R = (scale * self.B[rows]) @ self.A
                R -= W
                squares += float(np.vdot(R, R))
                self.G_B[rows] = R @ self.A.T
                self.G_A += self.B[rows].T @ R
            self._state[1] *= 2 * scale / entries
        return squares / entries


def _dense(W: Any) -> np.ndarray:
    return W.todense() if isinstance(W, LowRank) else W


def _panels(W: Any) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (rows, W[rows] in float64), a LowRank multiplied out one panel at a time."""
    if not isinstance(W, LowRank):
        yield from panels(W, np.float64)
        return
    m, n = W.shape
    A = W.scale * W.A.astype(np.float64)
    step = max(1, PANEL_BYTES // (8 * n))
    for start in range(0, m, step):
        rows = slice(start, start + step)
        yield rows, W.B[rows].astype(np.float64) @ A
