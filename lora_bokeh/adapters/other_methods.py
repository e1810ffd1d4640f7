"""Adapters that are not read: named and refused, so that no factor passes for a matrix.

Their ΔW depends on the base weights, or there is no ΔW at all. Sources: KohakuBlueleaf/LyCORIS
``lycoris/modules``; huggingface/peft ``src/peft/tuners``.
"""

from __future__ import annotations

import re

from lora_bokeh.adapters.other_tensors import LORA_FACTOR, OTHER_METHODS
from lora_bokeh.formats.adapter_config import config_of
from lora_bokeh.formats.source import Source
from lora_bokeh.formats.tensors import Container, SourceError
from lora_bokeh.text import count, listing

MERGE = "merge it into its base model, and look at, or extract, the difference of the two"


def read(container: Container) -> Source | None:
    """Refuse an adapter of another method; None if there is none in the file.

    Raises
    ------
    SourceError
        Tensors of such a method are in it, and no LoRA pair.
    """
    found = {
        method: [key for key in container.named if re.search(pattern, key)]
        for method, pattern in OTHER_METHODS.items()
    }
    kinds = [
        f"{method} ({count(len(keys), 'tensor')}: {listing(keys, 3)})"
        for method, keys in found.items()
        if keys
    ]
    if not kinds:
        return None
    raise SourceError(
        container.path,
        f"an adapter of {' and '.join(kinds)}, not of LoRA: its update is no product B·A; {MERGE}",
    )


def refuse_rest(container: Container) -> None:
    """Refuse an adapter of which nothing was read.

    Raises
    ------
    SourceError
        ``adapter_config.json`` says that the file is an adapter, or all its matrices are named
        like factors of LoRA, but no pair was found in it.
    """
    matrices = [key for key, s in container.named.items() if len(s.info.shape) > 1]
    factors = [key for key in container.named if LORA_FACTOR.search(key)]
    config = config_of(container)
    if config and config.values.get("peft_type") and not factors:
        raise SourceError(
            container.path,
            f"{config.path.name} says that it is an adapter ({config.method}), but no pair is in "
            f"it; it holds {listing(list(container.named), 5)}",
        )
    if factors and len(factors) >= len(matrices):
        raise SourceError(
            container.path,
            f"{count(len(factors), 'tensor')} named like factors of LoRA, but no pair of them is "
            f"of a kind that is read: {listing(factors, 5)}",
        )
