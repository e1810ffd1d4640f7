"""Lesson: an ordered way through LoRA, each step predicted, tried, checked and explained."""

from __future__ import annotations

from functools import partial
from typing import Any

import param
from panel.custom import Child

from lora_bokeh.lesson import figures
from lora_bokeh.lesson.content import acts
from lora_bokeh.lesson.guide import instructors_page
from lora_bokeh.lesson.material import sources, written
from lora_bokeh.lesson.views import LessonExplorer
from lora_bokeh.views.budget.view import BudgetExplorer
from lora_bokeh.views.explorer.factorization import FactorizationPlot
from lora_bokeh.views.merge.view import MergeExplorer
from lora_bokeh.views.shared.assets import bundle, stylesheet
from lora_bokeh.views.shared.component import Component
from lora_bokeh.views.shared.shown import Shown, pane
from lora_bokeh.views.training.view import TrainingExplorer

TITLE = "LoRA, by doing"
VERSION = 1  # of the acts: what a browser keeps of another version is left alone
MODES = ("lesson", "explore", "teach")
VIEWS = {
    "explorer": "A matrix and its ranks",
    "factorization": "Factors to scale",
    "merge": "Merge and swap",
    "training": "Training",
    "budget": "Parameter budget",
}


class LessonPage(Component):
    """State of the lesson's page. Its children are drawn when they are first needed."""

    act = param.Integer(default=1, doc="Act that is open, from 1.")
    mode = param.String(default="lesson", doc='"lesson", "explore" or "teach".')
    free = param.String(default="explorer", doc="View shown in the explore mode.")
    progress = param.Dict(default={}, doc="What has become of each act, by its name.")
    heading = param.String(default="", doc="Heading.")
    key = param.String(default="", doc="Under which the browser keeps the progress.")
    acts = param.List(default=[], doc="The acts.")
    views = param.Dict(default={}, doc="Live views: name → title.")
    guide = param.Dict(default={}, doc="The instructor's page.")
    sources = param.Dict(default={}, doc="What is cited.")
    explorer = Child(default=None, allow_None=True, doc="LoraExplorer.")
    factorization = Child(default=None, allow_None=True, doc="FactorizationPlot.")
    merge = Child(default=None, allow_None=True, doc="MergeExplorer.")
    training = Child(default=None, allow_None=True, doc="TrainingExplorer.")
    budget = Child(default=None, allow_None=True, doc="BudgetExplorer.")
    spectra = Child(default=None, allow_None=True, doc="Figure of four spectra.")
    needs = Child(default=None, allow_None=True, doc="Figure of the ranks that two adapters need.")
    accuracy = Child(default=None, allow_None=True, doc="Figure of energy and accuracy.")

    _esm = bundle("lesson/page.mjs")
    _stylesheets = [stylesheet("palette.css", "shared.css", "lesson.css")]  # noqa: RUF012


class Lesson(Shown):
    """An ordered path through LoRA: each act is predicted, tried on a live view, and revealed.

    Every answer is computed, from the engine, LoRA's arithmetic or published figures. Progress is
    kept by the browser, where it keeps anything, and told to Python.

    Parameters
    ----------
    seed : int, default 0
        Shuffles the curves of the first act: another seed, another right letter.
    act : int, default 1
        Act that is open.
    mode : {"lesson", "explore", "teach"}, default "lesson"
        The acts, all views without tasks, or the instructor's page.
    **params
        As for :class:`lora_bokeh.views.shared.shown.Shown`: layout and theme.

    Attributes
    ----------
    explorer, factorization, merge, training, budget : Viewer
        The live views of the acts, Python's as much as the page's.

    Raises
    ------
    ValueError
        The seed is negative, or there is no such act or mode.

    Examples
    --------
    >>> Lesson(act=2).act
    2
    """

    act = param.Integer(default=1, bounds=(1, len(written())), doc="Act that is open, from 1.")
    mode = param.Selector(default="lesson", objects=list(MODES), doc="Part that is shown.")
    free = param.Selector(default="explorer", objects=list(VIEWS), doc="View of the explore mode.")
    progress = param.Dict(default={}, doc="What has become of each act, by its name.")

    _component = LessonPage
    _heard = ("act", "mode", "free", "progress")
    _followed = _heard
    _title = TITLE

    def __init__(self, seed: int = 0, **params: Any) -> None:
        super().__init__(**params)
        if seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed}")
        self.seed = seed
        # The address is the lesson's: its views are parts of an act.
        self.explorer = LessonExplorer(rank=1, addressed=False)
        self.factorization = FactorizationPlot(d=1024, rank=16, addressed=False)
        self.merge = MergeExplorer(addressed=False)
        self.training = TrainingExplorer(gallery=False, addressed=False)
        self.budget = BudgetExplorer(addressed=False)

    def _page(self) -> dict[str, Any]:
        return {
            "heading": TITLE,
            "key": f"lora_bokeh lesson {VERSION} {self.seed}",
            "acts": acts(self.seed),
            "views": VIEWS,
            "guide": instructors_page(),
            "sources": sources(),
            **{name: getattr(self, name) for name in VIEWS},
            "spectra": pane(partial(figures.spectra_figure, self.seed)),
            "needs": pane(figures.needs_figure),
            "accuracy": pane(figures.accuracy_figure),
        }
