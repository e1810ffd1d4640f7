"""Adapters of other methods than LoRA: named and refused, so that no factor passes for a matrix.

Their ΔW is no product of two factors, or there is no ΔW at all. Sources: KohakuBlueleaf/LyCORIS
``lycoris/modules``; huggingface/peft ``src/peft/tuners``.
"""

from __future__ import annotations

import re

from lora_bokeh.formats.leftovers import OTHER_METHODS
from lora_bokeh.formats.source import Source
from lora_bokeh.formats.stored import Container, SourceError
from lora_bokeh.formats.text import count, listing


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
        f"an adapter of {' and '.join(kinds)}, not of LoRA: its update is no product B·A; merge it "
        "into its base model, and look at, or extract, the difference of the two",
    )
