"""What a caller may ask of the engines, checked."""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Callable
from numbers import Real
from typing import Literal, NamedTuple

METHODS = ("auto", "power", "lapack")
Method = Literal["auto", "power", "lapack"]
Stop = Callable[[], bool] | threading.Event


class Options(NamedTuple):
    """How to compute: see :func:`lora_bokeh.engine.steps.svd_steps`."""

    method: str = "auto"
    seed: int = 0
    tol: float | None = None
    stop: Callable[[], bool] | None = None
    vectors: bool = False


def check_options(method: str, seed: int, tol: float | None, stop: Stop | None) -> Options:
    """Return the checked options, or raise TypeError or ValueError in one sentence."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if tol is not None and not (isinstance(tol, Real) and 0 < tol < math.inf):
        raise ValueError(f"tol must be a positive number, got {tol!r}")
    try:
        negative = operator.index(seed) < 0
    except TypeError:
        raise TypeError(f"seed must be an integer, got {seed!r}") from None
    if negative:
        raise ValueError(f"seed must not be negative, got {seed}")
    if stop is not None and not callable(stop) and not isinstance(stop, threading.Event):
        raise TypeError(f"stop must be a threading.Event or callable, got {stop!r}")
    ask = stop.is_set if isinstance(stop, threading.Event) else stop
    return Options(method, seed, tol, ask)
