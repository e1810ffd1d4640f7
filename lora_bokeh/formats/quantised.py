"""Quantised weights of a checkpoint: dequantised where that is exact, named where it is not.

A weight and what belongs to it (scales, maps, states) become one tensor of floating-point numbers,
computed when it is read. What no formula here covers (GPTQ, AWQ and others) stays as it is under
its method's name, so that codes are never taken for weights.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from lora_bokeh.formats import dequantise
from lora_bokeh.formats.folder import inside
from lora_bokeh.formats.jsons import read_object
from lora_bokeh.formats.tensors import Container, SourceError, Stored, TensorInfo
from lora_bokeh.text import count

CONFIG = "config.json"  # transformers': it says how a checkpoint was quantised
WEIGHT = ".weight"
STATE = re.compile(r"(.+)\.quant_state\.bitsandbytes__(nf4|fp4)")
MAX_STATE_BYTES = 1 << 16
ACTIVATIONS = ("input_scale", "scale_input", "activation_scale", "comfy_quant")  # beside a weight
MARKS = ("scaled_fp8",)  # ComfyUI's sign for a file of scaled float8

# Of methods that are not dequantised: what a module's tensors are called, the surest first.
REFUSED = (
    ("NVFP4", ("weight_scale_2",)),
    ("compressed-tensors, packed", ("weight_packed",)),
    ("quanto", ("weight._data",)),
    ("HQQ", ("W_q",)),
    ("AQLM", ("codes", "codebooks")),
    ("VPTQ", ("indices", "centroids")),
    ("SVDQuant", ("qweight", "wscales")),
    ("GPTQ", ("qweight", "g_idx")),
    ("AWQ", ("qweight", "qzeros")),
    ("AWQ", ("qweight", "scales")),
    ("EETQ", ("weight", "weight_scales")),
    ("MLX", ("weight", "scales", "biases")),
)
FUSED = ("MXFP4", "_blocks", "_scales")  # gpt-oss: the experts of a layer, without a module


class Quantised(NamedTuple):
    """A weight and all that belongs to it.

    Attributes
    ----------
    method : str
        How it was quantised.
    keys : tuple of str
        Its tensors.
    weight : Stored or None
        The weight in floating point; None where it is not dequantised.
    """

    method: str
    keys: tuple[str, ...]
    weight: Stored | None = None


class Found(NamedTuple):
    """A checkpoint with its quantised weights made out.

    Attributes
    ----------
    container : Container
        Its tensors; a dequantised weight stands for all that it was made of.
    refused : dict of str to tuple of str
        Method → tensors that stay codes.
    notes : tuple of str
        A sentence on each method.
    """

    container: Container
    refused: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]


def dequantised(container: Container) -> Found:
    """Return a checkpoint with what can be dequantised."""
    if container.kind != "safetensors":
        return Found(container, {}, ())
    weights: dict[str, list[Quantised]] = {}
    gone = {mark for mark in MARKS if mark in container.named}
    for found in _quantised(container):
        if gone.isdisjoint(found.keys):
            weights.setdefault(found.method, []).append(found)
            gone |= {*found.keys}
    done = [q.weight for of_method in weights.values() for q in of_method if q.weight]
    refused = {
        method: tuple(key for q in of_method if q.weight is None for key in q.keys)
        for method, of_method in weights.items()
    }
    refused = {method: keys for method, keys in refused.items() if keys}
    gone -= {key for keys in refused.values() for key in keys}
    kept = [s for s in container.stored if s.info.name not in gone]
    stored = sorted([*kept, *done], key=lambda s: str(s.info.name))
    notes = tuple(_note(method, of_method) for method, of_method in weights.items())
    return Found(container._replace(stored=tuple(stored)), refused, notes)


def _note(method: str, weights: list[Quantised]) -> str:
    if weights[0].weight is None:
        return f"{count(len(weights), 'weight')} quantised ({method}): codes, not dequantised here"
    return f"{count(len(weights), 'weight')} dequantised ({method})"


def _quantised(container: Container) -> Iterator[Quantised]:
    """Yield the quantised weights; a tensor may come up under two methods, the first counts."""
    named = container.named
    for key in named:
        if match := STATE.fullmatch(key):
            yield _four_bit(container, match[1], f"bitsandbytes {match[2]}", key)
    yield from _refused(container)
    stated = _stated_block(container)
    for key, stored in named.items():
        if key.endswith(WEIGHT) and _is_code(stored):
            yield from filter(None, [_int8(named, key) or _scaled(named, key, stated)])


def _is_code(stored: Stored) -> bool:
    return stored.info.dtype.startswith("float8") or stored.info.dtype in ("int8", "uint8")


# --- bitsandbytes


def _four_bit(container: Container, name: str, method: str, state_key: str) -> Quantised:
    named = container.named
    ends = ("absmax", "quant_map", "nested_absmax", "nested_quant_map")
    parts = {end: named[f"{name}.{end}"] for end in ends if f"{name}.{end}" in named}
    keys = (name, state_key, *(f"{name}.{end}" for end in parts))
    state = _state(named[state_key])
    codes = named.get(name)
    if codes is None or state is None or not {"absmax", "quant_map"} <= parts.keys():
        why = f"{method}, its state cannot be read"
        return Quantised(why, tuple(key for key in keys if key in named))
    size = math.prod(state["shape"])
    if codes.info.nbytes != -(-size // 2) or not _enough(parts, state, size):
        return Quantised(f"{method}, its parts do not fit together", keys)

    def read() -> np.ndarray:
        arrays = {part: stored.read() for part, stored in parts.items()}
        return dequantise.four_bit(codes.read(), arrays, state).astype(np_dtype(state["dtype"]))

    nbytes = sum(named[key].info.nbytes for key in keys)
    info = TensorInfo(name, tuple(state["shape"]), state["dtype"], nbytes)
    return Quantised(method, keys, Stored(info, read, method))


def np_dtype(name: str) -> np.dtype:
    """Return the dtype that a state names."""
    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)


def _state(stored: Stored) -> dict[str, Any] | None:
    """Return the state that a tensor of bytes spells, checked; None if it is none."""
    if stored.info.nbytes > MAX_STATE_BYTES:
        return None
    try:
        state = json.loads(stored.read().astype(np.uint8).tobytes())
        shape = [int(n) for n in state["shape"]]
        sizes = [int(state[k]) for k in ("blocksize", "nested_blocksize") if k in state]
        sound = min([*shape, *sizes]) > 0 and math.isfinite(float(state.get("nested_offset", 0)))
        known = state["dtype"] in ("float16", "bfloat16", "float32")
    except (ValueError, TypeError, KeyError, RecursionError, SourceError):
        return None
    return {**state, "shape": shape} if sound and known else None


def _enough(parts: Mapping[str, Stored], state: Mapping[str, Any], size: int) -> bool:
    """Tell whether there is a scale for each block, and a value for each code."""
    shapes = {part: math.prod(stored.info.shape) for part, stored in parts.items()}
    blocks = -(-size // state["blocksize"])
    if shapes["quant_map"] < 16 or shapes["absmax"] < blocks:
        return False
    if "nested_absmax" not in parts:
        return parts["absmax"].info.dtype.startswith("float")
    nested = -(-shapes["absmax"] // state.get("nested_blocksize", 1))
    fits = shapes.get("nested_quant_map", 0) >= 256 and shapes["nested_absmax"] >= nested
    return fits and "nested_offset" in state


def _int8(named: Mapping[str, Stored], key: str) -> Quantised | None:
    module = key.removesuffix(WEIGHT)
    maxima, codes = named.get(f"{module}.SCB"), named[key]
    if maxima is None or codes.info.dtype != "int8":
        return None
    keys = (key, f"{module}.SCB", *(k for k in (f"{key}_format",) if k in named))
    if len(codes.info.shape) != 2 or math.prod(maxima.info.shape) != codes.info.shape[0]:
        return Quantised("bitsandbytes int8, its scales do not fit", keys)
    read = partial(_applied, dequantise.int8, codes, maxima)
    return Quantised("bitsandbytes int8", keys, _weight(named, keys, read, "bitsandbytes int8"))


# --- a scale beside the codes


def _scaled(
    named: Mapping[str, Stored], key: str, stated: tuple[int, ...] | None
) -> Quantised | None:
    module, codes = key.removesuffix(WEIGHT), named[key]
    ends = (f"{key}_scale_inv", f"{key}_scale", f"{module}.scale_weight")
    scale_key = next((end for end in ends if end in named), None)
    if scale_key is None:
        return None
    beside = (f"{module}.{end}" for end in ACTIVATIONS)
    keys = (key, scale_key, *(k for k in beside if k in named))
    method = f"{codes.info.dtype} with {scale_key.removeprefix(module + '.')}"
    scales = named[scale_key]
    block = dequantise.block_shape(codes.info.shape, scales.info.shape, stated)
    zero = f"{key}_zero_point" in named
    if codes.info.dtype == "uint8" or zero or block is None or 0 in codes.info.shape:
        return Quantised(f"{method}, of a kind that is not known", keys)
    read = partial(_applied, partial(dequantise.scaled, block=block), codes, scales)
    return Quantised(method, keys, _weight(named, keys, read, method))


def _applied(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray], codes: Stored, scales: Stored
) -> np.ndarray:
    return function(codes.read(), scales.read())


def _weight(
    named: Mapping[str, Stored], keys: tuple[str, ...], read: Callable[[], np.ndarray], method: str
) -> Stored:
    """Return the weight that stands for its parts: float32, and the bytes of all of them."""
    nbytes = sum(named[key].info.nbytes for key in keys)
    return Stored(TensorInfo(keys[0], named[keys[0]].info.shape, "float32", nbytes), read, method)


def _stated_block(container: Container) -> tuple[int, ...] | None:
    """Return the block size that the model's configuration states."""
    stated = _quantization_config(container.path.parent).get("weight_block_size")
    whole = isinstance(stated, list) and all(isinstance(n, int) and n > 0 for n in stated)
    return tuple(stated) if isinstance(stated, list) and whole else None


