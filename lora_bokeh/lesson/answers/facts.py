"""What is computed of an act: its answer, the usual mistakes, and the numbers in its texts.

No answer is typed in. The functions registered here take nothing and compute one act each from the
library's arithmetic, its spectra and published figures; ``acts.json`` has the words around them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from lora_bokeh.engine.spectrum import Spectrum
from lora_bokeh.ranks.rules import RULES


@dataclass(frozen=True)
class Facts:
    """What is computed of one act.

    Attributes
    ----------
    answer : str, float or dict
        The key of the right choice, the right number, or one number for each field.
    tolerance : float
        How far off a number may be and still be right.
    mistakes : dict
        Name of a mistake → the number that it leads to, or (field, number).
    data : dict
        What the page needs to answer to any number given.
    words : dict
        Placeholder → text, for everything said in the act.
    """

    answer: Any
    tolerance: float = 0.0
    mistakes: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)


FACTS: dict[str, Callable[[], Facts]] = {}


def act(name: str) -> Callable[[Callable[[], Facts]], Callable[[], Facts]]:
    """Register the function that computes an act; it runs once a process."""

    def register(function: Callable[[], Facts]) -> Callable[[], Facts]:
        FACTS[name] = cache(function)
        return FACTS[name]

    return register


def count(n: float) -> str:
    """16777216 → "16,777,216"."""
    return f"{round(n):,}"


def percent(x: float) -> str:
    """0.99023 → "99.0 %", with a true minus."""
    return f"{100 * x:.1f} %".replace("-", "−")


def digits(x: float, n: int = 4) -> str:
    """Return n significant digits without trailing zeros."""
    return f"{x:.{n}g}".replace("-", "−")


def rank_for(energy: float, what: Spectrum) -> int:
    """Return the least rank that captures a share of the energy of a complete spectrum."""
    rank = RULES["energy"](what, energy).rank
    assert rank is not None  # noqa: S101 - all values are known
    return rank
