"""Which tensor of one checkpoint is which of another's, where a wrapper changed the names.

Equal names are the same tensor. Of the rest, wrappers that training leaves (``_orig_mod.`` and
others) and a part that one model has and the other has not (``model.language_model.`` against
``model.``) are seen through: two names are one if they share the longest ending, no other name of
the same shape has as long a one, and what differs in front holds no number, so that no layer is
taken for another.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lora_bokeh.formats.module_names import unwrapped, wrappers
from lora_bokeh.text import count, listing

LEAST_ENDING = 2  # parts that have to be alike: "weight" alone says nothing
Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]


class Matching(NamedTuple):
    """Names of a tuned model and what they are in the base.

    Attributes
    ----------
    base_name : dict
        Tuned → base, for every name that has a counterpart.
    notes : tuple of str
        The mappings, a sentence each.
    """

    base_name: dict[str, str]
    notes: tuple[str, ...]


def matched(base: Shapes, tuned: Shapes, maps: Mapping[str, str] | None = None) -> Matching:
    """Match the names of two checkpoints.

    Parameters
    ----------
    base, tuned : mapping of str to tuple of int
        Names → shapes.
    maps : mapping of str to str, optional
        Beginnings of the tuned model's names → what stands there in the base; the longest
        beginning that fits decides, and nothing else is tried for such a name.

    Raises
    ------
    ValueError
        A beginning fits no name.
    """
    maps = maps or {}
    unused = [old for old in maps if not any(name.startswith(old) for name in tuned)]
    if unused:
        raise ValueError(f"--map: no name of the tuned model starts with {listing(unused)!r}")
    found = {}
    for name in tuned:
        wanted = _mapped(name, maps)
        if wanted in base:
            found[name] = wanted
    taken = {*found.values()}
    left = [name for name in tuned if name not in found and not _is_mapped(name, maps)]
    rest = [name for name in base if name not in taken]
    found |= _by_ending({n: base[n] for n in rest}, {n: tuned[n] for n in left})
    return Matching(found, _notes(found))


def _is_mapped(name: str, maps: Mapping[str, str]) -> bool:
    return any(name.startswith(old) for old in maps)


def _mapped(name: str, maps: Mapping[str, str]) -> str:
    fitting = max((old for old in maps if name.startswith(old)), key=len, default=None)
    return name if fitting is None else maps[fitting] + name.removeprefix(fitting)


def _by_ending(base: Shapes, tuned: Shapes) -> dict[str, str]:
    """Return the names that share their longest ending with one other each."""
    endings = defaultdict(list)
    for name, shape in base.items():
        for ending in _endings(name):
            endings[ending, shape].append(name)
    best = {
        name: next((e for ending in _endings(name) if (e := endings.get((ending, shape)))), [])
        for name, shape in tuned.items()
    }
    pairs = {name: others[0] for name, others in best.items()
             if len(others) == 1 and _same_layer(name, others[0])}  # fmt: skip
    chosen = Counter(pairs.values())
    return {name: other for name, other in pairs.items() if chosen[other] == 1}


def _endings(name: str) -> list[str]:
    """Return the endings of a name without wrappers, the longest first."""
    parts = unwrapped(name).split(".")
    starts = range(max(1, len(parts) - LEAST_ENDING + 1))
    return [".".join(parts[start:]) for start in starts]


def _same_layer(name: str, other: str) -> bool:
    """Tell whether what differs in front of two names holds no number."""
    front = _beginnings(unwrapped(name), unwrapped(other))
    return not any(part.isdecimal() for beginning in front for part in beginning.split("."))


def _common_ending(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _notes(found: Mapping[str, str]) -> tuple[str, ...]:
    """Say which beginnings were taken for which."""
    seen = Counter(_beginnings(name, other) for name, other in found.items() if name != other)
    return tuple(
        f"{count(number, 'name')} matched: {_quoted(old)} in the tuned model, {_quoted(new)} in "
        "the base"
        for (old, new), number in seen.items()
    )


def _quoted(beginning: str) -> str:
    return repr(beginning) if beginning else "no prefix"


def _beginnings(name: str, other: str) -> tuple[str, str]:
    """Return what two names have before their common ending."""
    if unwrapped(name) == unwrapped(other):
        return "".join(wrappers(name)), "".join(wrappers(other))
    one, two = name.split("."), other.split(".")
    length = _common_ending(one, two)
    front = (parts[: len(parts) - length] for parts in (one, two))
    old, new = ("".join(f"{part}." for part in parts) for parts in front)
    return old, new
