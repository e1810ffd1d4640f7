"""The HTML of a view as one Panel component, and its wiring to the figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param
from bokeh.models import CustomJS
from panel.custom import Child, Children, JSComponent

from lora_bokeh.assets import bundle, stylesheet
from lora_bokeh.sessions import session_document

SIZE_BOUNDS = (2, 4096)  # what the sliders of d and k offer, unless the view was given more
REDRAW = "redraw.execute(source)"


class Component(JSComponent):
    """State of a view's page: one module writes its HTML, another one draws its figures.

    A subclass names its module in ``_esm`` and its style sheets in ``_stylesheets``. Where it has
    Bokeh figures as children, ``_draws`` names the module whose default function brings them to
    the state, and ``_redrawn_on`` the properties it is called on.
    """

    paint = param.Dict(default={}, doc="Palette and paint count; the page's own, never sent back.")
    addressed = param.Boolean(default=False, doc="Whether the page's address may carry the state.")

    settle: Callable[[], None] = staticmethod(lambda: None)  # waits for all that is computed

    _draws = ""
    _redrawn_on: tuple[str, ...] = ()

    __abstract = True

    def __init__(self, **params: Any) -> None:
        # A served page's address is its own, a notebook's is not.
        params.setdefault("addressed", session_document() is not None)
        super().__init__(sizing_mode="stretch_width", **params)
        if self._draws:
            redraw = CustomJS(code=bundle(self._draws))
            # jscallback registers only the last of several keys: each property has its own call.
            for name in self._redrawn_on:
                self.jscallback(args={"redraw": redraw}, **{name: REDRAW})


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
    hosted = param.Boolean(default=True, doc="Whether there is a Python to compute more.")
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

    _draws = "redraw.mjs"
    _redrawn_on = (
        *("rank", "metric", "target", "targets", "d", "k", "show_full_matrix", "kept", "closer"),
        *("index", "paint"),
    )

    _esm = bundle("shell.mjs")
    _stylesheets = [stylesheet("palette.css", "shell.css", "file.css", "inside.css")]  # noqa: RUF012
