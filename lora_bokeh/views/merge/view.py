"""MergeExplorer: W′ = W + s·B·A and the forward pass, with factors to type, draw or fit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import param
from panel.custom import Children

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.matrix import check_matrix, compute_dtype
from lora_bokeh.engine.svd import SVDResult, truncated_svd
from lora_bokeh.lora import scale
from lora_bokeh.targets import noise, with_singular_values
from lora_bokeh.views.merge.draws import uniform
from lora_bokeh.views.merge.factors import factors_of, own, start
from lora_bokeh.views.merge.figures import bars_figure, matrix_figure, scale_figure
from lora_bokeh.views.shared.assets import bundle, stylesheet
from lora_bokeh.views.shared.component import Component
from lora_bokeh.views.shared.shown import pane
from lora_bokeh.views.shared.view import View

MOST_ENTRIES = 1 << 22  # of W: the page holds it, to compute the forward pass without Python
MOST_DIRECTIONS = 64  # of a large target: the page holds them, to fit B and A without Python
EDITABLE = 16  # rows or columns up to which entries are typed, as in js/shared/cells.mjs
SHAPE = (6, 6)
TARGET_VALUES = np.array([2.4, 1.3, 0.35, 0.2, 0.1, 0.05])  # two directions, and what is left


class MergePage(Component):
    """The page of a :class:`MergeExplorer`.

    The browser writes ``rank``, ``alpha``, ``use_rslora``, ``adapter``, ``adapters`` and
    ``input``. Factors that are drawn or fitted travel as their seed, not as their entries.
    """

    frozen = param.Array(doc="W, row by row.")
    shape = param.List(default=[1, 1], doc="Rows d and columns k of W.")
    best = param.Dict(default=None, allow_None=True, doc="Singular triplets of the target.")
    end = param.Integer(default=1, doc="Where the rank slider ends.")
    rank = param.Integer(default=1, doc="Rank r of the factors.")
    alpha = param.Number(default=None, allow_None=True, doc="lora_alpha; None follows as 2r.")
    use_rslora = param.Boolean(default=False, doc="Whether s is α/√r instead of α/r.")
    adapter = param.Integer(default=1, doc="Adapter in use, 1 or 2.")
    adapters = param.List(default=[], doc="How each adapter's factors began: see `starts`.")
    input = param.Dict(default={}, doc='Input x: {"seed": …, "x": None or what was typed}.')
    notice = param.String(default="", doc="Why the weights were refused, if they were.")
    merged = param.Dict(default={}, doc="h of the merged weights; the page's own, at rest.")
    maps = Children(default=[], doc="Heat maps of W, s·B·A and W′, and their colour bar.")
    bars = Children(default=[], doc="Bars of x, Wx, s·B(Ax) and h.")

    _draws = "merge/redraw.mjs"
    _redrawn_on = (
        *("rank", "alpha", "use_rslora", "adapter", "adapters", "input"),
        *("merged", "paint"),
    )

    _esm = bundle("merge/page.mjs")
    _stylesheets = [stylesheet("palette.css", "shared.css", "merge.css")]  # noqa: RUF012


class MergeExplorer(View):
    """Frozen W, the update s·B·A and the merged W′, and h = Wx + s·B(Ax) computed both ways.

    Two adapters are at hand on the same W: the first begins as LoRA does, with B = 0, the second
    at random. Their factors can be typed while no side of W is longer than 16.

    Parameters
    ----------
    W : array_like of shape (d, k), optional
        The frozen weights, at most 2²² entries. Default: a seeded 6×6. Weights that are refused
        put a notice on the page, which then shows the default.
    target : array_like of shape (d, k) or LowRank, optional
        An update to fit B and A to. Default: none, or one of two directions for the default W.
    rank : int or reference, default 2
        Rank r in [1, min(d, k)], at most 64 where W is too large to type in.
    alpha : float or reference, optional
        lora_alpha. Default: 2r, whatever the rank.
    use_rslora : bool or reference, default False
        Whether s = α/√r (https://arxiv.org/abs/2312.03732) instead of α/r.
    B, A : array_like of shape (d, r) and (r, k), optional
        Factors of the first adapter; r is then the rank.
    x : array_like of shape (k,), optional
        The input. Default: drawn.
    **params
        ``css_classes``.

    Raises
    ------
    ValueError
        A factor, the target or the input does not fit W or is not finite.

    Examples
    --------
    >>> explorer = MergeExplorer(rank=2)
    >>> explorer.scale, float(abs(explorer.update.todense()).max())
    (2.0, 0.0)
    """

    alpha = param.Number(
        default=None, allow_None=True, bounds=(0, None), inclusive_bounds=(False, True),
        doc="lora_alpha; None is 2r, whatever the rank.",
    )  # fmt: skip
    use_rslora = param.Boolean(default=False, doc="Whether s is α/√r instead of α/r.")
    adapter = param.Integer(default=1, bounds=(1, 2), doc="Adapter in use.")
    B = param.Array(doc="Tall factor (d, r) of the adapter in use.")
    A = param.Array(doc="Wide factor (r, k) of the adapter in use.")
    x = param.Array(doc="Input (k,).")
    adapters = param.List(
        doc="How each adapter's factors began: see `lora_bokeh.views.merge.factors`."
    )
    input = param.Dict(doc='Input: {"seed": …, "x": None or what was typed}.')
    notice = param.String(default="", constant=True, doc="Why W was refused, if it was.")

    _title = "LoRA merge"
    _component = MergePage
    _heard = ("rank", "alpha", "use_rslora", "adapter", "adapters", "input")
    _followed = (*_heard, "notice")

    def __init__(  # noqa: PLR0913, PLR0917 - the signature is the contract
        self,
        W: Any = None,
        target: Any = None,
        rank: Any = 2,
        alpha: Any = None,
        use_rslora: Any = False,
        B: Any = None,
        A: Any = None,
        x: Any = None,
        **params: Any,
    ) -> None:
        self.W, notice = _weights(W)
        self.W.flags.writeable = False
        default = with_singular_values(TARGET_VALUES, SHAPE, seed=2) if W is None else None
        self._best = _fitted(default if target is None else target, self.W.shape)
        self._busy = False  # while derived parameters are written
        super().__init__(
            rank=rank, alpha=alpha, use_rslora=use_rslora, notice=notice,
            adapters=[start("zero", 1), start("random", 2)], input={"seed": 1, "x": None}, **params,
        )  # fmt: skip
        self._derive()
        self.param.watch(self._reconcile, ["rank", "adapter", "adapters", "input", "B", "A", "x"])
        given = {name: value for name, value in (("B", B), ("A", A), ("x", x)) if value is not None}
        self.param.update(**{name: np.asarray(value) for name, value in given.items()})

    @property
    def scale(self) -> float:
        """The number s before B·A."""
        alpha = 2.0 * self.rank if self.alpha is None else self.alpha
        return scale(alpha, self.rank, self.use_rslora)

    @property
    def update(self) -> LowRank:
        """The adapter in use, s·B·A."""
        return LowRank(self.B, self.A, self.scale)

    def _last_rank(self) -> int:
        most = min(self.W.shape)
        return most if max(self.W.shape) <= EDITABLE else min(most, MOST_DIRECTIONS)

    def _reconcile(self, *events: param.parameterized.Event) -> None:
        """Keep the records what was set from Python, and B, A and x what the records say."""
        changed = {event.name for event in events}
        if self._busy:
            return
        self._busy = True
        try:
            if changed & {"B", "A"}:
                self._take_factors()
            if "x" in changed:
                self._take_input()
        finally:
            self._derive()

    def _take_factors(self) -> None:
        factors = LowRank(self.B, self.A)  # refuses what is not finite or does not fit together
        if factors.shape != self.W.shape:
            raise ValueError(
                f"B·A has shape {factors.shape}, W has {self.W.shape}; make them equal"
            )
        if factors.rank > self._last_rank():
            raise ValueError(
                f"B and A have rank {factors.rank}; at most {self._last_rank()} is shown"
            )
        adapters = list(self.adapters)
        adapters[self.adapter - 1] = own(factors.B, factors.A)
        self.param.update(adapters=adapters, rank=factors.rank)

    def _take_input(self) -> None:
        x, k = np.asarray(self.x), self.W.shape[1]
        if x.shape != (k,) or not np.isfinite(x).all():
            raise ValueError(f"x must be {k} finite numbers, one for each column of W")
        self.input = {**self.input, "x": x.astype(float).tolist()}

    def _derive(self) -> None:
        """Write B, A and x as the records say."""
        self._busy = True
        record, k = self.adapters[self.adapter - 1], self.W.shape[1]
        B, A = factors_of(record, self.W.shape, self.rank, self._best)
        x = self.input["x"]
        x = uniform(self.input["seed"], "x", k) if x is None else np.array(x, dtype=float)
        try:
            self.param.update(B=B, A=A, x=x)
        finally:
            self._busy = False

    def _page(self) -> dict[str, Any]:
        shape = self.W.shape
        names = ("frozen", "update", "merged")
        maps: list[Callable[[], Any]] = [partial(matrix_figure, name, shape) for name in names]
        vectors = {
            "x": (shape[1], "muted"),
            "base": (shape[0], "muted"),
            "update": (shape[0], "accent"),
        }
        bars = [partial(bars_figure, f"{name}-bars", *how) for name, how in vectors.items()]
        bars.append(partial(bars_figure, "h-bars", shape[0], "muted", second=True))
        return {
            "frozen": self.W.ravel(),
            "shape": list(shape),
            "best": None if self._best is None else _held(self._best),
            "end": self._last_rank(),
            "maps": [pane(plot) for plot in (*maps, scale_figure)],
            "bars": [pane(plot) for plot in bars],
        }


def _weights(W: Any) -> tuple[np.ndarray, str]:
    """Return the weights in the precision to compute in, or the default and why."""
    if W is None:
        return noise(SHAPE, seed=1), ""
    try:
        checked = check_matrix(W)
        if checked.size <= MOST_ENTRIES:
            return checked.astype(compute_dtype(checked.dtype)), ""
        why = f"W has {checked.size:,} entries, more than the {MOST_ENTRIES:,} that this page holds"
    except (TypeError, ValueError) as error:
        why = str(error)
    return noise(SHAPE, seed=1), f"{why}; showing the default weights instead."


def _fitted(target: Any, shape: tuple[int, int]) -> SVDResult | None:
    """Return the singular triplets of the target that the page can be asked for."""
    if target is None:
        return None
    target = target if isinstance(target, LowRank) else check_matrix(target)
    if target.shape != shape:
        raise ValueError(f"the target has shape {target.shape}, W has {shape}; make them equal")
    most = min(*shape, target.rank) if isinstance(target, LowRank) else min(shape)
    return truncated_svd(target, min(most, MOST_DIRECTIONS))


def _held(best: SVDResult) -> dict[str, Any]:
    """Return what the page holds of a target's triplets, row by row."""
    whole = best.complete or best.method == "qr"
    return {"U": best.U.ravel(), "s": best.s, "Vh": best.Vh.ravel(), "complete": whole}
