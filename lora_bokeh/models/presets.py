"""Dimensions of well-known models: which matrices each has, how many, and where that is from.

The table is ``models/models.json``. Modules bear the names of the published checkpoints, and the
``parameters`` of a model are all of its weights, shared ones counted once, as its architecture at
these sizes has them; where a file of PEFT's states a total, it is the same.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from operator import index
from typing import Any, NamedTuple

ALL = ("all", "all-linear")  # names of every target; the second is PEFT's
USUAL = (("q", "v"), ("qkv",))  # roles adapted where nothing else is said: the paper's, PEFT's


class Shape(NamedTuple):
    """So many matrices that take ``d_in`` features to ``d_out``."""

    matrices: int
    d_in: int
    d_out: int


class Module(NamedTuple):
    """A matrix that recurs in the layers of a model.

    Attributes
    ----------
    role : str
        What it does, by one name for all models: q, k, v, o, qkv, gate, up, gate_up or down.
    name : str
        The end of its name in the checkpoint.
    shapes : tuple of Shape
        One for each size in which it occurs.
    """

    role: str
    name: str
    shapes: tuple[Shape, ...]


class Model(NamedTuple):
    """A model as far as LoRA's arithmetic goes.

    Attributes
    ----------
    name : str
        What people call it.
    parameters : int
        All of its weights, shared ones counted once.
    modules : tuple of Module
        The matrices that can be adapted.
    source : str
        Where the dimensions are from.
    """

    name: str
    parameters: int
    modules: tuple[Module, ...]
    source: str

    def usual(self) -> tuple[Module, ...]:
        """Return what is adapted where nothing else is said: q and v, else qkv, else all."""
        found = (self._with_roles(roles) for roles in USUAL)
        return next(filter(None, found), self.modules)

    def choose(self, targets: str | Sequence[str] | None = None) -> tuple[Module, ...]:
        """Return the modules that targets mean, in the model's order.

        Parameters
        ----------
        targets : str or sequence of str, optional
            Each the name of a module, its role ("q"), the end of its name as PEFT has it
            ("c_proj" is both of GPT-2's), or "all". Default: :meth:`usual`.

        Raises
        ------
        ValueError
            There are none, or one means no module; the sentence names those that exist.
        """
        if targets is None:
            return self.usual()
        targets = [targets] if isinstance(targets, str) else targets
        chosen = {module for target in targets for module in self._meant(target)}
        if not chosen:
            raise ValueError(f"choose at least one target of {self.name}: {self._names()}")
        return tuple(module for module in self.modules if module in chosen)

    def like(self, other: Model, names: Sequence[str]) -> list[str]:
        """Return the targets here that those of another model amount to.

        All remain all, names that are known here remain; any other choice becomes the usual one.
        """
        if len(set(names)) == len(other.modules):
            return [module.name for module in self.modules]
        known = {module.name for module in self.modules}.issuperset(names)
        return list(names) if known else [module.name for module in self.usual()]

    def _with_roles(self, roles: Sequence[str]) -> tuple[Module, ...]:
        return tuple(module for module in self.modules if module.role in roles)

    def _meant(self, target: str) -> tuple[Module, ...]:
        if target in ALL:
            return self.modules
        exact = tuple(module for module in self.modules if module.name == target)
        ends = tuple(module for module in self.modules if module.name.endswith(f".{target}"))
        meant = exact or self._with_roles([target]) or ends
        if not meant:
            raise ValueError(f"{self.name} has no target {target!r}; it has {self._names()}")
        return meant

    def _names(self) -> str:
        return ", ".join(module.name for module in self.modules)


@cache
def _table() -> dict[str, Any]:
    text = files("lora_bokeh.models").joinpath("models.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


@cache
def presets() -> dict[str, Model]:
    """Return the models known, by name."""
    return {row["name"]: _preset(row) for row in _table()["models"]}


def _preset(row: dict[str, Any]) -> Model:
    table = _table()
    modules = tuple(
        Module(role, name, tuple(Shape(b["layers"], b[d_in], b[d_out]) for b in row["blocks"]))
        for role, name, d_in, d_out in table["families"][row["family"]]
    )
    return Model(row["name"], row["parameters"], modules, table["sources"][row["source"]])


def published_accuracies() -> dict[str, Any]:
    """Return Table 5 of Hu et al. 2021: one budget spent on different matrices of GPT-3."""
    accuracies: dict[str, Any] = _table()["same_budget"]
    return accuracies


def find_model(name: str) -> Model:
    """Return the model of a name, or of its beginning; case and punctuation do not matter.

    Raises
    ------
    ValueError
        There is none, or more than one; the sentence names the nearest.
    """
    known = {_plain(each): model for each, model in presets().items()}
    wanted = _plain(name)
    begun = [each for each in known if wanted and each.startswith(wanted)]
    if wanted in known or len(begun) == 1:
        return known.get(wanted) or known[begun[0]]
    near = [known[each].name for each in begun or difflib.get_close_matches(wanted, known, 3, 0.5)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(presets())}"
    raise ValueError(f"no model is called {name!r}; {hint}")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def own_model(*shapes: tuple[int, int]) -> Model:
    """Return a model that consists of matrices of one's own.

    Parameters
    ----------
    *shapes : (int, int)
        Rows (features out) and columns (features in) of each.

    Raises
    ------
    ValueError
        There is none, or a dimension is less than 1.
    """
    given = shapes
    try:
        shapes = tuple((index(d), index(k)) for d, k in shapes)
    except (TypeError, ValueError):
        shapes = ()
    if not shapes or any(d < 1 for shape in shapes for d in shape):
        raise ValueError(f"a shape is two whole numbers from 1, such as 4096x4096; got {given}")
    modules = tuple(_own_modules(shapes))
    name = ", ".join(f"{d} × {k}" for d, k in shapes)
    return Model(name, sum(d * k for d, k in shapes), modules, "given")


def _own_modules(shapes: Sequence[tuple[int, int]]) -> Iterator[Module]:
    for number, (d_out, d_in) in enumerate(shapes, 1):
        name = f"W{number}" if len(shapes) > 1 else "W"
        yield Module(name, name, (Shape(1, d_in, d_out),))
