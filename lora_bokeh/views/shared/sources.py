"""From a spectrum and its matrix to what the page holds: curves, pictures, plain facts.

Each target becomes one dict. The active one also fills the ColumnDataSource of the first paint;
the page keeps the dicts, so that choosing another target needs no server.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource

from lora_bokeh.engine.rounding import RoundingError
from lora_bokeh.engine.spectrum import Spectrum
from lora_bokeh.lora import break_even_rank
from lora_bokeh.ranks.rule_table import answers


def shown_ranks(spectrum: Spectrum, wanted: int | None = None) -> int:
    """Return how far the rank axis goes: past the last value wanted there are bounds to see."""
    wanted = len(spectrum.s) if wanted is None else wanted
    exact = spectrum.exact_tail and len(spectrum.s) >= wanted
    return max(wanted, 1) if exact else min(2 * wanted, *spectrum.shape)


def curve_columns(spectrum: Spectrum, last: int | None = None) -> dict[str, Any]:
    """Return the columns of the residual curve, one row for each rank from 1 to ``last``.

    ``known`` counts the ranks whose values were computed. Past it ``frobenius``, ``spectral`` and
    ``captured`` hold the bound on the safe side (at most, at most, at least) and ``low`` the upper
    or lower bound on the other; where all is known ``low`` is None.
    """
    ranks = np.arange(1, (last or shown_ranks(spectrum)) + 1)
    low_frobenius, frobenius = spectrum.residual_bounds(ranks)
    low_spectral, spectral = spectrum.spectral_bounds(ranks)
    captured, high_captured = spectrum.captured_energy_bounds(ranks)
    certain = np.array_equal(low_spectral, spectral) and np.array_equal(low_frobenius, frobenius)
    low = {"frobenius": low_frobenius, "spectral": low_spectral, "captured": high_captured}
    return {
        "rank": ranks.astype(np.int32),
        "known": len(spectrum.s),
        "frobenius": frobenius,
        "spectral": spectral,
        "captured": captured,
        "low": None if certain else low,
    }


def curve_source(columns: dict[str, Any], metric: str) -> ColumnDataSource:
    """Return the source of the drawn curve: its columns, and ``residual`` in the metric shown."""
    known = columns["known"]
    data = {name: columns[name][:known] for name in ("rank", "frobenius", "spectral", "captured")}
    return ColumnDataSource({**data, "residual": columns[metric][:known]})


def rank_ticks(last: int) -> list[int]:
    """Return at most ten tick positions on the rank axis: 1, the last, and even steps between."""
    steps = (step for power in range(7) for step in (10**power * m for m in (1, 2, 5)))
    step = next(step for step in steps if last / step <= 8)
    between = [r for r in range(step, last, step) if 1 < r <= last - 0.8 * step]
    return sorted({1, *between, last})


def speckle(side: int = 40, seed: int = 0) -> np.ndarray:
    """Return the picture of a ΔW of which only the shape is known: every entry in play, muted.

    Its levels are int8, of a scale from −127 to 127.
    """
    third = np.iinfo(np.int8).max // 3
    return np.random.default_rng(seed).integers(-third, third + 1, (side, side), dtype=np.int8)


def growing(spectrum: Spectrum, last: int, floor: RoundingError | None = None) -> dict[str, Any]:
    """Return what of a target changes while its spectrum is computed."""
    return {
        "ticks": rank_ticks(last),
        "answers": answers(spectrum, floor),
        "norms": {"frobenius": spectrum.frobenius_norm, "sigma": float(max(spectrum.s, default=0))},
        **curve_columns(spectrum, last),
    }


def page_target(  # noqa: PLR0913 - all but three are by keyword
    name: str,
    matrix: Any,
    spectrum: Spectrum,
    *,
    story: str = "",
    last: int | None = None,
    inside: dict[str, Any] | None = None,
    floor: RoundingError | None = None,
) -> dict[str, Any]:
    """Return all that the page holds of one target; the rank axis goes from 1 to ``last``.

    ``inside`` are its pictures, see :class:`lora_bokeh.views.heatmaps.data.Pictures`; ``floor`` is
    what rounding in storage adds to the matrix: by metric, the norm expected of it.
    """
    return {
        "name": name,
        "story": story,
        "shape": list(spectrum.shape),
        "dtype": str(spectrum.dtype),
        "scale": getattr(matrix, "scale", 1.0),
        "break_even": break_even_rank(*spectrum.shape),
        "inside": inside,
        "floor": floor and {"frobenius": floor.frobenius, "spectral": floor.edge},
        **growing(spectrum, last or shown_ranks(spectrum), floor),
    }
