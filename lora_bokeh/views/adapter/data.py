"""A file with many matrices as the page lists it: rows, and a map by layer and module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lora_bokeh.formats.source import Entry, Source
from lora_bokeh.ranks.rules import RULES
from lora_bokeh.views.adapter.survey import name_of
from lora_bokeh.views.explorer.data import Opened, rank_for

SHARES = (0.9, 0.95, 0.99)  # of the energy, whose ranks the list shows
MOST_PLACES = 4000  # matrices on the map


def rows(source: Source, opened: Mapping[str, Opened]) -> list[dict[str, Any]]:
    """Return a row for each matrix of a file; what is not computed yet is None."""
    return [_row(entry, opened.get(name_of(entry))) for entry in source.entries]


def _row(entry: Entry, opened: Opened | None) -> dict[str, Any]:
    m, n = entry.shape
    known = opened is not None and opened.finished and len(opened.spectrum.s) > 0
    needs: list[int | None] = [None] * len(SHARES)
    stable = above = None
    if known and opened is not None:
        needs = [rank_for(share, opened.spectrum) for share in SHARES]
        if opened.floor is not None:
            result = RULES["rounding_floor"](opened.spectrum, opened.floor.edge)
            above = [result.lower, result.exact]
        stable = RULES["stable_rank"](opened.spectrum).value
    return {
        "name": name_of(entry),
        "shape": [m, n],
        "rank": entry.rank,
        "scale": entry.scale if entry.kind == "pair" else None,
        "parameters": entry.rank * (m + n) if entry.rank else m * n,
        "needs": needs,
        "stable": stable,
        "above": above,
        "place": None if entry.layer is None else [entry.layer, entry.module or "–"],
    }


def places(source: Source) -> tuple[tuple[int, int], list[str]] | None:
    """Return the first and last layer, and the modules, of a map; None where there is no map."""
    placed = [(e.layer, e.module or "–") for e in source.entries if e.layer is not None]
    if len(placed) < 2 or len(placed) > MOST_PLACES or len(set(placed)) < len(placed):
        return None
    layers = [layer for layer, _ in placed]
    modules = list(dict.fromkeys(module for _, module in placed))
    return (min(layers), max(layers)), modules[::-1]
