"""The views: FactorizationPlot, RankExplorer and LoraExplorer.

Each is a Panel ``Viewer``: show it in a notebook, serve it, put it in a layout, or save it with
:func:`lora_bokeh.save_html`. Python computes when the matrix changes; the rank moves in the page.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import panel as pn
import param

from lora_bokeh.figures import curve_figure, factors_figure
from lora_bokeh.lora import LowRank, break_even_rank
from lora_bokeh.matrix import check_matrix
from lora_bokeh.sources import curve_source, page_target, speckle
from lora_bokeh.spectrum import Spectrum, spectrum
from lora_bokeh.state import METRICS, TRANSITIONS, Rank, follow, is_reference, resolve, tell
from lora_bokeh.targets import gallery
from lora_bokeh.widgets import SIZE_BOUNDS, Shell

Shown = tuple[Spectrum, dict[str, Any]]  # a target: its spectrum, and what the page holds of it

ENERGY_AT_START = 0.9  # LoraExplorer starts at the rank that captures this much


class _View(pn.viewable.Viewer):
    """What the views share: a clamped rank, live references, and a page built on each display.

    A Bokeh model belongs to one document, so every display gets models of its own; all of them
    follow the parameters of the view.
    """

    rank = Rank(doc="Rank shown; clamped to what the slider offers.")
    css_classes = param.List(default=[], item_type=str, doc="CSS classes of the root element.")

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

    def __panel__(self) -> Shell:
        state = {name: getattr(self, name) for name in self._followed}
        shell = Shell(**state, **self._page(), css_classes=self.css_classes)
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


def _copy(events: tuple[param.parameterized.Event, ...], shell: Shell) -> None:
    shell.param.update(**{event.name: event.new for event in events})


class FactorizationPlot(_View):
    """ΔW (d × k) = B (d × r) · A (r × k), drawn to scale, with what the factors save.

    Parameters
    ----------
    d : int, default 64
        Rows of ΔW.
    k : int, optional
        Columns of ΔW. Default: d.
    rank : int or reference, default 8
        Rank r, clamped to [1, ⌊min(d, k)/2⌋]: past that, a square factorization saves nothing.
        A Param reference, such as ``other.param.value``, links both ways.
    show_full_matrix : bool, default True
        Whether ΔW is drawn beside its factors.
    show_parameter_count : bool, default True
        Whether the counts and the savings are shown.
    transition : {"smooth", "snap", None}, default "smooth"
        Spring of B and A when the rank changes; none under reduced motion.
    **params
        ``css_classes`` and ``name``.

    Examples
    --------
    >>> FactorizationPlot(d=4096, rank=8).rank
    8
    """

    d = param.Integer(default=64, bounds=(1, None), doc="Rows of ΔW.")
    k = param.Integer(default=64, bounds=(1, None), doc="Columns of ΔW.")
    show_full_matrix = param.Boolean(default=True, doc="Whether ΔW is drawn.")
    show_parameter_count = param.Boolean(default=True, doc="Whether the counts are shown.")
    transition = param.Selector(default="smooth", objects=list(TRANSITIONS), doc="Spring.")

    _heard = ("rank", "d", "k")
    _followed: tuple[str, ...] = (*_heard, "show_full_matrix", "show_parameter_count")

    def __init__(  # noqa: PLR0913, PLR0917 - the signature is the contract
        self,
        d: int = 64,
        k: int | None = None,
        rank: Any = 8,
        show_full_matrix: bool = True,
        show_parameter_count: bool = True,
        transition: str | None = "smooth",
        **params: Any,
    ) -> None:
        super().__init__(
            d=d,
            k=resolve(d) if k is None else k,
            rank=rank,
            show_full_matrix=show_full_matrix,
            show_parameter_count=show_parameter_count,
            transition=transition,
            **params,
        )

    def _last_rank(self) -> int:
        return max(1, min(self.d, self.k) // 2)

    @param.depends("d", "k", watch=True)
    def _resize(self) -> None:
        self._fit_rank()

    def _page(self) -> dict[str, Any]:
        low, high = SIZE_BOUNDS
        return {
            "size_bounds": [min(low, self.d, self.k), max(high, self.d, self.k)],
            "heading": "LoRA factorization",
            "texture": speckle(),
            "transition": {"factors": self.transition},
            "factors": _pane(factors_figure()),
        }


class RankExplorer(_View):
    """Reconstruction residual ‖W − W_r‖ of a matrix against the rank r, in two norms.

    Parameters
    ----------
    target_matrix : array_like of shape (m, n) or LowRank, optional
        The matrix W; any real dtype. Default: a seeded 8×8 with two dominant directions. A matrix
        that is refused (ragged, not finite, …) puts a notice on the page, which then shows the
        default.
    rank : int or reference, default 1
        Rank r, clamped to [1, min(m, n)]. A Param reference links both ways.
    metric : {"frobenius", "spectral"} or reference, default "frobenius"
        √(Σ_{j>r} σ_j²) or σ_{r+1} (Eckart and Young 1936, Mirsky 1960).
    transition : {"smooth", "snap", None}, default "snap"
        Spring of marker and cursor; none under reduced motion.
    max_rank : int, optional
        How many singular values to compute, see :func:`lora_bokeh.spectrum`.
    name : str, optional
        What the page calls the matrix.
    **params
        ``css_classes``.
    """

    target_matrix = param.Parameter(default=None, doc="The matrix W; None for the default target.")
    metric = param.Selector(default="frobenius", objects=list(METRICS), doc="Norm on the y axis.")
    transition = param.Selector(default="snap", objects=list(TRANSITIONS), doc="Spring.")
    max_rank = param.Integer(default=None, allow_None=True, bounds=(1, None), doc="Values wanted.")
    target = param.String(default="", doc="Name of the target shown, a key of `targets`.")
    targets = param.Dict(default={}, constant=True, doc="What the page holds of each target.")
    notice = param.String(default="", constant=True, doc="Why the target was refused, if it was.")

    _heard = ("rank", "metric", "target")
    _followed: tuple[str, ...] = (*_heard, "targets", "notice")
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
        self._label = name or "W"
        super().__init__(
            target_matrix=target_matrix, rank=rank, metric=metric, transition=transition, **params
        )

    @property
    def spectrum(self) -> Spectrum:
        """Spectrum of the target shown."""
        return self._spectra[self.target]

    def _offered(self) -> dict[str, Shown]:
        """Return the targets on offer beside the one given; the first is the default."""
        return dict([next(iter(_gallery().items()))])

    def _given(self) -> dict[str, Shown]:
        """Compute the target that was given, under its name."""
        matrix = self.target_matrix
        if not isinstance(matrix, LowRank):
            matrix = check_matrix(matrix)
        return {self._label: _show(self._label, None, matrix, self.max_rank)}

    def _choose(self) -> tuple[dict[str, Shown], str]:
        """Return the targets to hold, the one to show first, and what went wrong."""
        if self.target_matrix is None:
            return self._offered(), ""
        try:
            return self._given(), ""
        except (TypeError, ValueError) as error:
            return self._offered(), f"{error}; showing the default target instead."

    @param.depends("target_matrix", "max_rank", watch=True, on_init=True)
    def _open(self) -> None:
        shown, notice = self._choose()
        self._spectra = {name: spectrum for name, (spectrum, _) in shown.items()}
        held = {name: page for name, (_, page) in shown.items()}
        with param.edit_constant(self):
            self.param.update(targets=held, target=next(iter(held)), notice=notice)
        self._fit_rank()  # also where the new target has the old one's name

    @param.depends("target", watch=True)
    def _fit_rank(self) -> None:
        if self.target not in self.targets:
            names = ", ".join(self.targets)
            raise ValueError(f"there is no target {self.target!r}; choose one of: {names}")
        super()._fit_rank()

    def _last_rank(self) -> int:
        return len(self.spectrum.s)

    def _page(self) -> dict[str, Any]:
        held = self.targets[self.target]
        figure = curve_figure(curve_source(held, self.metric), held["ticks"], held["break_even"])
        return {
            "heading": self._heading,
            "transition": {"factors": self.transition and "smooth", "curve": self.transition},
            "curve": _pane(figure),
        }


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
        ``max_rank``, ``css_classes`` and ``transition``, as for :class:`RankExplorer`.
    """

    alpha = param.Number(
        default=None, allow_None=True, bounds=(0, None), inclusive_bounds=(False, True),
        doc="lora_alpha, to show the scale α/r.",
    )  # fmt: skip

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
            self.rank = _starting_rank(self.spectrum)

    def _offered(self) -> dict[str, Shown]:
        return dict(_gallery())

    def _given(self) -> dict[str, Shown]:
        return {**super()._given(), **self._offered()}

    def _page(self) -> dict[str, Any]:
        return {"factors": _pane(factors_figure()), **super()._page()}


