"""The HTML of a view as one Panel component, and its wiring to the figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import param
from bokeh.document import Document
from bokeh.model import Model
from bokeh.models import CustomJS
from bokeh.themes import Theme
from panel.custom import Child, Children, JSComponent
from pyviz_comms import Comm

from lora_bokeh.views.shared.assets import bundle, stylesheet

SIZE_BOUNDS = (2, 4096)  # what the sliders of d and k offer, unless the view was given more
OURS = Theme(json={})  # figures have colours and sizes of their own, in any template
REDRAW = "redraw.execute(source)"


class Component(JSComponent):
    """State of a view's page: one module writes its HTML, another one draws its figures.

    A subclass names its module in ``_esm`` and its style sheets in ``_stylesheets``. Where it has
    Bokeh figures as children, ``_draws`` names the module whose default function brings them to
    the state, and ``_redrawn_on`` the properties it is called on.
    """

    paint = param.Dict(default={}, doc="Palette and paint count; the page's own, never sent back.")
    theme = param.String(default="", doc='"light" or "dark"; "" follows what it is shown in.')
    hosted = param.Boolean(default=True, doc="Whether there is a Python to compute more.")
    addressed = param.Boolean(default=False, doc="Whether the page's address may carry the state.")
    place = param.Integer(default=1, doc="Place of the view among those of its page, from 1.")

    view: Any = None  # the Shown whose page it is

    _draws = ""
    _redrawn_on: tuple[str, ...] = ()

    __abstract = True

    def __init__(self, **params: Any) -> None:
        super().__init__(**{"sizing_mode": "stretch_width", **params})
        self._here: dict[str, Any] = {}  # what only the display that is being made is told

    def _get_model(
        self,
        doc: Document,
        root: Model | None = None,
        parent: Model | None = None,
        comm: Comm | None = None,
    ) -> Model:
        """Return a Bokeh model of the page, for a display that begins; the view is told."""
        if self.view is None:
            return self._drawn(super()._get_model(doc, root, parent, comm))
        with self.view.showing(self, doc, comm) as self._here:
            return self._drawn(super()._get_model(doc, root, parent, comm))

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        properties = super()._get_properties(doc)
        properties["data"].update(**self._here)
        return properties

    def _drawn(self, model: Model) -> Model:
        """Return the model, with its figures redrawn when what they show changes."""
        if self._draws:
            redraw = CustomJS(code=bundle(self._draws))
            call = CustomJS(args={"redraw": redraw, "source": model.data}, code=REDRAW)
            for name in self._redrawn_on:
                model.data.js_on_change(name, call)
        return model

    def _cleanup(self, root: Model | None = None) -> None:
        """End a display; after the last one the view does not know this page any more."""
        super()._cleanup(root)
        if self.view is not None and not self._models:
            self.view.hidden(self)

    def clone(self, *args: Any, **params: Any) -> Any:
        """Return another page of the view, with figures of its own."""
        if self.view is None:
            return super().clone(*args, **params)
        page = pn.panel(self.view)
        page.param.update(**params)
        return page

    def save(self, filename: Any, title: str | None = None, **options: Any) -> None:
        """Save the page as Panel does, titled as the view is."""
        titled = title or (self.view.page_title() if self.view else None)
        before = set(self._models)
        try:
            super().save(filename, titled, **options)
        finally:
            for ref in set(self._models) - before:  # Panel lets go of none that it saved
                end_display(self, self._models[ref][0])


def end_display(shown: Any, root: Model) -> None:
    """Let go of a display that no session and no notebook ends."""
    shown._cleanup(root)
    pn.state._views.pop(root.ref["id"], None)


class Figure(pn.pane.Bokeh):
    """A figure as a child of a page, as wide as its place.

    A Bokeh model belongs to one document, so every display of the page has a figure of its own.

    Parameters
    ----------
    make : callable
        Returns the figure, anew each time.
    """

    def __init__(self, make: Callable[[], Any], **params: Any) -> None:
        super().__init__(make(), sizing_mode="stretch_width", theme=OURS, **params)
        self._make = make
        self._taken = False  # the figure of `object`

    def _get_model(
        self,
        doc: Document,
        root: Model | None = None,
        parent: Model | None = None,
        comm: Comm | None = None,
    ) -> Model:
        if root is None or not self._taken:
            self._taken = True
            return super()._get_model(doc, root, parent, comm)
        other = pn.pane.Bokeh(self._make(), sizing_mode=self.sizing_mode, theme=OURS)
        model = other._get_model(doc, root, parent, comm)
        self._models[root.ref["id"]] = (model, parent)
        return model


class Shell(Component):
    """Heading, rank slider, metric, target, readouts and live region around the figures.

    The browser writes ``rank``, ``metric``, ``target``, ``d`` and ``k``, one small message an
    event; everything else goes from Python to the page.
    """

    rank = param.Integer(default=1, doc="Rank shown, from 1 to the slider's end.")
    metric = param.String(default="frobenius", doc='Norm on the y axis: "frobenius" or "spectral".')
    target = param.String(default="", doc="Key of the target shown, in `targets`.")
    targets = param.Dict(default={}, doc="What the page holds of each target, by its name.")
    d = param.Integer(default=64, doc="Rows of ΔW where there is no target.")
    k = param.Integer(default=64, doc="Columns of ΔW where there is no target.")
    size_bounds = param.List(default=list(SIZE_BOUNDS), doc="Bounds of the d and k sliders.")
    alpha = param.Number(default=None, allow_None=True, doc="lora_alpha, to show the scale α/r.")
    growth = param.Dict(default={}, doc="What is new of the target that is being computed.")
    progress = param.Dict(default={}, doc="How far its computation has come.")
    cancels = param.Integer(default=0, doc="Counts the clicks on cancel.")
    extensions = param.Integer(default=0, doc="Counts the clicks on more ranks.")
    index = param.List(default=[], doc="Rows of the list of matrices, of a file with many.")
    surveys = param.Integer(default=0, doc="Counts the clicks on compute all, and on its stop.")
    surveying = param.Boolean(default=False, doc="Whether all matrices are being computed.")
    notes = param.List(default=[], doc="What a person has to know of the file, in sentences.")
    request = param.String(default="", doc="Name of a matrix to read and show.")
    plans = param.Dict(default={}, doc="Ways to choose a rank for each, and what they come to.")
    kept = param.List(default=[], doc="Rank of each by the plan shown; the page's own.")
    rules = param.List(default=[], doc="Rank rules: name, title, formula and source.")
    thresholds = param.List(default=[], doc="Stops of the rules' threshold.")
    threshold = param.Number(default=None, allow_None=True, doc="The one set; the page's own.")
    heading = param.String(default="", doc="Heading; {rank} stands for the rank.")
    notice = param.String(default="", doc="What went wrong, shown above the figures.")
    show_full_matrix = param.Boolean(default=True, doc="Whether ΔW is drawn beside its factors.")
    show_parameter_count = param.Boolean(default=True, doc="Whether the readouts are shown.")
    transition = param.Dict(default={}, doc='Springs: {"factors": …, "curve": …}.')
    texture = param.Array(default=None, doc="Picture of ΔW where there is no target.")
    factors = Child(default=None, allow_None=True, doc="Figure of ΔW = B · A.")
    curve = Child(default=None, allow_None=True, doc="Figure of the residual curve.")
    map = Child(default=None, allow_None=True, doc="Heat map of the ranks kept.")
    inside = Children(default=[], doc="Heat maps of ΔW, W_r, the error, B and A.")
    look = param.Dict(default={}, doc="Region of the heat maps that the page wants in detail.")
    closer = param.Dict(default={}, doc="That region, when it is there.")

    _draws = "explorer/redraw.mjs"
    _redrawn_on = (
        *("rank", "metric", "target", "targets", "d", "k", "show_full_matrix", "kept", "closer"),
        *("index", "paint"),
    )

    _esm = bundle("explorer/page.mjs")
    _stylesheets = [stylesheet("palette.css", "shared.css", "adapter.css", "heatmaps.css")]  # noqa: RUF012
