"""Pairs by pattern: names that some program gave the two factors, without any alpha.

A row of the table below is all it takes to read another kind of file.
"""

from __future__ import annotations

import re

from lora_bokeh.formats import pairing
from lora_bokeh.formats.source import Source
from lora_bokeh.formats.stored import Container

LORALIB = (("A", r"(.+)\.lora_A"), ("B", r"(.+)\.lora_B"))  # microsoft/LoRA
SAM_LORA = (("A", r"(.*?w)_a(_\d+)?"), ("B", r"(.*?w)_b(_\d+)?"))  # MathieuNlp/Sam_LoRA
CONTROL_LORA = (("A", r"(.+)\.down"), ("B", r"(.+)\.up"))  # Stability AI
PATTERNS = (LORALIB, SAM_LORA, CONTROL_LORA)


def read(container: Container) -> Source | None:
    """Return the adapter; None if no pattern fits the better part of the matrices."""
    for patterns in PATTERNS:
        if _fits(container, patterns):
            keys = pairing.gather(container, patterns)
            entries = pairing.stored_pairs(container, keys)
            config = container.metadata
            return pairing.adapter(container, entries, name="pairs", rest=keys.rest, config=config)
    return None


def _fits(container: Container, patterns: tuple[tuple[str, str], ...]) -> bool:
    """Tell an adapter from a checkpoint with a module or two that is called ``up`` or ``down``."""
    matrices = [key for key, stored in container.named.items() if len(stored.info.shape) > 1]
    counts = [sum(bool(re.fullmatch(p, key)) for key in matrices) for _, p in patterns]
    return min(counts) > 0 and 2 * sum(counts) >= len(matrices)
