"""A view of a matrix, or of one of several targets on offer beside it or in its place."""

from __future__ import annotations

from typing import Any

import param

from lora_bokeh.views.shared.view import View


class TargetView(View):
    """A view of the target chosen, by name, among those that it has opened.

    Parameters
    ----------
    name : str, optional
        What the page calls the matrix. Default: W.
    **params
        The parameters, as of any ``Viewer``.
    """

    target_matrix = param.Parameter(default=None, doc="The matrix W; None for the default target.")
    target = param.String(default="", doc="Name of the target shown, a key of `targets`.")
    targets = param.Dict(default={}, constant=True, doc="What the page holds of each target.")
    notice = param.String(default="", constant=True, doc="Why the target was refused, if it was.")

    _opened: dict[str, Any]  # all that are on offer; each knows its last rank

    def __init__(self, name: str | None = None, **params: Any) -> None:
        self._label = name or "W"
        super().__init__(**params)

    def _take(self, matrix: Any) -> Any:
        """Return a matrix as a target.

        Raises
        ------
        TypeError, ValueError
            What is wrong with it.
        """
        raise NotImplementedError

    def _look(self) -> tuple[Any, str]:
        """Return the target that was given, or None and why it is refused, if one was."""
        if self.target_matrix is None:
            return None, ""
        try:
            return self._take(self.target_matrix), ""
        except (TypeError, ValueError) as error:
            return None, f"{error}; showing the default target instead."

    @param.depends("target", watch=True)
    def _fit_rank(self) -> None:
        if self.target not in self._opened:
            names = ", ".join(self._opened)
            raise ValueError(f"there is no target {self.target!r}; choose one of: {names}")
        super()._fit_rank()

    def _last_rank(self) -> int:
        return int(self._opened[self.target].last)

    def _bring(self, state: dict[str, Any]) -> None:
        if state.get("target", self.target) not in self._opened:  # of another matrix
            state = {name: value for name, value in state.items() if name != "target"}
        super()._bring(state)
