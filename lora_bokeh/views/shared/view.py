"""What the views share: a clamped rank and live references."""

from __future__ import annotations

from typing import Any

import param

from lora_bokeh.views.shared.component import Component, Shell
from lora_bokeh.views.shared.shown import Shown
from lora_bokeh.views.shared.state import Rank, follow, is_reference, resolve, tell


class View(Shown):
    """Something shown that has a rank.

    Parameters
    ----------
    **params
        The parameters, or references that stay live: a Parameter, a widget, a bound function.
    """

    rank = Rank(doc="Rank shown; clamped to what the slider offers.")

    _component: type[Component] = Shell
    _heard: tuple[str, ...] = ("rank",)
    _followed: tuple[str, ...] = ("rank",)

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

    def _hear(self, *events: param.parameterized.Event) -> None:
        """Take what a person changed in the page, and tell the parameters it came from."""
        changed = {e.name: e.new for e in events if getattr(self, e.name) != e.new}
        self._bring(changed)
        for name, new in changed.items():
            tell(self._references.get(name), new)

    def _bring(self, state: dict[str, Any]) -> None:
        # The rank comes last: its bounds follow from the target or the shape.
        self.param.update(**{name: new for name, new in state.items() if name != "rank"})
        self.rank = state.get("rank", self.rank)
