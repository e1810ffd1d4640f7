"""Plain matrices: arrays, state dicts, checkpoints; whatever no adapter format claims."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from lora_bokeh.adapters import other_tensors
from lora_bokeh.adapters.other_tensors import LORA_FACTOR
from lora_bokeh.formats.names import natural
from lora_bokeh.formats.quantised import dequantised
from lora_bokeh.formats.source import Entry, Source
from lora_bokeh.formats.tensors import Container, Stored

KERNEL_DIMENSIONS = 4  # (out, in, kh, kw)
OTHERS = "not matrices"
QUANTISED = "quantised"
FACTORS = "factors of LoRA without a pair that is read"


def read(container: Container) -> Source:
    """Return the matrices of a file; the other tensors are its leftovers."""
    found = dequantised(container)
    container = found.container
    codes = {key for keys in found.refused.values() for key in keys}
    kernels = container.kind == "safetensors"  # where 4-D tensors are convolutions of a model
    factors = tuple(name for name in container.named if LORA_FACTOR.search(name))
    apart = {*factors, *codes}
    entries = [
        matrix(s) for s in container.stored if viewable(s, kernels) and s.info.name not in apart
    ]
    entries.sort(key=lambda entry: natural(entry.name or ""))
    seen = {entry.name for entry in entries} | apart
    others = tuple(name for name in container.named if name not in seen)
    left = {kind: names for kind, names in ((OTHERS, others), (FACTORS, factors)) if names}
    left |= {f"{QUANTISED} ({method})": keys for method, keys in found.refused.items()}
    return Source(
        container.path,
        "checkpoint" if kernels else container.kind,
        tuple(entries),
        notes=(
            *found.notes,
            *(other_tensors.notes({FACTORS: factors}, "no matrix") if factors else ()),
        ),
        leftovers=left,
        config=container.metadata,
        tensors={stored.info.name: stored for stored in container.stored},
    )


def viewable(stored: Stored, kernels: bool = True) -> bool:
    """Tell whether a tensor is a non-empty matrix, or a kernel to be seen as one."""
    shape = stored.info.shape
    return 0 not in shape and (len(shape) == 2 or (kernels and len(shape) == KERNEL_DIMENSIONS))


def matrix(stored: Stored) -> Entry:
    """Return the entry of a tensor; a kernel (out, in, kh, kw) becomes (out, in·kh·kw)."""
    info = stored.info
    shape = info.shape[0], math.prod(info.shape[1:])
    return Entry(
        name=info.name,
        kind="matrix",
        shape=shape,
        dtype=info.dtype,
        nbytes=info.nbytes,
        keys=(info.name,) if info.name is not None else (),
        reader=stored.read if len(info.shape) == 2 else partial(_flattened, stored, shape),
        kernel=info.shape[1:] if len(info.shape) > 2 else None,
        quantised=stored.quantised,
    )


def _flattened(stored: Stored, shape: tuple[int, int]) -> np.ndarray:
    return stored.read().reshape(shape)
