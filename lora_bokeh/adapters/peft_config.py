"""PEFT's LoRA configuration: the scale of each module, by PEFT's own rule.

Source: huggingface/peft ``src/peft/utils/other.py`` (``get_pattern_key``) and
``src/peft/tuners/lora/layer.py`` (``update_layer``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

from lora_bokeh import lora
from lora_bokeh.adapters.automaton import Automaton, UnsupportedError
from lora_bokeh.adapters.pairing import Scaling
from lora_bokeh.formats.tensors import SourceError

# A pattern comes from a stranger and Python's matcher backtracks: what could keep it busy is
# given to an automaton, which does not; what that cannot follow is refused.
MAX_REPEATS = 4
REPEAT = re.compile(r"(?<![\\(])[*+?{]")
REPEATED_GROUP = re.compile(r"\)[*+{]")

Value = TypeVar("Value")
Patterns = list[tuple["Pattern", float]]


class Pattern(Protocol):
    """What tells whether a module's name fits."""

    def match(self, string: str, /) -> object:
        """Return something true if it does."""


class LoraConfig:
    """What ``adapter_config.json`` says of ranks and scales.

    Parameters
    ----------
    path : Path
        Where the configuration was read, for messages.
    values : dict
        ``r``, ``lora_alpha``, ``use_rslora``, ``rank_pattern``, ``alpha_pattern`` and others.

    Raises
    ------
    SourceError
        A value is missing or is not what it has to be.
    """

    def __init__(self, path: Path, values: Mapping[str, Any]) -> None:
        self._path = path
        self._values = values
        self._alpha = number(path, "lora_alpha", values.get("lora_alpha"))
        self._rank = None if values.get("r") is None else number(path, "r", values["r"])

    def scaling(self, module: str, rank: int) -> Scaling:
        """Return the scale of a module whose factors have the inner dimension ``rank``.

        s = α/r, or α/√r with ``use_rslora``; r and α are those of the first pattern that fits the
        module's name, else ``r`` and ``lora_alpha``.
        """
        r = first_match(self._ranks, module, self._rank)
        alpha = first_match(self._alphas, module, self._alpha)
        if r is not None and r != rank:
            raise SourceError(
                self._path,
                f"it gives {module!r} the rank {r:g}, but its factors have the inner dimension "
                f"{rank}",
            )
        assert alpha is not None  # noqa: S101 - __init__ has checked it
        return Scaling(lora.scale(alpha, rank, bool(self._values.get("use_rslora"))), alpha)

    def rank_of(self, module: str) -> int:
        """Return the r that the configuration gives a module."""
        r = first_match(self._ranks, module, self._rank)
        return int(number(self._path, "r", r))

    @cached_property
    def _ranks(self) -> Patterns:
        return self._patterns("rank_pattern")

    @cached_property
    def _alphas(self) -> Patterns:
        return self._patterns("alpha_pattern")

    def _patterns(self, key: str) -> Patterns:
        table = self._values.get(key) or {}
        if not isinstance(table, dict):
            raise SourceError(self._path, f"{key} is {table!r:.40}, not an object")
        return [
            (self._compiled(key, pattern), number(self._path, f"{key}[{pattern!r}]", value))
            for pattern, value in table.items()
        ]

    def _compiled(self, key: str, pattern: str) -> Pattern:
        try:
            if len(REPEAT.findall(pattern)) > MAX_REPEATS or REPEATED_GROUP.search(pattern):
                return Automaton(rf"(.*\.)?({pattern})")
            return key_pattern(pattern)
        except UnsupportedError as error:
            reason = f"{key}: the pattern {pattern!r:.60} is too intricate ({error})"
            raise SourceError(self._path, reason) from None
        except (re.error, RecursionError, OverflowError) as error:
            raise SourceError(
                self._path, f"{key}: {pattern!r:.60} is no pattern ({error})"
            ) from None


def key_pattern(key: str) -> re.Pattern[str]:
    """Return what PEFT's get_pattern_key makes of a key of ``rank_pattern``."""
    return re.compile(rf"(.*\.)?({key})$")


def first_match(patterns: Sequence[tuple[Pattern, Value]], module: str, default: Value) -> Value:
    """Return the value of the first pattern that fits a module's name."""
    return next((value for pattern, value in patterns if pattern.match(module)), default)


def number(path: Path, name: str, value: object) -> float:
    """Return a finite number; as a rank it has to be a whole one from 1.

    Raises
    ------
    SourceError
        It is none.
    """
    if value is None:
        raise SourceError(path, f"{name} is missing, and with it the scale of ΔW")
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        raise SourceError(path, f"{name} is {value!r:.40}, not a finite number")
    if name.startswith("r") and (value < 1 or value != int(value)):
        raise SourceError(path, f"{name} is {value!r}, a rank is a whole number from 1")
    return value


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond float64
        return False
