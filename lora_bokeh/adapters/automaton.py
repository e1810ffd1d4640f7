"""Regular expressions from strangers, matched in time linear in the text.

Python's matcher backtracks: ``(a+)+b`` keeps it busy for as long as its author likes. Here all ways
through the expression are followed at once, a character at a time (Thompson 1968), so that nothing
but its length has to be bounded. Look-around and back references cannot be followed so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

MAX_STATES = 5000

Test = Callable[[str], bool]
CATEGORIES: dict[Any, Test] = {
    sre.CATEGORY_DIGIT: str.isdecimal,
    sre.CATEGORY_SPACE: str.isspace,
    sre.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
}
NEGATED = {
    sre.CATEGORY_NOT_DIGIT: sre.CATEGORY_DIGIT,
    sre.CATEGORY_NOT_SPACE: sre.CATEGORY_SPACE,
    sre.CATEGORY_NOT_WORD: sre.CATEGORY_WORD,
}


class UnsupportedError(ValueError):
    """The expression has look-around, back references, flags, or too many states."""


class State(NamedTuple):
    """One place in the expression: what lets through to the next ones."""

    test: Test | None  # None: without a character, at ``where``
    where: str  # "start", "end" or "" for anywhere
    following: list[int]


class Automaton:
    """A regular expression that is matched whole.

    Parameters
    ----------
    pattern : str
        In Python's syntax.

    Raises
    ------
    re.error
        It is no expression.
    UnsupportedError
        It cannot be followed.
    """

    def __init__(self, pattern: str) -> None:
        self._states: list[State] = []
        parsed = parser.parse(pattern)
        if parsed.state.flags & ~re.UNICODE:
            raise UnsupportedError("flags")
        self._end = self._state(None)
        self._start = self._sequence(parsed, self._end)

    def match(self, text: str) -> bool:
        """Tell whether the whole text matches."""
        places = self._reached([self._start], 0, len(text))
        for position, character in enumerate(text, 1):
            passed = (self._states[i] for i in places)
            ahead = [n for s in passed if s.test and s.test(character) for n in s.following]
            places = self._reached(ahead, position, len(text))
        return self._end in places

    def _reached(self, places: Iterable[int], position: int, length: int) -> set[int]:
        """Return the places, and all that are reached from them without a character."""
        found: set[int] = set()
        waiting = list(places)
        while waiting:
            place = waiting.pop()
            state = self._states[place]
            here = {"": True, "start": position == 0, "end": position == length}[state.where]
            if place in found or not here:
                continue
            found.add(place)
            if state.test is None:
                waiting += state.following
        return found

    def _state(self, test: Test | None, *following: int, where: str = "") -> int:
        if len(self._states) >= MAX_STATES:
            raise UnsupportedError("too many states")
        self._states.append(State(test, where, list(following)))
        return len(self._states) - 1

    def _sequence(self, items: Any, after: int) -> int:
        for op, argument in reversed(list(items)):
            after = self._item(op, argument, after)
        return after

    def _item(self, op: Any, argument: Any, after: int) -> int:
        """Return the state at which an item starts, which leads to ``after``."""
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            least, most, items = argument
            return self._repeated(least, most, items, after)
        if op is sre.BRANCH:
            return self._state(None, *(self._sequence(branch, after) for branch in argument[1]))
        if op is sre.SUBPATTERN:
            _, added, dropped, items = argument
            if added or dropped:
                raise UnsupportedError("flags")
            return self._sequence(items, after)
        if op is sre.AT:
            return self._anchor(argument, after)
        return self._state(_test(op, argument), after)

    def _anchor(self, argument: Any, after: int) -> int:
        wheres = {
            sre.AT_BEGINNING: "start", sre.AT_BEGINNING_STRING: "start",
            sre.AT_END: "end", sre.AT_END_STRING: "end",
        }  # fmt: skip
        if argument not in wheres:
            raise UnsupportedError("word boundary")
        return self._state(None, after, where=wheres[argument])

    def _repeated(self, least: int, most: int, items: Any, after: int) -> int:
        if most is sre.MAXREPEAT:
            loop = self._state(None, after)
            self._states[loop].following.append(self._sequence(items, loop))
            start = loop
        else:
            start = after
            for _ in range(most - least):
                start = self._state(None, after, self._sequence(items, start))
        for _ in range(least):
            start = self._sequence(items, start)
        return start


def _test(op: Any, argument: Any) -> Test:
    """Return what tells whether a character fits."""
    if op not in TESTS:
        raise UnsupportedError(str(op))
    return TESTS[op](argument)


def _range(argument: tuple[int, int]) -> Test:
    low, high = map(chr, argument)
    return lambda c: low <= c <= high


def _category(argument: Any) -> Test:
    if argument in CATEGORIES:
        return CATEGORIES[argument]
    test = CATEGORIES[NEGATED[argument]]
    return lambda c: not test(c)


def _one_of(argument: Any) -> Test:
    negate = argument[0][0] is sre.NEGATE
    tests = [_test(*item) for item in argument[negate:]]
    return lambda c: any(test(c) for test in tests) != negate


TESTS: dict[Any, Callable[[Any], Test]] = {
    sre.LITERAL: lambda code: chr(code).__eq__,
    sre.NOT_LITERAL: lambda code: chr(code).__ne__,
    sre.ANY: lambda _: "\n".__ne__,
    sre.RANGE: _range,
    sre.CATEGORY: _category,
    sre.IN: _one_of,
}
