"""What LoRA trains of a whole model: parameters, bytes on disk, bytes while training.

An adapter of rank r on matrices of shape (out, in) trains r·Σ(in + out) parameters (Hu et al. 2021,
https://arxiv.org/abs/2106.09685, section 4). Whatever is trained costs more bytes than its weights:
a gradient in their dtype, and the optimiser's moments in float32; weights of 16 bits are updated
through a float32 copy. That is mixed precision as counted by Rajbhandari et al. 2020
(https://arxiv.org/abs/1910.02054, section 3.1): 16 bytes a parameter with Adam. What is frozen
costs its weights only. Activations are not counted; they depend on the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any, NamedTuple

import numpy as np

from lora_bokeh.lora import full_count, parameter_count
from lora_bokeh.models.presets import Model, Module, find_model

ITEMSIZE = {"bfloat16": 2, "float16": 2, "float32": 4}  # bytes of a weight
MOMENTS = {"adam": 2, "sgd": 1}  # running averages an optimiser keeps; sgd is the one with momentum
FLOAT32 = 4  # bytes of a moment, and of the copy that 16-bit weights are updated through
SETS = (("q",), ("q", "v"), ("q", "k", "v", "o"), ("qkv",), ("qkv", "o"))  # of roles, to compare


def lora_count(modules: Sequence[Module], rank: int) -> int:
    """Count what LoRA of one rank trains in all the matrices of some modules."""
    shapes = [shape for module in modules for shape in module.shapes]
    return sum(s.matrices * parameter_count(s.d_out, s.d_in, rank) for s in shapes)


def whole_count(modules: Sequence[Module]) -> int:
    """Count the entries of all the matrices of some modules."""
    shapes = [shape for module in modules for shape in module.shapes]
    return sum(s.matrices * full_count(s.d_out, s.d_in) for s in shapes)


def break_even(modules: Sequence[Module]) -> float:
    """Return the (real) rank at which LoRA trains as much as the matrices hold."""
    return whole_count(modules) / lora_count(modules, 1)


class Memory(NamedTuple):
    """Bytes that training holds, activations left out."""

    frozen: int  # weights that are not trained
    weights: int  # weights that are
    gradients: int
    moments: int  # the optimiser's
    copy: int  # float32, of 16-bit weights that are trained

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self)


def training_memory(trained: int, frozen: int, dtype: str, optimizer: str) -> Memory:
    """Return the bytes for so many parameters trained and so many frozen.

    Raises
    ------
    ValueError
        The dtype or the optimizer is not one of ITEMSIZE or MOMENTS.
    """
    _check_in("dtype", dtype, ITEMSIZE)
    _check_in("optimizer", optimizer, MOMENTS)
    size = ITEMSIZE[dtype]
    copy = FLOAT32 if size < FLOAT32 else 0
    return Memory(
        size * frozen, size * trained, size * trained, MOMENTS[optimizer] * FLOAT32 * trained,
        copy * trained,
    )  # fmt: skip


def full_rank(modules: Sequence[Module]) -> int:
    """Return the highest rank that any of the matrices of some modules can have."""
    return max(min(s.d_in, s.d_out) for module in modules for s in module.shapes)


class Case(NamedTuple):
    """One way to spend a budget: the highest rank that some targets afford; 0 if none."""

    targets: tuple[str, ...]
    rank: int
    trainable: int


def same_budget(model: Model, budget: int) -> list[Case]:
    """Return what a number of trainable parameters buys on other matrices of a model.

    Compared are q, q+v and q+k+v+o (or qkv and qkv+o where the model fuses them), as in table 5 of
    Hu et al. 2021, and all matrices. A rank is whole and at most the highest that one of the
    matrices can have, so that a part of the budget may be left.
    """
    roles = {module.role for module in model.modules}
    wanted = [chosen for chosen in SETS if roles.issuperset(chosen)]
    choices = [model.choose(chosen) for chosen in wanted]
    if model.modules not in choices:
        choices.append(model.modules)
    return [_case(modules, budget) for modules in choices]


def _case(modules: Sequence[Module], budget: int) -> Case:
    rank = min(budget // lora_count(modules, 1), full_rank(modules))
    return Case(tuple(module.name for module in modules), rank, lora_count(modules, rank))


class ParameterBudget(NamedTuple):
    """What LoRA of one rank costs on a model.

    Attributes
    ----------
    model : Model
        The model.
    modules : tuple of Module
        The matrices adapted.
    rank : int
        The rank of all of them.
    trainable : int
        Parameters that LoRA trains, r·Σ(in + out).
    whole : int
        Entries of the matrices adapted.
    share : float
        Trainable part of all parameters, the adapter's included: what PEFT prints.
    savings : float
        1 − trainable/whole; negative past the break-even rank.
    break_even_rank : float
        The rank at which nothing is saved.
    file_bytes : dict
        Dtype → bytes of the adapter's weights.
    dtype, optimizer : str
        Of all weights, and of the training.
    lora, full : Memory
        Bytes while training: by LoRA, and by training the whole model.
    """

    model: Model
    modules: tuple[Module, ...]
    rank: int
    trainable: int
    whole: int
    share: float
    savings: float
    break_even_rank: float
    file_bytes: dict[str, int]
    dtype: str
    optimizer: str
    lora: Memory
    full: Memory


def parameter_budget(
    model: str | Model,
    rank: int = 8,
    targets: str | Sequence[str] | None = None,
    dtype: str = "bfloat16",
    optimizer: str = "adam",
) -> ParameterBudget:
    """Return what LoRA of a rank trains of a model, and what that costs.

    Parameters
    ----------
    model : str or Model
        The name of a preset (:func:`lora_bokeh.models.presets.presets`), or a model of one's own.
    rank : int, default 8
        Rank r ≥ 1 of each adapter; a rank beyond min(in, out) buys nothing, but is counted.
    targets : str or sequence of str, optional
        See :meth:`lora_bokeh.models.presets.Model.choose`. Default: q and v.
    dtype : {"bfloat16", "float16", "float32"}, default "bfloat16"
        Of all weights, frozen and trained.
    optimizer : {"adam", "sgd"}, default "adam"
        Adam keeps two moments, SGD with momentum one.

    Raises
    ------
    ValueError
        A name is not known, or the rank is less than 1.
    TypeError
        The rank is no integer.

    Examples
    --------
    >>> parameter_budget("Llama-2-7B", rank=8, targets=["q", "v"]).trainable
    4194304
    """
    model = find_model(model) if isinstance(model, str) else model
    rank = _whole(rank)
    modules = model.choose(targets)
    n, whole = lora_count(modules, rank), whole_count(modules)
    return ParameterBudget(
        model,
        modules,
        rank,
        trainable=n,
        whole=whole,
        share=n / (model.parameters + n),
        savings=1.0 - n / whole,
        break_even_rank=break_even(modules),
        file_bytes={name: size * n for name, size in ITEMSIZE.items()},
        dtype=dtype,
        optimizer=optimizer,
        lora=training_memory(n, model.parameters, dtype, optimizer),
        full=training_memory(model.parameters, 0, dtype, optimizer),
    )


def _whole(rank: Any) -> int:
    """Return a rank as Python's int, which does not overflow, or say why it is none."""
    try:
        number = index(rank)
    except TypeError:
        number = None
    if number is None or isinstance(rank, bool | np.bool_):
        raise TypeError(f"rank must be an integer, got {rank!r}")
    if number < 1:
        raise ValueError(f"rank must be at least 1, got {number}")
    return number


def _check_in(what: str, given: str, known: dict[str, int]) -> None:
    if given not in known:
        raise ValueError(f"{what} must be one of {', '.join(known)}, got {given!r}")
