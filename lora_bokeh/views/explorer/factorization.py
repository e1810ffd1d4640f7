"""FactorizationPlot: ΔW = B · A drawn to scale, with what the factors cost."""

from __future__ import annotations

from typing import Any

import param

from lora_bokeh.views.shared.component import SIZE_BOUNDS
from lora_bokeh.views.shared.plots import factors_figure
from lora_bokeh.views.shared.shown import pane
from lora_bokeh.views.shared.sources import speckle
from lora_bokeh.views.shared.state import TRANSITIONS, resolve
from lora_bokeh.views.shared.view import View


class FactorizationPlot(View):
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
    _title = "LoRA factorization"
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
            "factors": pane(factors_figure),
        }