def _pane(figure: Any) -> pn.pane.Bokeh:
    return pn.pane.Bokeh(figure, sizing_mode="stretch_width")


def _show(name: str, story: str | None, matrix: Any, max_rank: int | None = None) -> Shown:
    computed = spectrum(matrix, max_rank)
    page = page_target(
        name,
        matrix,
        computed,
        story=_story(computed) if story is None else story,
        scale=getattr(matrix, "scale", 1.0),
    )
    return computed, page


@cache
def _gallery() -> dict[str, Shown]:
    """Compute the gallery, once a process."""
    return {t.name: _show(*t) for t in gallery()}


def _rank_for(energy: float, spectrum: Spectrum) -> int | None:
    """Return the least rank that captures a share of the energy; None past the ranks computed."""
    rank = int(np.searchsorted(spectrum.captured_energy(), energy)) + 1
    return rank if rank <= len(spectrum.s) else None


def _story(spectrum: Spectrum) -> str:
    rank, last = _rank_for(ENERGY_AT_START, spectrum), min(spectrum.shape)
    needs = f"more than {len(spectrum.s)}" if rank is None else rank
    return f"{100 * ENERGY_AT_START:.0f} % of the energy needs {needs} of {last} ranks."


def _starting_rank(spectrum: Spectrum) -> int:
    enough = _rank_for(ENERGY_AT_START, spectrum) or len(spectrum.s)
    return max(1, min(enough, int(break_even_rank(*spectrum.shape))))
