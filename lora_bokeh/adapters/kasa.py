"""KaSA: PEFT's LoRA with a learnt diagonal between the factors, ΔW = s·B·diag(d)·A.

Source: huggingface/peft ``src/peft/tuners/lora/variants.py`` (``KasaLinearVariant``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lora_bokeh.formats.derived import derived, with_tensors
from lora_bokeh.formats.tensors import Container, SourceError, Stored

DIAGONAL = ("{}.lora_diag", "{}.lora_diag.default")


def with_diagonals(
    container: Container, modules: Mapping[str, dict[str, str]], config: Mapping[str, Any]
) -> Container:
    """Return the file with the rows of each A multiplied by the module's diagonal."""
    if not config.get("kasa_config"):
        return container
    multiplied = []
    for name, parts in modules.items():
        key = diagonal_of(container, name)
        A = container.named[parts["A"]]
        if key is None:
            raise SourceError(container.path, f"pair {name!r}: its diagonal lora_diag is missing")
        d = container.named[key]
        if d.info.shape != A.info.shape[:1]:
            raise SourceError(
                container.path,
                f"pair {name!r}: lora_diag has shape {d.info.shape}, not {A.info.shape[:1]}",
            )
        multiplied.append(_multiplied(A, d))
    return with_tensors(container, multiplied)


def diagonal_of(container: Container, name: str) -> str | None:
    """Return the key of a module's diagonal, if it has one."""
    return next((k for form in DIAGONAL if (k := form.format(name)) in container.named), None)


def _multiplied(A: Stored, d: Stored) -> Stored:
    def read() -> np.ndarray:
        return A.read().astype(np.float64) * d.read().astype(np.float64)[:, None]

    return derived(A, str(A.info.name), A.info.shape, read)
