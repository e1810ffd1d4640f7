"""TrainingExplorer: gradient descent on B and A, against the floor that no training gets below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import param

from lora_bokeh.jobs.training import Trainer, page_run
from lora_bokeh.training.floor import ADAM_RATE
from lora_bokeh.training.grid import RATES, Course
from lora_bokeh.training.train import INITS, OPTIMIZERS, Training, TrainingRun, scale_of
from lora_bokeh.views.shared.session import Session, session_document
from lora_bokeh.views.shared.shown import pane
from lora_bokeh.views.shared.target_view import TargetView
from lora_bokeh.views.training.data import Offer, all_runs, offered_gallery
from lora_bokeh.views.training.figures import loss_figure
from lora_bokeh.views.training.page import TrainingPage

STEPS = (100, 300, 1000, 3000, 10000)  # what the page offers


class TrainingExplorer(TargetView):
    """Train B and A towards a matrix and watch the loss fall towards the floor of their rank.

    Parameters
    ----------
    target_matrix : array_like of shape (m, n) or LowRank, optional
        The matrix W. Default: a random normal 8×8. A matrix that is refused puts a notice on the
        page, which then shows the default.
    rank : int or reference, default 2
        Rank r in [1, min(m, n)], at most 64.
    optimizer : {"adam", "sgd"} or reference, default "adam"
        See :func:`lora_bokeh.train`, as for the next four.
    learning_rate : float or reference, default 0.01
        Learning rate; the page offers half decades from 0.001 to 10 beside it.
    steps : int or reference, default 1000
        Steps of a whole run.
    init : {"lora", "zeros", "random"} or reference, default "lora"
        Where B and A start.
    seed : int, default 0
        Seed of the start.
    lora_alpha : float, optional
        s = lora_alpha/r. Default: s = 1.
    use_rslora : bool, default False
        s = lora_alpha/√r.
    gallery : bool, default True
        Whether other targets are offered beside it.
    name : str, optional
        What the page calls the matrix.
    **params
        ``css_classes``.

    Examples
    --------
    >>> view = TrainingExplorer(rank=2)
    >>> view.start()
    >>> len(view.training.loss)
    1001
    """

    optimizer = param.Selector(default="adam", objects=list(OPTIMIZERS), doc="Optimizer.")
    learning_rate = param.Number(
        default=ADAM_RATE, bounds=(0, None), inclusive_bounds=(False, True), doc="Learning rate."
    )
    steps = param.Integer(default=1000, bounds=(1, 10**6), doc="Steps of a whole run.")
    init = param.Selector(default="lora", objects=list(INITS), doc="Where B and A start.")
    seed = param.Integer(default=0, bounds=(0, None), doc="Seed of the start.")
    lora_alpha = param.Number(
        default=None, allow_None=True, bounds=(0, None), inclusive_bounds=(False, True),
        doc="lora_alpha; None for s = 1.",
    )  # fmt: skip
    use_rslora = param.Boolean(default=False, doc="Whether s is α/√r instead of α/r.")
    gallery = param.Boolean(default=True, constant=True, doc="Whether other targets are offered.")
    run = param.Dict(default={}, constant=True, doc="The run as far as it has come.")
    grids = param.Dict(default={}, constant=True, doc="All runs of some targets, by name.")

    _title = "LoRA training"
    _component = TrainingPage
    _setting = ("target", "rank", "optimizer", "learning_rate", "init")
    _heard = (*_setting, "steps")
    _followed = (*_heard, "targets", "run", "grids", "notice")

    def __init__(self, target_matrix: Any = None, rank: Any = 2, **params: Any) -> None:
        self._trainer: Trainer | None = None
        super().__init__(target_matrix=target_matrix, rank=rank, **params)
        self._prepare()
        changes = [*self._setting, "targets", "seed"]
        self.param.watch(lambda *_: self._prepare(), changes)
        self.param.watch(lambda *_: self._tell(), "steps")
        self.param.watch(lambda *_: self._hold({}), ["targets", "seed"])

    @property
    def training(self) -> Training:
        """What the run has come to."""
        return self._now.training

    def start(self) -> None:
        """Train, or go on, up to ``steps``; :meth:`wait` returns when it is done."""
        session = Session()
        session.at_end(self.pause)
        self._now.start(self.steps, session.asking(self._tell))

    def pause(self) -> None:
        """Take no more steps until :meth:`start`."""
        self._now.stop()

    def wait(self) -> None:
        """Return when no steps are being taken."""
        self._now.wait()

    @property
    def _now(self) -> Trainer:
        assert self._trainer is not None  # noqa: S101 - made in the constructor
        return self._trainer

    @property
    def _names(self) -> dict[str, Any]:
        """What the run shown belongs to."""
        return {name: getattr(self, name) for name in self._setting}

    def _scale(self, rank: int) -> float:
        return scale_of(rank, self.lora_alpha, self.use_rslora)

    @param.depends("target_matrix", "lora_alpha", "use_rslora", watch=True, on_init=True)
    def _open(self) -> None:
        """Offer the matrix, or the default and why."""
        given, notice = self._look()
        beside = offered_gallery() if self.gallery or given is None else ()
        beside = beside if self.gallery else beside[:1]
        self._opened = {o.name: o for o in (*(() if given is None else (given,)), *beside)}
        held = {name: opened.page(self._scale) for name, opened in self._opened.items()}
        with param.edit_constant(self):
            self.param.update(targets=held, target=next(iter(held)), notice=notice)
        self._fit_rank()  # also where the new target has the old one's name

    def _take(self, matrix: Any) -> Offer:
        return Offer(self._label, "", matrix)

    def _prepare(self) -> None:
        """Stand at the start of a run; the one before is not continued."""
        if self._trainer is not None:
            self._trainer.stop()
        self._fit_rank()
        opened = self._opened[self.target]
        self._trainer = Trainer(
            TrainingRun(
                opened.W, self.rank, lora_alpha=self.lora_alpha, use_rslora=self.use_rslora,
                optimizer=self.optimizer, learning_rate=self.learning_rate, seed=self.seed,
                init=self.init, known=opened.known,
            )
        )  # fmt: skip
        self._tell()

    def _tell(self) -> None:
        """Put on the page what the run has come to."""
        with self._lock, param.edit_constant(self):
            held = page_run(self._names, self.training, self.steps)
            self.run = {**held, "running": self._now.running}

    def _page(self) -> dict[str, Any]:
        return {
            "rates": list(self._rates()),
            "lengths": self._lengths(),
            "loss": pane(loss_figure),
        }

    def __panel__(self) -> TrainingPage:
        if session_document() is None:
            # A notebook may be read without its Python.
            self._hold(self._grids([self._opened[self.target]]))
        page = super().__panel__()
        page.param.watch(lambda _: self.start(), "starts")
        page.param.watch(lambda _: self.pause(), "pauses")
        return page

    def _hold(self, grids: dict[str, Any]) -> None:
        with param.edit_constant(self):
            self.grids = grids

    def _rates(self) -> tuple[float, ...]:
        return tuple(sorted({*RATES, self.learning_rate}))

    def _grids(self, offered: Iterable[Offer]) -> dict[str, Any]:
        course = Course(self.steps, self.seed, self.lora_alpha, self.use_rslora)
        return all_runs(offered, course, self._rates())

    def _fill(self) -> dict[str, Any]:
        """Train all that a page without Python offers: the small targets, and what is shown."""
        grids = self._grids(self._opened.values())
        if self.target not in grids:
            self.start()
            self.wait()
        return {
            "grids": grids,
            "targets": {name: self.targets[name] for name in {self.target: 0, **grids}},
            "lengths": [length for length in self._lengths() if length <= self.steps],
            "run": self.run,
        }

    def _lengths(self) -> list[int]:
        return sorted({*STEPS, self.steps})
