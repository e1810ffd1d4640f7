"""Measures the two SAM adapters that the lesson speaks of.

``python -m tests.helpers.measured_adapters ../shared/data`` writes
lora_bokeh/lesson/data/measured.json anew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lora_bokeh.engine.spectrum import spectrum
from lora_bokeh.loading.open import open_source

HOME = Path(__file__).parents[2] / "lora_bokeh" / "lesson" / "data" / "measured.json"
ORIGIN = {
    "of": "singular values of ΔW = B·A in two LoRA adapters of SAM ViT-B, the same task trained "
    "at two ranks: q and v of 12 blocks",
    "source": "https://github.com/MathieuNlp/Sam_LoRA",
    "licence": "MIT",
}


def measure(folder: Path) -> dict[str, Any]:
    """Return rank → the singular values of each pair, to five significant digits."""
    values = {}
    for rank in (4, 16):
        pairs = open_source(folder / f"sam_vit_b_lora_rank{rank}.safetensors").entries
        spectra = [spectrum(pair.read()).s[:rank] for pair in pairs]
        values[str(rank)] = [[float(f"{s:.5g}") for s in each] for each in spectra]
    return {**ORIGIN, "singular_values": values}


def text(measured: dict[str, Any]) -> str:
    """Return it as JSON with one pair a line."""
    ranks = [
        f'    "{rank}": [\n' + ",\n".join(f"      {json.dumps(pair)}" for pair in pairs) + "\n    ]"
        for rank, pairs in measured["singular_values"].items()
    ]
    head = [f'  "{key}": {json.dumps(measured[key], ensure_ascii=False)}' for key in ORIGIN]
    values = '  "singular_values": {\n' + ",\n".join(ranks) + "\n  }"
    return "{\n" + ",\n".join([*head, values]) + "\n}\n"


if __name__ == "__main__":
    HOME.write_text(text(measure(Path(sys.argv[1]))), encoding="utf-8")
