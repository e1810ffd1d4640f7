"""All matrices of a source computed, one by one: of each stays what a page holds of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from typing import Any

from lora_bokeh.engine.spectrum import Spectrum
from lora_bokeh.engine.steps import DEFAULT_RANK
from lora_bokeh.formats.source import Entry, Source
from lora_bokeh.jobs.progress import Progress, counted, silence
from lora_bokeh.jobs.spectrum import PLACES
from lora_bokeh.loading.open import SourceError, open_source
from lora_bokeh.views.adapter.plans import plans
from lora_bokeh.views.explorer.data import Opened
from lora_bokeh.views.heatmaps.blocks import Region, side_for

SMALL_SIDE = 16  # of the pictures of matrices at least, of which a file may have hundreds


def name_of(entry: Entry) -> str:
    """Return what the page calls a matrix."""
    return entry.name or "W"


def never() -> bool:
    """Stop at nothing."""
    return False


class Kept(Opened):
    """A target that was computed and whose matrix is let go: what the page holds of it stays.

    Parameters
    ----------
    opened : Opened
        The target.
    again : callable, optional
        Reads and computes it once more, where that takes no time.
    """

    def __init__(self, opened: Opened, again: Callable[[], Opened] | None = None) -> None:
        self._again = again
        self.name = opened.name
        self.floor = opened.floor
        self._spectrum, self._last, self._page = opened.spectrum, opened.last, opened.page()

    @property
    def spectrum(self) -> Spectrum:
        """Its spectrum."""
        return self._spectrum

    @property
    def finished(self) -> bool:
        """True."""
        return True

    @property
    def last(self) -> int:
        """Last rank of the axis."""
        return self._last

    def page(self) -> dict[str, Any]:
        """Return all that the page holds of it."""
        return dict(self._page)

    def closer(self, region: Region) -> dict[str, Any] | None:
        """Return a region of its pictures in more detail, or None where that would take long."""
        return self._again().closer(region) if self._again else None


class Survey:
    """What is known of the matrices of a source; the views of several tabs may share one.

    Parameters
    ----------
    source : path or Source
        See :func:`lora_bokeh.loading.open.open_source`, :func:`lora_bokeh.loading.open.difference`.
    max_rank : int, optional
        How many singular values of each to compute at most, see :func:`lora_bokeh.spectrum`.

    Attributes
    ----------
    source : Source
        The file.
    entries : dict of str to Entry
        Its matrices by the names that the page gives them.

    Raises
    ------
    SourceError
        The file cannot be read, or holds no matrix.
    """

    def __init__(
        self, source: str | os.PathLike[str] | Source, max_rank: int | None = None
    ) -> None:
        self.source = source if isinstance(source, Source) else open_source(source)
        self.entries = {name_of(entry): entry for entry in self.source.entries}
        if not self.entries:
            raise SourceError(self.source.path, "it holds no matrix")
        self.max_rank = max_rank
        self._known: dict[str, Kept] = {}
        self._plans: dict[tuple[str, ...], dict[str, Any]] = {}
        self._lock = Lock()
        ranks = sum(e.rank or min(max_rank or DEFAULT_RANK, *e.shape) for e in self.source.entries)
        self._side = side_for(ranks, fewest=SMALL_SIDE)

    @property
    def known(self) -> Mapping[str, Kept]:
        """The matrices that are computed, in the order of the source."""
        return {name: self._known[name] for name in self.entries if name in self._known}

    @property
    def complete(self) -> bool:
        """Whether all matrices are computed."""
        return len(self._known) == len(self.entries)

    def plans(self, called: tuple[str, ...]) -> dict[str, Any]:
        """Return the plans of a file all of whose matrices are known.

        Parameters
        ----------
        called : tuple of str
            What the command line calls it, see :func:`lora_bokeh.views.adapter.plans.plans`.

        Raises
        ------
        ValueError
            No adapter can be made of it.
        """
        if called not in self._plans:
            spectra = [kept.spectrum for kept in self.known.values()]
            self._plans[called] = plans(self.source, spectra, called)
        return self._plans[called]

    def keep(self, opened: Opened) -> None:
        """Keep what was computed elsewhere."""
        pair = self.entries[opened.name].kind == "pair"
        self._known[opened.name] = Kept(opened, partial(self.read, opened.name) if pair else None)

    def read(self, name: str) -> Opened:
        """Read one matrix; a large one is not computed yet.

        Raises
        ------
        SourceError, ValueError
            It is refused; the sentence names it.
        """
        entry = self.entries[name]
        most = self.max_rank and min(self.max_rank, *entry.shape)
        floor = entry.rounding_error()
        try:
            return Opened(name, entry.read(), most, side=self._side, floor=floor)
        except SourceError:
            raise
        except (TypeError, ValueError) as error:
            raise SourceError(self.source.path, f"{name!r}: {error}") from None

    def run(self, progress: Progress = silence, stop: Callable[[], bool] = never) -> None:
        """Compute what is not known; no more than one matrix is held at a time.

        Parameters
        ----------
        progress : callable, optional
            Called before each matrix with its name, how many are done, and of how many; then once
            without a name.
        stop : callable, optional
            Asked before each matrix whether to go no further.

        Raises
        ------
        SourceError
            As :meth:`read` does.
        """
        for name in counted(list(self.entries), str, progress):
            if stop():
                return
            with PLACES, self._lock:
                if name not in self._known:
                    opened = self.read(name)
                    opened.finish()
                    self.keep(opened)
