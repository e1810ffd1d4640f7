"""Spectra computed in the background: they grow, can be stopped, and can go on.

All computations of the process share a few places (:data:`PLACES`), so that many tabs cannot take
more than the machine has: the kernels themselves use every core.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.spectrum import Spectrum, spectrum_so_far
from lora_bokeh.engine.steps import svd_steps

PLACES = threading.BoundedSemaphore(max(1, (os.cpu_count() or 1) // 2))
BRIEF = 5e8  # multiplications: below this, some tenths of a second, nobody needs a progress bar
BETWEEN_REPORTS = 0.1  # s

_seconds = math.inf  # that one computation may take; a server sets it

Report = Callable[[], object]


def allow(seconds: float) -> None:
    """Have no computation of this process take longer from now on; it can be gone on with."""
    global _seconds  # noqa: PLW0603 - of the process, as its cores are
    _seconds = seconds


class Computation:
    """The spectrum of one matrix, as far as it is known.

    Parameters
    ----------
    matrix : array_like of shape (m, n) or LowRank
        The matrix, which must not change while it is looked at.
    max_rank : int, optional
        How many values, see :func:`lora_bokeh.engine.spectrum.spectrum`.

    Attributes
    ----------
    spectrum : Spectrum
        What is known now; replaced, never changed, so that any thread may read it.
    factors : tuple of ndarray
        U (m, k), s (k,) and Vh (k, n) of what is known, likewise.
    failure : str
        Why it ended before its time, if it did.

    Raises
    ------
    TypeError, ValueError
        As :func:`lora_bokeh.engine.spectrum.spectrum` does.
    """

    def __init__(self, matrix: Any, max_rank: int | None = None) -> None:
        self._stop = threading.Event()
        self._steps = svd_steps(matrix, max_rank, stop=self._stop, vectors=True)
        self.matrix = matrix if isinstance(matrix, LowRank) else np.asarray(matrix)
        self._look()
        self.failure = ""
        self._lock = threading.Lock()
        self._listeners: list[Report] = []
        self._thread: threading.Thread | None = None

    @property
    def wanted(self) -> int:
        """How many values were asked for."""
        return self._steps.max_rank

    @property
    def finished(self) -> bool:
        """Whether all that was asked for is known, or cannot be."""
        return bool(self.failure) or len(self.spectrum.s) >= self.wanted

    @property
    def brief(self) -> bool:
        """Whether it is over before a person would notice."""
        m, n = self.spectrum.shape
        if isinstance(self.matrix, LowRank):
            return (m + n) * self.matrix.rank**2 < BRIEF
        return m * n * min(m, n) < BRIEF

    def run(self) -> None:
        """Compute in this thread until all is known, or nobody wants to know any more."""
        began = reported = time.monotonic()
        for _ in self._steps:
            if (now := time.monotonic()) - reported > BETWEEN_REPORTS:
                reported = now
                self._report()
            if now - began > _seconds and not self.finished:
                self.failure = (
                    f"the computation was stopped after {_seconds:g} s, which is the limit here; "
                    "the command line has none"
                )
                break
        self._report()

    def listen(self, report: Report) -> None:
        """Have ``report`` called, in the background thread, as the spectrum grows and at its end.

        The computation runs while somebody listens.
        """
        with self._lock:
            self._listeners.append(report)
            self._stop.clear()
            if self._thread is None and not self.finished:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def leave(self, report: Report) -> None:
        """Stop telling ``report``; the last one to leave ends the computation."""
        with self._lock:
            if report in self._listeners:
                self._listeners.remove(report)
            if not self._listeners:
                self._stop.set()

    def wait(self) -> None:
        """Return when nothing is being computed."""
        if (thread := self._thread) is not None:
            thread.join()

    def extend(self, max_rank: int) -> None:
        """Ask for more values; the next listener makes it go on from where it stands."""
        self._steps.extend(min(max_rank, *self.spectrum.shape))

    def _work(self) -> None:
        wanted = True
        while wanted:
            try:
                with PLACES:
                    self.run()
            except MemoryError:
                self.failure = "there is not enough memory to go on; ask for fewer ranks"
            with self._lock:  # somebody may have come since it was stopped
                wanted = bool(self._listeners) and not self.finished
                if not wanted:
                    self._thread = None
        self._report()

    def _report(self) -> None:
        if not self._steps.stopped:  # what a stopped iteration adds has not converged
            self._look()
        for report in tuple(self._listeners):
            report()

    def _look(self) -> None:
        """Take a snapshot of what is known."""
        self.spectrum: Spectrum = spectrum_so_far(self._steps)
        m, n = self.spectrum.shape
        none = np.zeros((m, 0)), np.zeros((0, n))
        U, Vh = self._steps.factors() if len(self.spectrum.s) else none
        self.factors = U, self.spectrum.s, Vh


_shared: WeakValueDictionary[tuple[int, int | None], Computation] = WeakValueDictionary()


def computation(matrix: Any, max_rank: int | None = None) -> Computation:
    """Return a computation of a matrix: the one there is, if nobody can change the matrix.

    So all tabs that show one read-only matrix, such as a memory-mapped file, share its cost.
    """
    if not isinstance(matrix, np.ndarray) or matrix.flags.writeable:
        return Computation(matrix, max_rank)
    key = (id(matrix), max_rank)
    known = _shared.get(key)
    if known is None or known.matrix is not matrix:
        known = _shared[key] = Computation(matrix, max_rank)
    return known
