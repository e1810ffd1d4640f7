"""The cores of the machine at work on one product, while BLAS keeps to one thread.

A thread of BLAS that has nothing to do waits busily for some 30 ms, on a core that the kernels
want: with it they were measured half as fast. And where every core is wanted, on a system that
allows it, a helper of ours keeps to one of its own, and the thread it helps to the last: two
threads that wake each other are else put on one core now and then, until it is seen that they
starve, some ten products later.
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

from threadpoolctl import ThreadpoolController

PARTS = min(os.cpu_count() or 1, 16)  # of every product, whoever computes it: the same bits
WORTH = 1 << 22  # multiplications below which handing out takes longer than doing

Work = Callable[[int, slice], object]

_limiting = threading.Lock()
_choosing = threading.Lock()
_helpers: Counter[int] = Counter()  # on each core, of every computation
_mine = threading.local()  # .pool: the threads that help this one


@contextmanager
def crew() -> Iterator[None]:
    """Let :func:`in_parts` use every core within this block; no thread is left behind."""
    if _pool() is not None:
        yield
        return
    with (
        _one_blas_thread(),
        _own_cores() as settle,
        ThreadPoolExecutor(max(1, PARTS - 1), initializer=settle) as pool,
    ):
        _mine.pool = pool
        try:
            yield
        finally:
            _mine.pool = None


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
def _own_cores() -> Iterator[Callable[[], None]]:
    """Keep the caller off its helpers' cores; yield what a helper calls to keep to its own."""
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
        _keep_to(allowed)
        with _choosing:
            _helpers.subtract(theirs)


def _keep_to(cores: set[int]) -> None:
    """Keep the calling thread to these cores."""
    with suppress(OSError):  # a sandbox may refuse; the work is done all the same
        os.sched_setaffinity(0, cores)


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Limit BLAS, which all threads share; one of them does, so that what it was comes back."""
    if not _limiting.acquire(blocking=False):
        yield
        return
    try:
        with _controller().limit(limits=1, user_api="blas"):
            yield
    finally:
        _limiting.release()


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
