"""Pairs of all experts in two tensors: PEFT's ``target_parameters``, MLX's switch layers.

PEFT: A is (E·r, in) and B (out, r·E), and ΔW_e = s·B.reshape(out, r, E)[:, :, e] ·
A.reshape(E, r, in)[e]. Source: huggingface/peft ``tuners/lora/layer.py`` (``ParamWrapper``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from lora_bokeh.adapters import pairing
from lora_bokeh.adapters.factor_keys import Parts
from lora_bokeh.adapters.pairing import Pairs, Scaling
from lora_bokeh.formats.derived import piece, with_tensors
from lora_bokeh.formats.module_names import live_name
from lora_bokeh.formats.tensors import Container, Stored

BASE_LAYER = ".base_layer"  # one more for each further parameter of the same module


def expert_pairs(
    container: Container,
    modules: Mapping[str, Parts],
    scaling: Callable[[str, int], Scaling],
    rank_of: Callable[[str], int],
) -> tuple[Pairs, dict[str, Parts]]:
    """Return an entry for each expert, and the modules that have none.

    Parameters
    ----------
    container : Container
        The file.
    modules : mapping
        {what the keys start with: "A" and "B" → key}.
    scaling, rank_of : callable
        The scale and the r that the configuration gives a module.
    """
    pairs, others = Pairs([], {}), {}
    for key, parts in modules.items():
        module = live_name(key)[0]
        rank = rank_of(module.replace(BASE_LAYER, ""))
        A, B = (container.named[parts[p]] for p in "AB")
        experts = A.info.shape[0] // rank if A.info.shape else 0
        if experts < 2 or A.info.shape[0] != B.info.shape[-1] or A.info.shape[0] % rank:
            others[key] = parts
            continue
        slices = {
            f"{module}.{e}": {"A": _rows(A, e, rank), "B": _columns(B, e, rank, experts)}
            for e in range(experts)
        }
        pairs += sliced_pairs(container, slices, partial(scaling, module), tuple(parts.values()))
    return pairs, others


def sliced_pairs(
    container: Container,
    slices: Mapping[str, Mapping[str, Stored]],
    scaling: Callable[[int], Scaling],
    keys: tuple[str, ...],
) -> Pairs:
    """Return the entries of derived factors; ``keys`` are the tensors which they are parts of."""
    whole = with_tensors(container, (s for parts in slices.values() for s in parts.values()))
    named = {name: {p: str(s.info.name) for p, s in parts.items()}
             for name, parts in slices.items()}  # fmt: skip
    return pairing.each(
        named,
        lambda name, parts: pairing.pair(whole, name, parts, scaling=scaling).with_keys(*keys),
    )


def _rows(A: Stored, e: int, rank: int) -> Stored:
    shape = (rank, *A.info.shape[1:])
    return piece(A, f"{A.info.name}[{e}]", shape, lambda a: a[e * rank : (e + 1) * rank])


def _columns(B: Stored, e: int, rank: int, experts: int) -> Stored:
    shape = (B.info.shape[0], rank)
    return piece(B, f"{B.info.name}[{e}]", shape, partial(_of_expert, e=e, experts=experts))


def _of_expert(B: np.ndarray, e: int, experts: int) -> np.ndarray:
    return B.reshape(len(B), -1, experts)[:, :, e]
