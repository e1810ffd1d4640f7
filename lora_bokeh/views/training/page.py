"""The page of a training: its properties, and the modules that write and draw it."""

from __future__ import annotations

import param
from panel.custom import Child

from lora_bokeh.training.floor import ADAM_RATE
from lora_bokeh.views.shared.assets import bundle, stylesheet
from lora_bokeh.views.shared.component import Component


class TrainingPage(Component):
    """The page of a :class:`TrainingExplorer`.

    The browser writes the setting, and counts the clicks on start and pause; Python sends what the
    run has come to. How much of it is shown is the page's own.
    """

    rank = param.Integer(default=1, doc="Rank r of B and A.")
    target = param.String(default="", doc="Key of the target, in `targets`.")
    optimizer = param.String(default="adam", doc='"adam" or "sgd".')
    learning_rate = param.Number(default=ADAM_RATE, doc="Learning rate.")
    steps = param.Integer(default=1000, doc="Steps of a whole run.")
    init = param.String(default="lora", doc='"lora", "zeros" or "random".')
    starts = param.Integer(default=0, doc="Counts the clicks on start.")
    pauses = param.Integer(default=0, doc="Counts the clicks on pause.")
    targets = param.Dict(default={}, doc="What the page holds of each target, by its name.")
    run = param.Dict(default={}, doc="The run as far as it has come, with its setting.")
    grids = param.Dict(default={}, doc="All runs of some targets, by name: see training_grid.py.")
    rates = param.List(default=[], doc="Stops of the learning rate.")
    lengths = param.List(default=[], doc="Choices of the steps.")
    notice = param.String(default="", doc="Why the target was refused, if it was.")
    playhead = param.Number(default=0, doc="Step that is shown; the page's own, never sent back.")
    earlier = param.List(default=[], doc="Lines of earlier runs; the page's own.")
    loss = Child(default=None, allow_None=True, doc="Figure of the loss.")

    _draws = "training/redraw.mjs"
    _redrawn_on = (
        *("rank", "target", "targets", "optimizer", "learning_rate", "steps", "init"),
        *("run", "grids", "playhead", "earlier", "paint"),
    )

    _esm = bundle("training/page.mjs")
    _stylesheets = [stylesheet("palette.css", "shared.css", "training.css")]  # noqa: RUF012