def _quantization_config(folder: Path) -> Mapping[str, Any]:
    try:
        found = read_object(inside(folder, CONFIG)).get("quantization_config")
    except SourceError:  # not there, or not to be read: the shapes have to tell
        return {}
    return found if isinstance(found, dict) else {}


# --- what is not dequantised


def _refused(container: Container) -> Iterator[Quantised]:
    """Yield the weights of methods that are not dequantised."""
    named = container.named
    method = _quantization_config(container.path.parent).get("quant_method")
    modules: dict[str, dict[str, str]] = {}
    for key in named:
        for end in {end for _, ends in REFUSED for end in ends}:
            if key.endswith(f".{end}"):
                modules.setdefault(key.removesuffix(f".{end}"), {})[end] = key
    for module, parts in modules.items():
        kind = next((name for name, ends in REFUSED if {*ends} <= parts.keys()), None)
        if kind == "MLX" and named[parts["weight"]].info.dtype != "uint32":
            continue
        if kind:
            title = method.upper() if kind in ("AWQ", "GPTQ") and isinstance(method, str) else kind
            keys = tuple(key for key in named if _of_module(key, module))
            yield Quantised(title, keys)
    kind, blocks, scales = FUSED
    for key in named:
        base = key.removesuffix(blocks)
        if key.endswith(blocks) and base + scales in named:
            yield Quantised(kind, (key, base + scales))


def _of_module(key: str, module: str) -> bool:
    """Tell whether a tensor is one of a module's own, its bias apart."""
    return key.startswith(f"{module}.") and not key.endswith(".bias")
