"""AdapterExplorer: a file with many matrices; each of them in the explorer."""

from __future__ import annotations

import os
from typing import Any

import param

from lora_bokeh import listing
from lora_bokeh.explorer import LoraExplorer
from lora_bokeh.formats.source import Source
from lora_bokeh.heatmap import map_figure
from lora_bokeh.loaders import SourceError, open_source
from lora_bokeh.opened import Opened
from lora_bokeh.view import pane
from lora_bokeh.widgets import Shell

SMALL_TEXTURE = 24  # px: pictures of matrices, of which a file may have hundreds


class AdapterExplorer(LoraExplorer):
    """Every matrix of an adapter or a checkpoint, and the ranks that they need.

    The pairs of an adapter are all computed at once, by their factors. Of a checkpoint, a matrix is
    read and computed when it is chosen.

    Parameters
    ----------
    source : path or Source
        A file or a folder, see :func:`lora_bokeh.loaders.open_source`, or a difference.
    called : str, optional
        What the commands on the page call the file. Default: its path.
    **params
        As for :class:`lora_bokeh.LoraExplorer`, without ``target_matrix``.

    Raises
    ------
    SourceError
        The file cannot be read, or holds no matrix.
    """

    index = param.List(default=[], constant=True, doc="Rows of the list.")
    plans = param.Dict(default={}, constant=True, doc="Resize plans of an adapter.")
    notes = param.List(default=[], constant=True, doc="What a person has to know of the file.")

    _followed = (*LoraExplorer._followed, "index", "plans", "notes")

    def __init__(
        self,
        source: str | os.PathLike[str] | Source,
        *,
        called: str | None = None,
        **params: Any,
    ) -> None:
        self._called = called
        self.source = source if isinstance(source, Source) else open_source(source)
        entries = self.source.entries
        if not entries:
            raise SourceError(self.source.path, "it holds no matrix")
        self._pairs = {
            listing.name_of(e): Opened(listing.name_of(e), e.read(), texture_side=SMALL_TEXTURE)
            for e in entries
            if e.kind == "pair"
        }
        if self._pairs:
            super().__init__(**params)
        else:
            first = entries[0]
            floor = first.rounding_error()
            super().__init__(first.read(), name=listing.name_of(first), floor=floor, **params)

    def choose(self, name: str) -> None:
        """Show one matrix of the file, reading it if need be.

        Raises
        ------
        ValueError
            There is no such matrix.
        """
        if name in self._opened:
            self.target = name
            return
        entry = next((e for e in self.source.entries if listing.name_of(e) == name), None)
        if entry is None:
            raise ValueError(f"{self.source.path}: there is no matrix {name!r}")
        self._label = name
        self.param.update(target_matrix=entry.read(), floor=entry.rounding_error())

    def _offered(self) -> dict[str, Opened]:
        return self._pairs or super()._offered()

    def _beside(self) -> dict[str, Opened]:
        return self._pairs

    def _file_state(self) -> dict[str, Any]:
        return {
            "index": listing.rows(self.source, self._opened),
            "plans": listing.plans_for(self.source, self._opened, self._called),
            "notes": list(self.source.notes),
        }

    def _grow(self, opened: Opened) -> None:
        super()._grow(opened)
        if opened.finished:
            with param.edit_constant(self):
                self.index = listing.rows(self.source, self._opened)

    def _page(self) -> dict[str, Any]:
        places = listing.places(self.source)
        page = super()._page()
        return page if places is None else {**page, "map": pane(map_figure(*places))}

    def __panel__(self) -> Shell:
        shell = super().__panel__()
        shell.param.watch(lambda event: self.choose(event.new), "request")
        return shell
