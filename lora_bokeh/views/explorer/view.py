"""RankExplorer and LoraExplorer: what each rank of a matrix buys.

Python computes when the matrix changes, in the background where that takes a while; the rank moves
in the page. Each is a Panel ``Viewer``: show it in a notebook, serve it, put it in a layout, or
save it with :func:`lora_bokeh.save_html`.
"""

from __future__ import annotations

from typing import Any

import param

from lora_bokeh.engine.matrix import check_matrix
from lora_bokeh.engine.spectrum import Spectrum
from lora_bokeh.ranks.rule_table import THRESHOLDS, page_rules
from lora_bokeh.views.explorer.data import Opened, opened_gallery
from lora_bokeh.views.explorer.detail import look_closer
from lora_bokeh.views.heatmaps.figures import inside_figures
from lora_bokeh.views.shared.component import Shell
from lora_bokeh.views.shared.plots import curve_figure, factors_figure
from lora_bokeh.views.shared.session import Session
from lora_bokeh.views.shared.shown import pane, panes
from lora_bokeh.views.shared.sources import curve_source
from lora_bokeh.views.shared.state import METRICS, TRANSITIONS
from lora_bokeh.views.shared.target_view import TargetView


class RankExplorer(TargetView):
    """Reconstruction residual ‖W − W_r‖ of a matrix against the rank r, in two norms.

    A large matrix is computed in the background: the page is there at once, and the curve grows.

    Parameters
    ----------
    target_matrix : array_like of shape (m, n) or LowRank, optional
        The matrix W; any real dtype. Default: a seeded 8×8 with two dominant directions. A matrix
        that is refused (ragged, not finite, …) puts a notice on the page, which then shows the
        default. A new matrix ends the computation of the old one.
    rank : int or reference, default 1
        Rank r, clamped to [1, min(m, n)], or to where the curve ends if not all is computed. A
        Param reference links both ways.
    metric : {"frobenius", "spectral"} or reference, default "frobenius"
        √(Σ_{j>r} σ_j²) or σ_{r+1} (Eckart and Young 1936, Mirsky 1960).
    transition : {"smooth", "snap", None}, default "snap"
        Spring of marker and cursor; none under reduced motion.
    name : str, optional
        What the page calls the matrix.
    max_rank : int, optional
        How many singular values to compute at most, see :func:`lora_bokeh.spectrum`.
    **params
        ``css_classes``; ``floor``, for a difference of two checkpoints the
        :class:`~lora_bokeh.engine.rounding.RoundingError` below which a residual is rounding.
    """

    metric = param.Selector(default="frobenius", objects=list(METRICS), doc="Norm on the y axis.")
    transition = param.Selector(default="snap", objects=list(TRANSITIONS), doc="Spring.")
    max_rank = param.Integer(default=None, allow_None=True, bounds=(1, None), doc="Values wanted.")
    floor = param.Tuple(default=None, length=2, allow_None=True, doc="RoundingError of the matrix.")
    growth = param.Dict(default={}, constant=True, doc="What is new of the target computed.")
    progress = param.Dict(default={}, constant=True, doc="How far the computation has come.")

    _heard: tuple[str, ...] = ("rank", "metric", "target")
    _followed: tuple[str, ...] = (*_heard, "targets", "growth", "progress", "notice")
    _heading = "Reconstruction against rank"

    def __init__(
        self,
        target_matrix: Any = None,
        rank: Any = 1,
        metric: Any = "frobenius",
        transition: str | None = "snap",
        name: str | None = None,
        **params: Any,
    ) -> None:
        self._given: Opened | None = None  # the target that was given, if it is sound
        super().__init__(
            name, target_matrix=target_matrix, rank=rank, metric=metric, transition=transition,
            **params,
        )  # fmt: skip

    @property
    def spectrum(self) -> Spectrum:
        """Spectrum of the target shown, as far as it is computed: see :meth:`wait`."""
        return self._opened[self.target].spectrum

    def stop(self) -> None:
        """End the computation of the matrix; what is known stays on the page."""
        if self._given is not None:
            self._given.stop()
            self._grow(self._given)

    def extend(self) -> None:
        """Compute twice as many ranks of the matrix, from where the computation stands."""
        if self._given is not None:
            self._given.extend()
            self._start(self._given)
            self._fit_rank()

    def wait(self) -> None:
        """Return when what is being computed is known."""
        if self._given is not None:
            self._given.wait()
            self._grow(self._given)

    def _fill(self) -> dict[str, Any]:
        self.wait()
        return super()._fill()

    def _offered(self) -> dict[str, Opened]:
        """Return the targets on offer where none was given; the first is the default."""
        name, default = next(iter(opened_gallery().items()))
        return {name: default}

    def _beside(self) -> dict[str, Opened]:
        """Return the targets on offer beside the one that was given."""
        return {}

    @param.depends("target_matrix", "max_rank", "floor", watch=True, on_init=True)
    def _open(self) -> None:
        """Show the matrix, or the default and why."""
        if self._given is not None:
            self._given.stop()
        self._given, notice = self._look()
        given = {} if self._given is None else {self._given.name: self._given}
        self._opened = {**given, **self._beside()} if given else self._offered()
        held = {name: opened.page() for name, opened in self._opened.items()}
        progress = {} if self._given is None else self._given.progress()
        with param.edit_constant(self):
            first = next(iter(held))
            self.param.update(
                targets=held, target=first, notice=notice, progress=progress, **self._file_state()
            )
        self._fit_rank()  # also where the new target has the old one's name
        if self._given is not None and not self._given.finished:
            self._start(self._given)

    def _file_state(self) -> dict[str, Any]:
        """Return what else changes with the matrix, in a view of a file with many."""
        return {}

    def _take(self, matrix: Any) -> Opened:
        matrix = matrix if hasattr(matrix, "shape") else check_matrix(matrix)
        most = self.max_rank and min(self.max_rank, *matrix.shape)
        return Opened(self._label, matrix, most, floor=self.floor)

    def _start(self, opened: Opened) -> None:
        """Compute in the background; a session's page is changed by its own thread only."""
        session = Session()
        session.at_end(opened.stop)
        opened.start(session.asking(lambda: self._grow(opened)))
        self._grow(opened)

    def _grow(self, opened: Opened) -> None:
        """Put on the page what is new of the target, unless another one took its place."""
        with self._lock:
            if opened is not self._given:
                return
            growth, terms = opened.growth(), opened.new_terms()
            held = {**growth, "inside": opened.inside()}
            self.targets[opened.name].update(held)  # for pages still to be opened
            with param.edit_constant(self):
                self.param.update(
                    growth={**growth, "terms": terms},
                    progress=opened.progress(),
                    notice=opened.failure or self.notice,
                )

    def _curve(self) -> Any:
        held = self.targets[self.target]
        return curve_figure(curve_source(held, self.metric), held["ticks"])

    def _page(self) -> dict[str, Any]:
        return {
            "heading": self._heading,
            "transition": {"factors": self.transition and "smooth", "curve": self.transition},
            "curve": pane(self._curve),
            "inside": panes(inside_figures),
        }

    def __panel__(self) -> Shell:
        shell = super().__panel__()
        shell.param.watch(lambda _: self.stop(), "cancels")
        shell.param.watch(lambda _: self.extend(), "extensions")
        shell.param.watch(lambda event: look_closer(shell, self._opened, event.new), "look")
        return shell


