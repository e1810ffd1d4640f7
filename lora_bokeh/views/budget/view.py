"""BudgetExplorer: what LoRA trains of a whole model, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import param
from panel.custom import Child

from lora_bokeh.models.parameter_budget import (
    FLOAT32,
    ITEMSIZE,
    MOMENTS,
    SETS,
    ParameterBudget,
    full_rank,
    parameter_budget,
)
from lora_bokeh.models.presets import USUAL, Model, find_model, presets, published_accuracies
from lora_bokeh.views.budget.figures import memory_figure, parameters_figure
from lora_bokeh.views.shared.assets import bundle, stylesheet
from lora_bokeh.views.shared.component import Component
from lora_bokeh.views.shared.shown import pane
from lora_bokeh.views.shared.view import View


class BudgetPage(Component):
    """The page of a :class:`BudgetExplorer`; the browser writes all but what it is given once."""

    rank = param.Integer(default=8, doc="Rank of every adapter.")
    model = param.String(default="", doc="Key of the model shown, in `models`.")
    targets = param.List(default=[], doc="Names of the modules adapted.")
    dtype = param.String(default="bfloat16", doc="Of all weights, frozen and trained.")
    optimizer = param.String(default="adam", doc='"adam" or "sgd".')
    models = param.Dict(default={}, doc="Dimensions of each model, by its name.")
    rules = param.Dict(default={}, doc="Bytes of a weight and of a moment; sets to compare.")
    accuracies = param.Dict(default={}, doc="What one budget bought on different matrices.")
    parameters = Child(default=None, allow_None=True, doc="Figure of the parameters, to scale.")
    memory = Child(default=None, allow_None=True, doc="Figure of the bytes while training.")

    _draws = "budget/redraw.mjs"
    _redrawn_on = ("rank", "model", "targets", "dtype", "optimizer", "paint")

    _esm = bundle("budget/page.mjs")
    _stylesheets = [stylesheet("palette.css", "shared.css", "budget.css")]  # noqa: RUF012


class BudgetExplorer(View):
    """Model, target matrices and rank in; parameters, bytes and savings out, drawn to scale.

    Parameters
    ----------
    model : str or Model, default "Llama-2-7B"
        A preset of :func:`lora_bokeh.models.presets.presets`, or a model of one's own, which is
        offered beside them (:func:`lora_bokeh.models.presets.own_model`).
    rank : int or reference, default 8
        Rank r, clamped to [1, the highest that a matrix of the model can have].
    targets : sequence of str, optional
        See :meth:`lora_bokeh.models.presets.Model.choose`. Default: q and v.
    dtype : {"bfloat16", "float16", "float32"}, default "bfloat16"
        Of all weights, frozen and trained.
    optimizer : {"adam", "sgd"}, default "adam"
        Adam keeps two moments of each parameter trained, SGD with momentum one.
    **params
        ``css_classes``.

    Raises
    ------
    ValueError
        A name is not known.

    Examples
    --------
    >>> BudgetExplorer("Llama-2-7B", rank=8, targets=["q", "v"]).budget.trainable
    4194304
    """

    model = param.String(default="", doc="Name of the model.")
    targets = param.List(default=[], item_type=str, doc="Names of the modules adapted.")
    dtype = param.Selector(default="bfloat16", objects=list(ITEMSIZE), doc="Of all weights.")
    optimizer = param.Selector(default="adam", objects=list(MOMENTS), doc="Of the training.")

    _title = "LoRA budget"
    _component = BudgetPage
    _heard = ("rank", "model", "targets", "dtype", "optimizer")
    _followed = _heard

    def __init__(
        self,
        model: str | Model = "Llama-2-7B",
        rank: Any = 8,
        targets: Sequence[str] | None = None,
        **params: Any,
    ) -> None:
        self._shown = find_model(model) if isinstance(model, str) else model
        self._models = {self._shown.name: self._shown} | presets()
        self._chosen = [module.name for module in self._shown.choose(targets)]
        super().__init__(model=self._shown.name, rank=rank, targets=self._chosen, **params)

    @property
    def budget(self) -> ParameterBudget:
        """What is shown, computed."""
        return parameter_budget(self._shown, self.rank, self.targets, self.dtype, self.optimizer)

    def _called_now(self) -> dict[str, Any]:
        return {**super()._called_now(), "model": self._shown}

    def _last_rank(self) -> int:
        return full_rank(self._shown.modules)

    @param.depends("model", "targets", watch=True)
    def _resolve(self) -> None:
        """Take model and targets by any of their names, or refuse them and keep the old ones."""
        try:
            model = self._models.get(self.model) or find_model(self.model)
            names = self.targets if model is self._shown else model.like(self._shown, self.targets)
            self._chosen = [module.name for module in model.choose(names)]
            self._shown = model
        finally:
            self.param.update(model=self._shown.name, targets=self._chosen)
        self._fit_rank()

    def _page(self) -> dict[str, Any]:
        rules = {"itemsize": ITEMSIZE, "moments": MOMENTS, "float32": FLOAT32}
        rules |= {"sets": SETS, "usual": USUAL}
        return {
            "models": {name: _held(model) for name, model in self._models.items()},
            "rules": rules,
            "accuracies": published_accuracies(),
            "parameters": pane(parameters_figure),
            "memory": pane(memory_figure),
        }


def _held(model: Model) -> dict[str, Any]:
    """Return what the page holds of a model."""
    modules = [{**m._asdict(), "shapes": [list(s) for s in m.shapes]} for m in model.modules]
    return {**model._asdict(), "modules": modules}
