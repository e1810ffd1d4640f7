"""State of a view: parameters that keep themselves within bounds, and references that stay live."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import param

METRICS = ("frobenius", "spectral")
TRANSITIONS = ("smooth", "snap", None)


class Rank(param.Integer):
    """An integer that is clamped to its bounds, as a slider is, instead of refused."""

    def __init__(self, default: int = 1, **params: Any) -> None:
        super().__init__(default, bounds=(1, None), **params)

    def __set__(self, obj: Any, value: Any) -> None:
        """Set the value, cropped where it is a number."""
        is_number = isinstance(value, int | np.integer) and not isinstance(value, bool)
        super().__set__(obj, int(self.crop_to_bounds(value)) if is_number else value)


def is_reference(value: Any) -> bool:
    """Whether a value stands for another one: a Parameter, a widget, a bound function, an rx."""
    live = (param.Parameter, param.rx, pn.widgets.WidgetBase)
    return isinstance(value, live) or hasattr(value, "_dinfo")


def resolve(value: Any) -> Any:
    """Return what a reference stands for now; any other value as it is."""
    return pn.bind(lambda v: v, value)() if is_reference(value) else value


def follow(view: param.Parameterized, name: str, reference: Any) -> None:
    """Keep ``view.<name>`` equal to a reference, whatever happened to the view in between.

    Param drops a reference once its parameter is set by other means, which a drag does.
    """
    pn.bind(lambda value: view.param.update(**{name: value}), reference, watch=True)


def tell(reference: Any, value: Any) -> None:
    """Write a value that a person chose in the page back to the parameter it came from."""
    if isinstance(reference, pn.widgets.WidgetBase):
        reference.value = value
    elif isinstance(reference, param.Parameter) and not (reference.constant or reference.readonly):
        setattr(reference.owner, reference.name, value)
