"""Layer and module of each name, for a table of layers × modules.

The layer is the number in the name that takes the most values over the source (of T5's
``block.3.layer.1.SelfAttention.q`` the block, not the sublayer); the module is what is left,
shortened to the fewest last parts that still tell the modules apart.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

NUMBER = re.compile(r"(?<![^._:])\d+(?![^._:])")  # standing alone between separators
SEPARATORS = "._:"

Place = tuple[int | None, str]


def natural(name: str) -> list[str | int]:
    """Return a sort key that puts layer 2 before layer 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def places(names: Sequence[str]) -> list[Place]:
    """Return (layer, module) of each name; no two different names share a place."""
    skeletons = defaultdict(list)  # names that differ by numbers only are of one skeleton
    for name in set(names):
        skeletons[NUMBER.sub("#", name)].append(name)
    found = {}
    for members in skeletons.values():
        position = _layer_position(members)
        found.update({name: _split(name, position) for name in members})
    short = _shortened({rest for _, rest in found.values()})
    return [(found[name][0], short[found[name][1]]) for name in names]


def _layer_position(names: Iterable[str]) -> int | None:
    """Return which of the numbers in names of one skeleton takes the most values."""
    columns = list(zip(*(NUMBER.findall(name) for name in names), strict=True))
    if not columns:
        return None
    return max(range(len(columns)), key=lambda i: len(set(columns[i])))


def _split(name: str, position: int | None) -> tuple[int | None, tuple[str, ...]]:
    """Return the layer and the parts of the name without it."""
    numbers = list(NUMBER.finditer(name))
    if position is None:
        return None, _parts(name)
    layer = numbers[position]
    return int(layer[0]), _parts(name[: layer.start()]) + _parts(name[layer.end() :])


def _parts(text: str) -> tuple[str, ...]:
    """Split a path at its dots, or leave a name with underscores whole."""
    return tuple(part for part in re.split(r"[.:]", text.strip(SEPARATORS)) if part)


def _shortened(modules: set[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Return the shortest end of each that no other has; the whole where it is another's end."""
    owners: dict[tuple[str, ...], int] = defaultdict(int)
    for parts in modules:
        for start in range(len(parts)):
            owners[parts[start:]] += 1
    return {parts: ".".join(_least_end(parts, owners)) for parts in modules}


def _least_end(parts: tuple[str, ...], owners: dict[tuple[str, ...], int]) -> tuple[str, ...]:
    ends = (parts[start:] for start in reversed(range(len(parts))))
    return next((end for end in ends if owners[end] == 1), parts)
