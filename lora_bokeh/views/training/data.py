"""The targets that a training view offers: what is known of each, and what its page holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.matrix import check_matrix
from lora_bokeh.engine.spectrum import Spectrum
from lora_bokeh.jobs.training import page_facts, page_grid
from lora_bokeh.targets import Target, gallery, noise
from lora_bokeh.training.floor import floors, rate_limit, target_spectrum
from lora_bokeh.training.grid import Course, affordable, training_grid

MOST_RANKS = 64  # of a large target: where the rank slider ends


class Offer:
    """A target on offer; it raises what :func:`lora_bokeh.engine.matrix.check_matrix` does."""

    def __init__(self, name: str, story: str, W: Any) -> None:
        self.name, self._story = name, story
        self.W: Any = W if isinstance(W, LowRank) else check_matrix(W)
        self.last = min(*self.W.shape, MOST_RANKS)
        self.known: Spectrum = target_spectrum(self.W, self.last)

    def page(self, scale: Callable[[int], float]) -> dict[str, Any]:
        """Return what the page holds of it, s of s·B·A being a function of the rank."""
        limits = [rate_limit(self.known, scale(rank)) for rank in range(1, self.last + 1)]
        facts = page_facts(self.name, self._story, self.W)
        return {**facts, "floors": floors(self.known, self.last), "limits": np.array(limits)}

    def affordable(self, steps: int, rates: int) -> bool:
        """Whether a file can hold all of its runs."""
        small = self.last == min(self.W.shape) and not isinstance(self.W, LowRank)
        return small and affordable(self.W.shape, steps, rates)


@cache
def offered_gallery() -> tuple[Offer, ...]:
    """Return the targets on offer, the default first, computed once a process."""
    story = "Nothing to compress: the floor of a low rank lies high."
    default = Target("random normal 8 × 8", story, noise((8, 8), seed=0))
    return tuple(Offer(t.name, t.story, t.matrix) for t in (default, *gallery()))


def all_runs(offered: Iterable[Offer], course: Course, rates: tuple[float, ...]) -> dict[str, Any]:
    """Return what a page holds of every run of those targets that are small enough, by name."""
    small = [offer for offer in offered if offer.affordable(course.steps, len(rates))]
    return {o.name: page_grid(training_grid(o.W, course, rates)) for o in small}
