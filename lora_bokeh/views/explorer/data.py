"""A target that one view looks at: its spectrum as it grows, and what the page holds of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from lora_bokeh.engine.rounding import RoundingError
from lora_bokeh.engine.spectrum import Spectrum
from lora_bokeh.jobs.spectrum import computation
from lora_bokeh.lora import break_even_rank
from lora_bokeh.ranks.rules import RULES
from lora_bokeh.targets import gallery
from lora_bokeh.views.heatmaps.blocks import Region
from lora_bokeh.views.heatmaps.data import Pictures
from lora_bokeh.views.shared.sources import growing, page_target, shown_ranks

ENERGY_AT_START = 0.9  # a view may start at the rank that captures this much,
USUAL_RANK = 8  # or where most adapters do, while that is not known


class Opened:
    """One target of one view.

    Parameters
    ----------
    name : str
        What the page calls it.
    matrix : array_like of shape (m, n) or LowRank
        The matrix.
    max_rank : int, optional
        How many singular values to compute.
    story : str, optional
        Its story in one line. Default: how many ranks hold 90 % of the energy.
    side : int, optional
        Rows and columns of its pictures, at most. Default: as many as fit a page.
    floor : RoundingError, optional
        What rounding in storage adds to the matrix.
    """

    def __init__(  # noqa: PLR0913 - all but three are by keyword
        self,
        name: str,
        matrix: Any,
        max_rank: int | None = None,
        *,
        story: str = "",
        side: int | None = None,
        floor: RoundingError | None = None,
    ) -> None:
        self.name = name
        self.floor = floor
        self._story = story
        self._computation = computation(matrix, max_rank)
        if self._computation.brief and not self._computation.finished:
            self._computation.run()
        self._pictures = Pictures(self._computation, side)
        self._report: Callable[[], object] | None = None
        self._left: Spectrum | None = None  # what was known when the view stopped listening

    @property
    def spectrum(self) -> Spectrum:
        """Its spectrum, as far as it is known."""
        return self._computation.spectrum if self._left is None else self._left

    @property
    def finished(self) -> bool:
        """Whether all the values wanted are known."""
        return self._computation.finished

    @property
    def failure(self) -> str:
        """Why the computation ended before its time, if it did."""
        return self._computation.failure

    @property
    def last(self) -> int:
        """Last rank of the axis."""
        return shown_ranks(self.spectrum, self._computation.wanted)

    def start(self, report: Callable[[], object]) -> None:
        """Compute in the background what is not known, telling ``report`` of it."""
        self.stop()
        self._left = None
        self._report = report
        self._computation.listen(report)

    def stop(self) -> None:
        """Want no more of it."""
        if self._report is not None:
            self._computation.leave(self._report)
            self._report = None
            self._left = self._computation.spectrum

    def finish(self) -> None:
        """Compute in this thread what is not known."""
        if not self.finished:
            self._computation.run()

    def wait(self) -> None:
        """Return when what was started has ended."""
        if self._report is not None:
            self._computation.wait()

    def extend(self) -> None:
        """Want twice as many values."""
        self._computation.extend(2 * self._computation.wanted)

    def page(self) -> dict[str, Any]:
        """Return all that the page holds of it."""
        return page_target(
            self.name,
            self._computation.matrix,
            self.spectrum,
            story=self.story(),
            last=self.last,
            inside=self.inside(),
            floor=self.floor,
        )

    def inside(self) -> dict[str, Any]:
        """Return its pictures as the page holds them."""
        return self._pictures.page()

    def growth(self) -> dict[str, Any]:
        """Return what changes as it is computed."""
        new = growing(self.spectrum, self.last, self.floor)
        return {"name": self.name, "story": self.story(), **new}

    def new_terms(self) -> dict[str, Any]:
        """Return what is new of its pictures since this was asked, see :class:`Pictures`."""
        return self._pictures.growth()

    def terms_from(self, first: int) -> dict[str, Any]:
        """Return the terms of its pictures past the first ones."""
        return self._pictures.terms_from(first)

    def closer(self, region: Region) -> dict[str, Any] | None:
        """Return a region of its pictures in more detail."""
        return self._pictures.closer(region)

    def progress(self) -> dict[str, Any]:
        """Return how far the computation has come, for the page's progress bar."""
        running = self._report is not None and not self.finished
        return {
            "name": self.name,
            "running": running,
            "known": len(self.spectrum.s),
            "wanted": self._computation.wanted,
            "all": min(self.spectrum.shape),
            "exact": self.spectrum.exact_tail,
        }

    def story(self) -> str:
        """Return its story in one line."""
        if self._story or not len(self.spectrum.s):
            return self._story
        rank = rank_for(ENERGY_AT_START, self.spectrum)
        needs = f"more than {len(self.spectrum.s)}" if rank is None else rank
        share = f"{100 * ENERGY_AT_START:.0f} % of the energy"
        known = len(self.spectrum.s) if self.spectrum.exact_tail else min(self.spectrum.shape)
        return f"{share} needs {needs} of {known} ranks."

    def starting_rank(self) -> int:
        """Return the rank for 90 % of the energy, but none that costs more than the matrix."""
        if not self.finished:
            return min(USUAL_RANK, self.last)
        enough = rank_for(ENERGY_AT_START, self.spectrum) or len(self.spectrum.s)
        return max(1, min(enough, int(break_even_rank(*self.spectrum.shape))))


def rank_for(energy: float, spectrum: Spectrum) -> int | None:
    """Return the least rank that captures a share of the energy; None where it is not known."""
    return RULES["energy"](spectrum, energy).rank


@cache
def opened_gallery() -> dict[str, Opened]:
    """Return the gallery's targets by name, computed once a process."""
    return {t.name: Opened(t.name, t.matrix, story=t.story) for t in gallery()}
