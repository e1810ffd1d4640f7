"""cloneofsimo/lora: ``unet:0:down``, ``unet:0:up`` …, numbered in the order of the modules.

The file holds no module names and no alpha. Learned embeddings stand beside the pairs, named by
their token, ``<s1>``. Source: cloneofsimo/lora ``lora_diffusion/lora.py``.
"""

from __future__ import annotations

from lora_bokeh.adapters import factor_keys, pairing
from lora_bokeh.formats.source import Source
from lora_bokeh.formats.tensors import Container

PATTERNS = (("A", r"([^:]+:\d+):down"), ("B", r"([^:]+:\d+):up"))


def read(container: Container) -> Source | None:
    """Return the adapter; None if the keys are not of this kind."""
    keys = factor_keys.gather(container, PATTERNS)
    if not keys.modules:
        return None
    entries = pairing.stored_pairs(container, keys)
    notes = ["modules are numbered in the order of the model, their names are not stored"]
    return pairing.adapter(
        container,
        entries,
        name="cloneofsimo",
        rest=keys.rest,
        alone=keys.alone,
        config=container.metadata,
        notes=notes,
    )
