"""What tuning changed besides matrices, kept whole in a PEFT adapter: modules and biases.

PEFT saves a module of ``modules_to_save`` with everything in it, and with ``bias="all"`` loads any
tensor whose name ends in "bias" as it is; the bias of a module with a pair is found one level
deeper, under ``base_layer``, since PEFT has wrapped that module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lora_bokeh.adapters.write_peft import module_key
from lora_bokeh.formats.source import Source
from lora_bokeh.formats.tensors import Stored
from lora_bokeh.formats.write_safetensors import NewTensor

BIAS, BASE_BIAS = ".bias", ".base_layer.bias"
STATE = (".weight", BIAS, ".running_mean", ".running_var", ".num_batches_tracked")
BLOCK = 1 << 24  # bytes compared at a time


def changed(names: Iterable[str], base: Source, tuned: Source) -> list[str]:
    """Return those of the tuned model's tensors that are new or differ from the base's."""
    return [n for n in names if not _equal(base.tensors.get(n), tuned.tensors[n])]


def _equal(before: Stored | None, after: Stored) -> bool:
    if before is None or before.info[1:] != after.info[1:]:  # shape, dtype
        return False
    if 0 in after.info.shape:
        return True
    a, b = (stored.read().reshape(-1).view(np.uint8) for stored in (before, after))
    return all(np.array_equal(a[i : i + BLOCK], b[i : i + BLOCK]) for i in range(0, len(a), BLOCK))


def kept_whole(
    names: Sequence[str], tensors: Mapping[str, Stored], adapted: set[str]
) -> tuple[list[NewTensor], dict[str, Any]]:
    """Return the tensors to save beside the pairs, and the fields of the config that say so.

    Parameters
    ----------
    names : sequence of str
        Tensors that are to be kept; those that are no part of a module's state cannot be.
    tensors : mapping of str to Stored
        The tuned model.
    adapted : set of str
        Modules that have a pair.
    """
    whole = {name.rpartition(".")[0] for name in names if _makes_whole(name)} - adapted
    new_names = {module + end: module + end for module in whole for end in STATE}
    biases = {name: _bias_name(name, adapted) for name in names if _is_lone_bias(name, whole)}
    new_names |= biases
    kept = [
        NewTensor(module_key(new), stored.info.shape, stored.info.dtype, stored.read)
        for name, new in sorted(new_names.items())
        if (stored := tensors.get(name))
    ]
    return kept, {"modules_to_save": sorted(whole) or None, "bias": "all" if biases else "none"}


def _makes_whole(name: str) -> bool:
    """Tell whether a tensor makes PEFT save its module whole; a bias alone does not."""
    return name.endswith(STATE) and not name.endswith(BIAS)


def _is_lone_bias(name: str, whole: set[str]) -> bool:
    return name.endswith(BIAS) and name.removesuffix(BIAS) not in whole


def _bias_name(name: str, adapted: set[str]) -> str:
    module = name.removesuffix(BIAS)
    return module + (BASE_BIAS if module in adapted else BIAS)
