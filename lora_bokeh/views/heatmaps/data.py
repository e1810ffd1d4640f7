"""What a page holds to show one target inside: W pooled, and its factors as they become known."""

from __future__ import annotations

from typing import Any

import numpy as np

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.jobs.spectrum import Computation
from lora_bokeh.views.heatmaps.blocks import Region, picture, side_for, terms, unit_exponent, whole

MOVED = 1e-5  # of the largest entry: terms that moved by less since they were sent stay as sent

CLOSER_SIDE = 256  # rows and columns of a region that a server shows in detail

Terms = tuple[np.ndarray, np.ndarray]


class Pictures:
    """The pictures of one target; see :mod:`lora_bokeh.views.heatmaps.blocks`.

    Parameters
    ----------
    computation : Computation
        Of the target.
    side : int, optional
        Rows and columns of the pictures, at most. Default: as many as fit a page.
    """

    def __init__(self, computation: Computation, side: int | None = None) -> None:
        self._computation = computation
        self._side = side or side_for(computation.wanted)
        self._mean: np.ndarray | None = None
        self._held: Terms = self._terms(self._side)

    def page(self) -> dict[str, Any]:
        """Return all that the page holds: where all terms are known, they make up the mean."""
        spectrum = self._computation.spectrum
        pair = isinstance(self._computation.matrix, LowRank)
        left, right = self._held
        needless = spectrum.exact_tail if pair else len(left) == min(spectrum.shape)
        if self._mean is None and not needless:
            self._mean = self._picture(self._side)
        return self._part(whole(spectrum.shape), None if needless else self._mean, left, right)

    def growth(self) -> dict[str, Any]:
        """Return the terms that are new, or not as the page holds them, and where they begin."""
        left, right = self._terms(self._side)
        first = _first_moved(self._held, (left, right))
        self._held = left, right
        return self.terms_from(first)

    def terms_from(self, first: int) -> dict[str, Any]:
        """Return the terms past the first ones, for a page that missed some of the growth."""
        left, right = self._held
        return {"from": first, "left": left[first:], "right": right[first:]}

    def closer(self, region: Region, side: int = CLOSER_SIDE) -> dict[str, Any]:
        """Return a region of the pictures as finely as ``side`` rows and columns show it."""
        left, right = self._terms(side, region)
        return self._part(region, self._picture(side, region), left, right)

    def _part(self, region: Region, mean: Any, left: Any, right: Any) -> dict[str, Any]:
        unit = 4.0 ** unit_exponent(self._computation.spectrum.frobenius_norm)
        return {"unit": unit, "region": list(region), "mean": mean, "left": left, "right": right}

    def _picture(self, side: int, region: Region | None = None) -> np.ndarray:
        norm = self._computation.spectrum.frobenius_norm
        return picture(self._computation.matrix, norm, side, region)

    def _terms(self, side: int, region: Region | None = None) -> Terms:
        norm = self._computation.spectrum.frobenius_norm
        return terms(self._computation.factors, norm, side, region)


def _first_moved(before: Terms, after: Terms) -> int:
    """Return the first term that is new or has moved."""
    count = min(len(before[0]), len(after[0]))
    if count == 0:
        return 0
    moved = np.zeros(count, bool)
    for old, new in zip(before, after, strict=True):
        gone = np.abs(new[:count] - old[:count]).max(axis=1)
        moved |= gone > MOVED * np.abs(new).max()
    return int(np.argmax(moved)) if moved.any() else count
