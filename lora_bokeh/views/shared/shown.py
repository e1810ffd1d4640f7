"""What all that is shown shares: pages that follow it while they are displayed, layout, copies."""

from __future__ import annotations

import inspect
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import panel as pn
import param
from bokeh.document import Document
from panel.viewable import Layoutable
from pyviz_comms import Comm

from lora_bokeh.views.shared.component import Component, Figure
from lora_bokeh.views.shared.displays import has_python, name_document, owns_address, place_in
from lora_bokeh.views.shared.state import is_reference

LAYOUT = ("css_classes", "margin", "max_width", "min_width", "sizing_mode", "visible", "width")


class Shown(pn.viewable.Viewer):
    """A Panel ``Viewer`` whose page is a :class:`~lora_bokeh.views.shared.component.Component`.

    Every display has a page of its own; it follows the parameters until the display ends.

    Parameters
    ----------
    theme : {"light", "dark"}, optional
        Default: as what it is shown in, a template for instance, else as the system prefers.
    addressed : bool, optional
        Whether the page's address carries the state. Default: not in a notebook.
    sizing_mode, width, min_width, max_width, margin, visible, css_classes
        As of anything that Panel lays out. Default: as wide as there is room.
    """

    css_classes = param.List(default=[], item_type=str, doc="CSS classes of the root element.")
    sizing_mode = param.Selector(
        default=None, objects=Layoutable.param.sizing_mode.objects, doc="See Panel; None stretches."
    )
    width = param.Integer(default=None, allow_None=True, bounds=(0, None), doc="Pixels.")
    min_width = param.Integer(default=None, allow_None=True, bounds=(0, None), doc="Pixels.")
    max_width = param.Integer(default=None, allow_None=True, bounds=(0, None), doc="Pixels.")
    margin = param.Parameter(default=0, doc="Pixels around it, or a tuple of them.")
    visible = param.Boolean(default=True, doc="Whether it is seen.")
    theme = param.Selector(default=None, objects=[None, "light", "dark"], doc="None follows.")
    addressed = param.Boolean(
        default=None, allow_None=True, constant=True, doc="Whether the address carries the state."
    )

    _component: type[Component]  # the page it is shown by
    _heard: tuple[str, ...] = ()  # what the browser writes
    _followed: tuple[str, ...] = ()  # what the page is told of
    _title = "LoRA explorer"  # of the browser's tab

    _arguments: dict[str, Any]  # as it was called

    def __new__(cls, *args: Any, **params: Any) -> Any:  # noqa: D102
        view = super().__new__(cls)
        given = inspect.signature(cls.__init__).bind_partial(view, *args, **params).arguments
        named = {name: value for name, value in given.items() if name not in ("self", "params")}
        view._arguments = {**named, **given.get("params", {})}
        return view

    def __init__(self, **params: Any) -> None:
        # Without a session, what is computed in the background is told by the thread that does it.
        self._lock = threading.RLock()
        self._pages: weakref.WeakSet[Component] = weakref.WeakSet()
        self._tells = False
        super().__init__(**params)
        self._check_layout()

    def _page(self) -> dict[str, Any]:
        """Return the figures and what else a page is given once."""
        raise NotImplementedError

    def _fill(self) -> dict[str, Any]:
        """Finish what is being computed; return what only a page without Python is given."""
        return {}

    def __panel__(self) -> Any:
        with self._lock:
            page = self._component(**self._state(), **self._page())
            page.view = self
            page.param.watch(self._hear, list(self._heard))
            self._pages.add(page)
            if not self._tells:
                self._tells = True
                # One watcher for all names: what changes together arrives as one message.
                self.param.watch(self._tell_pages, [*self._followed, *LAYOUT, "theme"])
        return page

    @contextmanager
    def showing(
        self, page: Component, doc: Document, comm: Comm | None
    ) -> Iterator[dict[str, Any]]:
        """Tell a page of which a display is being made all that it missed, and from now on.

        Yields
        ------
        dict
            What that display is told, and others of the same page are not.
        """
        hosted = has_python(doc, comm)
        filled = {} if hosted else self._fill()
        name_document(doc, self.page_title())
        addressed = owns_address(doc, comm) if self.addressed is None else self.addressed
        place = place_in(doc, self) if addressed else 1
        with self._lock:  # nothing is told between what a page begins with and what it follows
            if page not in self._pages:
                page.param.update(**self._state())
                self._pages.add(page)
            yield {"hosted": hosted, "addressed": addressed, "place": place, **filled}

    def hidden(self, page: Component) -> None:
        """Tell a page nothing more: no display of it is left."""
        self._pages.discard(page)

    def page_title(self) -> str:
        """Return what the browser's tab is called where nobody else says."""
        return self._title

    def save(self, filename: Any, title: str | None = None, **options: Any) -> None:
        """Save a page as Panel does; :func:`lora_bokeh.save_html` needs no network."""
        pn.panel(self).save(filename, title, **options)

    def _state(self) -> dict[str, Any]:
        """Return what the page shows, how and where."""
        state = {name: getattr(self, name) for name in self._followed}
        return {**state, **self._layout(), "theme": self.theme or ""}

    def _layout(self) -> dict[str, Any]:
        stretched = "stretch_width" if self.width is None else "fixed"
        return {
            **{name: getattr(self, name) for name in LAYOUT},
            "sizing_mode": self.sizing_mode or stretched,
        }

    @param.depends("width", "sizing_mode", watch=True)
    def _check_layout(self) -> None:
        mode = self.sizing_mode or ""
        if self.width is not None and mode.endswith(("_width", "_both")):
            raise ValueError(
                f"sizing_mode={mode!r} stretches the view, so width={self.width} has no meaning; "
                "leave one of them out, or give min_width or max_width"
            )

    def _tell_pages(self, *events: param.parameterized.Event) -> None:
        state = {event.name: event.new for event in events if event.name not in (*LAYOUT, "theme")}
        if len(state) < len(events):
            state |= {**self._layout(), "theme": self.theme or ""}
        for page in list(self._pages):
            page.param.update(**state)

    def _hear(self, *events: param.parameterized.Event) -> None:
        """Take what a person changed in the page."""
        self.param.update(**{event.name: event.new for event in events})

    def clone(self, **changes: Any) -> Any:
        """Return another view like this one, which then goes its own way.

        Parameters
        ----------
        **changes
            Arguments of the class, to be other ones.
        """
        other = type(self)(**{**self._called_now(), **changes})
        state = {name: getattr(self, name) for name in self._heard if name not in changes}
        other._bring(state)
        return other

    def _called_now(self) -> dict[str, Any]:
        """Return the arguments that make a view like this one, as it is now."""

        def now(name: str, given: Any) -> Any:
            follows = is_reference(given) or name not in self.param or name == "name"
            return given if follows else getattr(self, name)

        return {name: now(name, given) for name, given in self._arguments.items()}

    def _bring(self, state: dict[str, Any]) -> None:
        """Take the state of another view."""
        self.param.update(**state)

    def __copy__(self) -> Any:
        return self.clone()

    def __deepcopy__(self, _memo: dict[int, Any]) -> Any:
        return self.clone()

    def __reduce_ex__(self, _protocol: Any) -> Any:
        raise TypeError(
            f"a {type(self).__name__} cannot be pickled: it may be computing, and pages follow it; "
            "pickle its matrix and its settings, and make another one of them"
        )


def pane(make: Callable[[], Any]) -> Figure:
    """Return the figure that a function makes as a child of the page, as wide as its place."""
    return Figure(make)


def panes(make: Callable[[], list[Any]]) -> list[Figure]:
    """Return the figures that a function makes, which have parts in common, as children."""
    made = dict(enumerate(make()))

    def take(i: int) -> Any:
        if i not in made:
            made.update(enumerate(make()))
        return made.pop(i)

    return [Figure(partial(take, i)) for i in range(len(made))]
