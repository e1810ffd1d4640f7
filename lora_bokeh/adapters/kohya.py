"""kohya's sd-scripts and LyCORIS LoCon: ``MODULE.lora_down.weight``, ``.lora_up.weight``.

down is (r, in[, kh, kw]), up (out, r[, 1, 1]); LoCon's ``.lora_mid.weight`` (r, r, kh, kw) stands
between them. The scale is ``.alpha``/r. Source: kohya-ss/sd-scripts ``networks/lora.py``.
"""

from __future__ import annotations

from lora_bokeh.adapters import factor_keys, pairing
from lora_bokeh.formats.source import Source
from lora_bokeh.formats.tensors import Container

PATTERNS = (  # an underscore before lora_ is what some converters make of the dot
    ("A", r"(.+)[._]lora_down\.weight"),
    ("B", r"(.+)[._]lora_up\.weight"),
    ("mid", r"(.+)[._]lora_mid\.weight"),
    ("alpha", r"(.+?)(?:_lora)?[._]alpha"),
)


def read(container: Container) -> Source | None:
    """Return the adapter; None if the keys are not kohya's."""
    keys = factor_keys.gather(container, PATTERNS)
    if not keys.modules:
        return None
    return pairing.adapter(
        container,
        pairing.stored_pairs(container, keys),
        name="kohya",
        rest=keys.rest,
        alone=keys.alone,
        config=container.metadata,
    )
