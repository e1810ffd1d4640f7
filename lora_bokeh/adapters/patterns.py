"""Pairs by pattern: names that some program gave the two factors, without any alpha.

A row of the table below is all it takes to read another kind of file. Where PEFT's configuration
lies beside the file, as torchtune writes it, the scale is that of the configuration.
"""

from __future__ import annotations

import re
from functools import partial
from typing import NamedTuple

from lora_bokeh.adapters import factor_keys, pairing
from lora_bokeh.adapters.peft_config import LoraConfig
from lora_bokeh.formats.adapter_config import config_of
from lora_bokeh.formats.source import Finding, Source
from lora_bokeh.formats.tensors import Container

Rows = tuple[tuple[str, str], ...]


class Layout(NamedTuple):
    """How a program names the factors.

    Attributes
    ----------
    rows : tuple
        As for :func:`lora_bokeh.adapters.pairing.gather`.
    sure : bool
        Whether no checkpoint has such names; otherwise they have to be the better part of it.
    scaled : bool
        Whether the program multiplies by α/r, and keeps both elsewhere.
    """

    rows: Rows
    sure: bool
    scaled: bool


XLABS = r"(.+?)(?:\.processor)?(\.\w+_lora\d*)\.{}\.weight"  # XLabs-AI/x-flux
TORCHTUNE = r"(.+)\.lora_{}\.weight"  # pytorch/torchtune
LORALIB = r"(.+)\.lora_{}"  # microsoft/LoRA, litgpt
SAM_LORA = r"(.*?w)_{}(_\d+)?"  # MathieuNlp/Sam_LoRA
CONTROL_LORA = r"(.+)\.{}"  # Stability AI


def _layout(pattern: str, down: str, up: str, sure: bool, scaled: bool) -> Layout:
    rows = (("A", pattern.replace("{}", down)), ("B", pattern.replace("{}", up)))
    return Layout(rows, sure, scaled)


LAYOUTS = (
    _layout(XLABS, "down", "up", sure=True, scaled=False),
    _layout(TORCHTUNE, "a", "b", sure=True, scaled=True),
    _layout(LORALIB, "A", "B", sure=True, scaled=True),
    _layout(SAM_LORA, "a", "b", sure=False, scaled=False),
    _layout(CONTROL_LORA, "down", "up", sure=False, scaled=False),
)


def read(container: Container) -> Source | None:
    """Return the adapter; None if no layout fits the file."""
    for layout in LAYOUTS:
        if _fits(container, layout):
            return _source(container, layout)
    return None


def _source(container: Container, layout: Layout) -> Source:
    keys = factor_keys.gather(container, layout.rows)
    config = config_of(container)
    if config is None or config.of_mlx or "lora_alpha" not in config.values:
        unknown = (_unknown(keys),) if layout.scaled else ()
        pairs = pairing.stored_pairs(container, keys)
    else:
        unknown = ()
        scaling = LoraConfig(config.path, config.values).scaling
        pairs = pairing.each(
            keys.modules,
            lambda name, parts: pairing.pair(
                container, name, parts, scaling=partial(scaling, name)
            ),
        )
    return pairing.adapter(
        container,
        pairs,
        name="pairs",
        rest=keys.rest,
        alone=keys.alone,
        config=config.values if config else container.metadata,
        findings=unknown,
    )


def _unknown(keys: factor_keys.Keys) -> Finding:
    said = "neither alpha nor a configuration is stored, so that the scale is unknown: it is 1 here"
    return Finding("scale unknown", tuple(keys.modules), said)


def _fits(container: Container, layout: Layout) -> bool:
    """Tell an adapter from a checkpoint with a module or two that is called ``up`` or ``down``."""
    matrices = [key for key, stored in container.named.items() if len(stored.info.shape) > 1]
    counts = [sum(bool(re.fullmatch(p, key)) for key in matrices) for _, p in layout.rows]
    return min(counts) > 0 and (layout.sure or 2 * sum(counts) >= len(matrices))