class LoraExplorer(RankExplorer):
    """Both views of one matrix under one rank: ΔW = B · A to scale, and the residual curve.

    Parameters
    ----------
    target_matrix : array_like of shape (m, n) or LowRank, optional
        The matrix. Default: the first of a gallery; the gallery is offered beside any matrix.
    rank : int or reference, optional
        Rank r in [1, min(m, n)]; past break-even, mn/(m + n), the savings are negative. Default:
        the least rank that captures 90 % of the energy, or break-even where that is less.
    metric : {"frobenius", "spectral"} or reference, default "frobenius"
        Norm on the y axis.
    alpha : float, optional
        lora_alpha: the scale α/r is then shown among the readouts.
    name : str, optional
        What the page calls the matrix.
    **params
        ``max_rank``, ``css_classes``, ``floor`` and ``transition``, as for :class:`RankExplorer`.
    """

    alpha = param.Number(
        default=None, allow_None=True, bounds=(0, None), inclusive_bounds=(False, True),
        doc="lora_alpha, to show the scale α/r.",
    )  # fmt: skip

    _heard = (*RankExplorer._heard, "alpha")
    _followed = (*RankExplorer._followed, "alpha")
    _heading = "What does rank {rank} buy?"

    def __init__(
        self,
        target_matrix: Any = None,
        rank: Any = None,
        metric: Any = "frobenius",
        alpha: float | None = None,
        **params: Any,
    ) -> None:
        first = 1 if rank is None else rank
        super().__init__(target_matrix, first, metric, alpha=alpha, **params)
        if rank is None:
            self.rank = self._opened[self.target].starting_rank()

    def _offered(self) -> dict[str, Opened]:
        return opened_gallery()

    def _beside(self) -> dict[str, Opened]:
        return opened_gallery()

    def _page(self) -> dict[str, Any]:
        return {
            "factors": pane(factors_figure),
            "rules": page_rules(),
            "thresholds": list(THRESHOLDS),
            **super()._page(),
        }
