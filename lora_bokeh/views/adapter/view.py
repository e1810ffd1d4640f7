"""AdapterExplorer: a file with many matrices; each of them in the explorer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from threading import Event, Thread
from typing import Any

import param

from lora_bokeh.formats.source import Entry, Source
from lora_bokeh.jobs.progress import Progress, silence
from lora_bokeh.views.adapter import data
from lora_bokeh.views.adapter.figures import map_figure
from lora_bokeh.views.adapter.plans import DONE, unplanned
from lora_bokeh.views.adapter.survey import Survey
from lora_bokeh.views.explorer.data import Opened
from lora_bokeh.views.explorer.view import LoraExplorer
from lora_bokeh.views.shared.component import Component
from lora_bokeh.views.shared.session import Session
from lora_bokeh.views.shared.shown import pane

BETWEEN_LISTS = 0.5  # s: a list of hundreds of rows is not sent for each of them


class AdapterExplorer(LoraExplorer):
    """Every matrix of an adapter or a checkpoint, and the ranks that they need.

    The pairs of an adapter are all computed at once, by their factors. Of a checkpoint, or of a
    difference of two, a matrix is read and computed when it is chosen.

    Parameters
    ----------
    source : path, Source or Survey
        A file or a folder, see :func:`lora_bokeh.loading.open.open_source`; a difference, see
        :func:`lora_bokeh.loading.open.difference`; or what is known of one already.
    called : str or (str, str), optional
        What the commands on the page call the file; a difference, base and tuned. Default: paths.
    **params
        As for :class:`lora_bokeh.LoraExplorer`, without ``target_matrix`` and ``floor``.

    Raises
    ------
    SourceError
        The file cannot be read, or holds no matrix.
    """

    index = param.List(default=[], constant=True, doc="Rows of the list.")
    plans = param.Dict(default={}, constant=True, doc="Ranks for all, and what they come to.")
    notes = param.List(default=[], constant=True, doc="What a person has to know of the file.")
    surveying = param.Boolean(
        default=False, constant=True, doc="Whether all matrices are being computed."
    )

    _followed = (*LoraExplorer._followed, "index", "plans", "notes", "surveying")

    def __init__(
        self,
        source: str | os.PathLike[str] | Source | Survey,
        *,
        called: str | tuple[str, str] | None = None,
        **params: Any,
    ) -> None:
        self._leaves = Event()
        self._survey = (
            source if isinstance(source, Survey) else Survey(source, params.get("max_rank"))
        )
        self._notes = list(self.source.notes)
        self._called = (called,) if isinstance(called, str) else called or self._paths()
        self._plan: dict[str, Any] = unplanned(self.source)
        if self.source.is_adapter:
            self._survey.run()
        self._shown: dict[str, Opened] = dict(self._survey.known)
        if self._shown:
            super().__init__(**params)
        else:
            first = self._first()
            floor = first.rounding_error()
            super().__init__(first.read(), name=data.name_of(first), floor=floor, **params)

    def _paths(self) -> tuple[str, ...]:
        return tuple(str(file.path) for file in (self.source.base, self.source) if file)

    def _first(self) -> Entry:
        """Return the matrix to begin with: of a layer, not an embedding as large as all layers."""
        entries = self.source.entries
        return next((entry for entry in entries if entry.layer is not None), entries[0])

    @property
    def source(self) -> Source:
        """The file."""
        return self._survey.source

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
        if name in self._survey.known:
            self._show(name)
            return
        entry = self._survey.entries.get(name)
        if entry is None:
            raise ValueError(f"{self.source.path}: there is no matrix {name!r}")
        self._keep()
        self._label = name
        self.param.update(target_matrix=entry.read(), floor=entry.rounding_error())

    def read_all(self, progress: Progress = silence) -> None:
        """Compute every matrix that is not known yet, so that a saved page holds all of them.

        Parameters
        ----------
        progress : callable, optional
            Called before each matrix with its name, how many are done, and of how many; then once
            without a name.

        Raises
        ------
        SourceError
            One of them is refused.
        """
        self.wait()
        self._keep()
        self._survey.run(progress)
        self._shown = dict(self._survey.known)
        self._opened = {**self._shown, self.target: self._opened[self.target]}
        with param.edit_constant(self):
            held = {name: opened.page() for name, opened in self._opened.items()}
            self.param.update(targets=held, **self._file_state())

    def survey(self) -> None:
        """Compute every matrix in the background; the list fills as they become known."""
        if self.surveying or self.source.is_adapter:
            return
        self._leaves.clear()
        session = Session()
        session.at_end(self._leaves.set)
        self._surveyed(True)
        Thread(target=self._compute_all, args=(session.do,), daemon=True).start()

    def stop(self) -> None:
        """End what is being computed; what is known stays on the page."""
        self._leaves.set()
        super().stop()

    def _compute_all(self, tell: Callable[[Callable[[], Any]], Any]) -> None:
        told = time.monotonic()

        def progress(_name: str, _done: int, _total: int) -> None:
            nonlocal told
            if time.monotonic() - told > BETWEEN_LISTS:
                told = time.monotonic()
                tell(partial(self._surveyed, True))

        try:
            self._survey.run(progress, self._leaves.is_set)
            self._make_plans()
        except (OSError, ValueError) as error:
            tell(partial(self._surveyed, False, str(error)))
        else:
            tell(partial(self._surveyed, False))

    def _surveyed(self, running: bool, failure: str = "") -> None:
        with self._lock, param.edit_constant(self):
            notice = failure or self.notice
            self.param.update(surveying=running, notice=notice, **self._file_state())

    def _keep(self) -> None:
        """Keep what was computed of the matrix that was given."""
        given, known = self._given, self._survey.known
        if given is None or not given.finished or given.failure:
            return
        if given.name not in known or known[given.name].spectrum is not given.spectrum:
            self._survey.keep(given)
        self._shown[given.name] = self._survey.known[given.name]

    def _show(self, name: str) -> None:
        """Put on the page what is known of a matrix."""
        self._shown[name] = self._opened[name] = self._survey.known[name]
        with param.edit_constant(self):
            targets = {**self.targets, name: self._shown[name].page()}
            self.param.update(targets=targets, target=name)

    def _make_plans(self) -> None:
        """Plan what to cut as soon as all matrices are known."""
        if not self._survey.complete or self._plan.keys() != {"verb"}:
            return
        try:
            self._plan = self._survey.plans(self._called)
        except ValueError as error:
            self._notes = [*self._notes, f"it cannot be {DONE[self._plan['verb']]}: {error}"]
            self._plan = {}

    def _offered(self) -> dict[str, Opened]:
        return self._shown or super()._offered()

    def _beside(self) -> dict[str, Opened]:
        return self._shown

    def _known(self) -> dict[str, Opened]:
        return {**self._survey.known, **self._opened}

    def _file_state(self) -> dict[str, Any]:
        self._keep()
        self._make_plans()
        return {
            "index": data.rows(self.source, self._known()),
            "plans": self._plan,
            "notes": self._notes,
        }

    def page_title(self) -> str:
        """Return the name of the file."""
        return str(self.source.path.name)

    def _bring(self, state: dict[str, Any]) -> None:
        if state.get("target") in self._survey.entries:
            self.choose(state["target"])
        super()._bring(state)

    def _grow(self, opened: Opened) -> None:
        super()._grow(opened)
        if opened.finished:
            with param.edit_constant(self):
                self.param.update(**self._file_state())

    def _page(self) -> dict[str, Any]:
        places = data.places(self.source)
        page = super()._page()
        return page if places is None else {**page, "map": pane(partial(map_figure, *places))}

    def __panel__(self) -> Component:
        shell = super().__panel__()
        shell.param.watch(lambda event: self.choose(event.new), "request")
        shell.param.watch(
            lambda _: self._leaves.set() if self.surveying else self.survey(), "surveys"
        )
        return shell
