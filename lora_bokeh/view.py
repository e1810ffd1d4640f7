"""What the views share: a clamped rank, live references, and a page for each display."""

from __future__ import annotations

from typing import Any

import panel as pn
import param

from lora_bokeh.state import Rank, follow, is_reference, resolve, tell
from lora_bokeh.widgets import Component, Shell


class View(pn.viewable.Viewer):
    """A Panel ``Viewer`` with a rank.

    A Bokeh model belongs to one document, so every display gets models of its own; all of them
    follow the parameters of the view.
    """

    rank = Rank(doc="Rank shown; clamped to what the slider offers.")
    css_classes = param.List(default=[], item_type=str, doc="CSS classes of the root element.")

    _component: type[Component] = Shell  # the page it is shown by
    _heard: tuple[str, ...] = ("rank",)  # what the browser writes
    _followed: tuple[str, ...] = ("rank",)  # what the page is told of

    def __init__(self, **params: Any) -> None:
        self._references = {name: v for name, v in params.items() if is_reference(v)}
        super().__init__(**{name: resolve(value) for name, value in params.items()})
        self._fit_rank()
        for name, reference in self._references.items():
            follow(self, name, reference)

    def _last_rank(self) -> int:
        raise NotImplementedError

    def _fit_rank(self) -> None:
        """Set the bounds of the rank to what can be shown now, and crop it."""
        self.param["rank"].bounds = (1, self._last_rank())
        self.rank = self.rank  # setting it crops it

    def _page(self) -> dict[str, Any]:
        """Return the figures and what else a page is given once."""
        raise NotImplementedError

    def __panel__(self) -> Any:
        state = {name: getattr(self, name) for name in self._followed}
        shell = self._component(**state, **self._page(), css_classes=self.css_classes)
        shell.param.watch(self._hear, list(self._heard))
        # One watcher for all names: what changes together arrives as one message.
        self.param.watch(lambda *events: _copy(events, shell), list(self._followed))
        return shell

    def _hear(self, *events: param.parameterized.Event) -> None:
        """Take what a person changed in the page, and tell the parameters it came from."""
        changed = {e.name: e.new for e in events if getattr(self, e.name) != e.new}
        # The rank comes last: its bounds follow from the target or the shape.
        self.param.update(**{name: new for name, new in changed.items() if name != "rank"})
        self.rank = changed.get("rank", self.rank)
        for name, new in changed.items():
            tell(self._references.get(name), new)


def _copy(events: tuple[param.parameterized.Event, ...], shell: Component) -> None:
    shell.param.update(**{event.name: event.new for event in events})


def pane(figure: Any) -> pn.pane.Bokeh:
    """Return a figure as a child of the page, as wide as its place."""
    return pn.pane.Bokeh(figure, sizing_mode="stretch_width")
