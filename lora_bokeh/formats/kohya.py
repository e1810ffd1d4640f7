"""kohya's sd-scripts and LyCORIS LoCon: ``MODULE.lora_down.weight``, ``.lora_up.weight``.

down is (r, in[, kh, kw]), up (out, r[, 1, 1]); LoCon's ``.lora_mid.weight`` (r, r, kh, kw) stands
between them. The scale is ``.alpha``/r. Source: kohya-ss/sd-scripts ``networks/lora.py``.
"""

from __future__ import annotations

from lora_bokeh.formats import pairing
from lora_bokeh.formats.source import Source
from lora_bokeh.formats.stored import Container

PATTERNS = (
    ("A", r"(.+)\.lora_down\.weight"),
    ("B", r"(.+)\.lora_up\.weight"),
    ("mid", r"(.+)\.lora_mid\.weight"),
    ("alpha", r"(.+)\.alpha"),
)


def read(container: Container) -> Source | None:
    """Return the adapter; None if the keys are not kohya's."""
    keys = pairing.gather(container, PATTERNS)
    if not keys.modules:
        return None
    entries = pairing.stored_pairs(container, keys)
    return pairing.adapter(
        container, entries, name="kohya", rest=keys.rest, config=container.metadata
    )
