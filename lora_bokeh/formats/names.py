"""Layer and module of each name, for a table of layers × modules.

The layer is the number in the name that takes the most values over the source (of T5's
``block.3.layer.1.SelfAttention.q`` the block, not the sublayer); the module is what is left,
shortened to the fewest last parts that still tell the modules apart.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

NUMBER = re.compile(r"(?<![^._:])\d+(?![^._:])")  # standing alone between separators

Place = tuple[int | None, str]


def natural(name: str) -> list[str | int]:
    """Return a sort key that puts layer 2 before layer 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def places(names: Sequence[str]) -> list[Place]:
    """Return (layer, module) of each name; no two different names share a place."""
    alike = defaultdict(set)  # names that differ by numbers only
    for name in names:
        alike[NUMBER.sub("#", name)].add(name)
    found = {}
    for members in alike.values():
        position = _layer_position(members)
        found.update({name: _without_layer(name, position) for name in members})
    modules = _shortened({rest for _, rest in found.values()})
    return [(found[name][0], modules[found[name][1]]) for name in names]


def _layer_position(names: Iterable[str]) -> int | None:
    """Return which of the numbers, in names that differ by them alone, takes the most values."""
    columns = list(zip(*(NUMBER.findall(name) for name in names), strict=True))
    if not columns:
        return None
    return max(range(len(columns)), key=lambda i: len(set(columns[i])))


def _without_layer(name: str, position: int | None) -> tuple[int | None, str]:
    """Return the layer, and the name with a star in its place."""
    if position is None:
        return None, name
    layer = list(NUMBER.finditer(name))[position]
    return int(layer[0]), f"{name[: layer.start()]}*{name[layer.end() :]}"


def _shortened(modules: set[str]) -> dict[str, str]:
    """Return a short name of each: the shortest end that no other has, if there is one."""
    parts = {module: _parts(module) for module in modules}
    owners = Counter(p[start:] for p in set(parts.values()) for start in range(len(p)))
    short = {module: ".".join(_least_end(p, owners)) for module, p in parts.items()}
    taken = Counter(short.values())
    return {module: name if taken[name] == 1 else module for module, name in short.items()}


def _parts(module: str) -> tuple[str, ...]:
    """Split a path at its dots and at the layer; a name with underscores is one part."""
    pieces = re.split(r"[.:]|[._:]?\*[._:]?", module)
    return tuple(piece for piece in pieces if piece)


def _least_end(parts: tuple[str, ...], owners: Counter[tuple[str, ...]]) -> tuple[str, ...]:
    ends = (parts[start:] for start in reversed(range(len(parts))))
    return next((end for end in ends if owners[end] == 1), parts)
