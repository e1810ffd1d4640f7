"""The cores of the machine at work on one computation, while BLAS keeps to one thread.

A thread of BLAS that has nothing to do waits busily for some 30 ms, on a core that the kernels
want: with it they were measured half as fast. And where every core is wanted, on a system that
allows it, a helper of ours keeps to one of its own, and the thread it helps to the last: two
threads that wake each other are else put on one core now and then, until it is seen that they
starve, some ten products later.

Ctrl-C raises KeyboardInterrupt in the main thread, between any two instructions. So the caller only
waits, and the work is done in threads that are begun for it: no interrupt lands within it, the
caller's cores are never changed, and the limit of BLAS is always lifted.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from itertools import cycle, pairwise
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

PARTS = min(os.cpu_count() or 1, 16)  # of every product, whoever computes it: the same bits
WORTH = 1 << 22  # multiplications below which handing out takes longer than doing
GRACE = 2.0  # s: how long an interrupted caller waits for the work to end
LOOK_UP = 0.1  # s: on Windows Ctrl-C is seen only between two waits

Work = Callable[[int, slice], object]
T = TypeVar("T")

_choosing = threading.Lock()
_helpers: Counter[int] = Counter()  # on each core, of every computation
_mine = threading.local()  # .pool: the threads that help this one


class Crew:
    """What works for one caller, on one thing at a time.

    Attributes
    ----------
    left : bool
        Whether the caller of the work at hand was interrupted; the work may end early then.
    """

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._call: _Call | None = None

    @property
    def left(self) -> bool:
        """Whether the caller of the work at hand was interrupted, and wants no more of it."""
        return self._call is not None and self._call.left

    def run(self, work: Callable[[], T]) -> T:
        """Return ``work()``, in which :func:`in_parts` uses every core.

        No thread is left behind, unless the caller is interrupted and the work does not end within
        ``GRACE``; what the caller asks for next then waits for it.
        """
        if _pool() is not None:  # this thread is at work for a crew already
            return work()
        call = _Call(work)
        thread = threading.Thread(target=self._answer, args=(call,), daemon=True)
        try:
            thread.start()
            call.wait()
            thread.join()
        except BaseException as error:
            if call.leave():
                thread.join()
            # Within the locks of threading an interrupt may come out as an error of theirs.
            if isinstance(error.__context__, KeyboardInterrupt):
                raise error.__context__ from None
            raise
        return call.result()

    def _answer(self, call: _Call) -> None:
        with self._one_at_a_time:
            self._call = call
            call.answer()


class _Call:
    """Work to be done in another thread, and what came of it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._value: Any = None
        self._error: BaseException | None = None
        self._over = False
        # Of C, because threading.Event and join do not survive every interrupt of a wait.
        self._running = threading.Lock()
        self._running.acquire()
        self.left = False

    def answer(self) -> None:
        """Do the work, unless the caller has left."""
        try:
            if not self.left:
                with _limit, _helped():
                    self._value = self._work()
        except BaseException as error:  # it is the caller's
            self._error = error
        finally:
            self._over = True
            self._running.release()

    def wait(self) -> None:
        """Return when it is over."""
        while not self._over:
            self._running.acquire(timeout=LOOK_UP)

    def leave(self) -> bool:
        """Want no more of it, and wait for its end a while; return whether it has come."""
        self.left = True
        return self._over or self._running.acquire(timeout=GRACE)

    def result(self) -> Any:
        """Return what the work returned, or raise what it raised."""
        if self._error is None:
            return self._value
        error, self._error = self._error, None  # an error holds the frames that hold this
        raise error


def in_parts(work: Work, rows: int, tile: int, multiplications: int) -> int:
    """Call ``work(part, rows of it)`` for each part, side by side where it pays.

    Parameters
    ----------
    work : callable
        Must release the GIL, and write to places that no other part writes to.
    rows : int
        How many to divide, at least ``tile``.
    tile : int
        A part begins at a multiple of it, and has no fewer rows.
    multiplications : int
        What there is to do.

    Returns
    -------
    int
        The number of parts, which depends on ``rows`` and the machine alone.
    """
    tiles = rows // tile
    parts = min(PARTS, tiles)
    edges = [tile * (tiles * part // parts) for part in range(parts)] + [rows]
    slices = [slice(a, b) for a, b in pairwise(edges)]
    pool = _pool() if multiplications > WORTH else None
    if pool is None:
        for part in range(parts):
            work(part, slices[part])
    else:
        others = [pool.submit(work, part, slices[part]) for part in range(1, parts)]
        work(0, slices[0])
        for other in others:
            other.result()
    return parts


def _pool() -> Executor | None:
    return getattr(_mine, "pool", None)


@contextmanager
def _helped() -> Iterator[None]:
    """Let :func:`in_parts` of this thread use every core."""
    with (
        _own_cores() as settle,
        ThreadPoolExecutor(max(1, PARTS - 1), initializer=settle) as pool,
    ):
        _mine.pool = pool
        yield


@contextmanager
def _own_cores() -> Iterator[Callable[[], None]]:
    """Keep this thread off its helpers' cores; yield what a helper calls to keep to its own."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if not 1 < PARTS == len(allowed):  # with cores to spare the system chooses better
        yield lambda: None
        return
    with _choosing:
        theirs = sorted(allowed, key=lambda core: (_helpers[core], -core))[: PARTS - 1]
        _helpers.update(theirs)
    each = cycle(theirs)
    _keep_to(allowed - set(theirs))
    try:
        yield lambda: _keep_to({next(each)})
    finally:
        with _choosing:
            _helpers.subtract(theirs)


def _keep_to(cores: set[int]) -> None:
    """Keep the calling thread, which is one of ours and ends with the work, to these cores."""
    with suppress(OSError):  # a sandbox may refuse; the work is done all the same
        os.sched_setaffinity(0, cores)


class _Limit:
    """One thread for BLAS, which all threads share, while anybody is within: else what it was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._within = 0
        self._limiter: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._within == 0:
                self._limiter = _controller().limit(limits=1, user_api="blas")
            self._within += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._within -= 1
            if self._within == 0:
                self._limiter.restore_original_limits()


_limit = _Limit()


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
