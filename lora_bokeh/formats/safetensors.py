"""``.safetensors``: checked by the safetensors library, then viewed in place.

The library proves that the header is sound and that the tensors cover the file exactly. Its NumPy
reader would copy each tensor and knows no float8, so the entries are memory-mapped here.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, safe_open

from lora_bokeh.formats.limits import check_count, check_name, check_size, limits
from lora_bokeh.formats.tensors import SourceError, Stored, TensorInfo

PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")  # torch.save zips its
LENGTH_BYTES = 8  # the file starts with the header's length, little-endian

DTYPES: dict[str, np.dtype] = {
    name: np.dtype(dtype)
    for name, dtype in {
        "BOOL": np.bool_, "U8": "<u1", "I8": "<i1", "U16": "<u2", "I16": "<i2", "U32": "<u4",
        "I32": "<i4", "U64": "<u8", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
        "BF16": ml_dtypes.bfloat16, "C64": "<c8", "F8_E4M3": ml_dtypes.float8_e4m3fn,
        "F8_E5M2": ml_dtypes.float8_e5m2, "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
        "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz, "F8_E8M0": ml_dtypes.float8_e8m0fnu,
    }.items()
}  # fmt: skip


def tensors(path: Path) -> list[Stored]:
    """Return the tensors of the file in the order of their names."""
    return contents(path)[0]


def contents(path: Path) -> tuple[list[Stored], dict[str, str]]:
    """Return the tensors of the file in the order of their names, and its metadata."""
    _check_header(path)
    try:
        # Opening is the check: lengths, offsets, no gap, no overlap. What cannot be opened at all
        # would be "not found" to safe_open, so it is tried before.
        with path.open("rb"), safe_open(path, framework="np"):
            pass
    except SafetensorError as error:
        raise SourceError(path, _reason(path, error)) from None
    header, start = _read_header(path)
    metadata = header.pop("__metadata__", None) or {}
    check_count(path, len(header), "tensors", limits().tensors)
    return [_stored(path, start, name, header[name]) for name in sorted(header)], metadata


def _check_header(path: Path) -> None:
    """Refuse a header that would take long to parse, before the library parses it."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
    if length <= path.stat().st_size:  # else the library says that the file is cut short
        check_size(path, "its header", length, limits().header_bytes)


def _reason(path: Path, error: SafetensorError) -> str:
    with path.open("rb") as file:
        if file.read(4).startswith(PICKLES):
            return (
                "not a .safetensors file but a pickle, which can run code and is never opened; "
                "convert it where you trust it"
            )
    return f"not a sound .safetensors file ({error}); it may be cut short"


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Return the header and where the entries begin; the length was checked by safe_open."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        return json.loads(file.read(length)), LENGTH_BYTES + length


def _stored(path: Path, start: int, name: str, entry: dict[str, Any]) -> Stored:
    check_name(path, name)
    begin, end = entry["data_offsets"]
    dtype = DTYPES.get(entry["dtype"])
    info = TensorInfo(
        name, tuple(entry["shape"]), str(dtype) if dtype else entry["dtype"], end - begin
    )
    return Stored(info, partial(_map_entries, path, info, dtype, start + begin))


def _map_entries(path: Path, info: TensorInfo, dtype: np.dtype | None, offset: int) -> np.ndarray:
    """Return the tensor as a read-only view of the file."""
    if dtype is None:
        raise SourceError(
            path, f"tensor {info.name!r} has dtype {info.dtype}, which NumPy cannot represent"
        )
    mapped = np.memmap(path, dtype, "r", offset, info.shape)
    native = np.asarray(mapped).astype(dtype.newbyteorder("="), copy=False)
    return np.require(native, requirements="A")  # nothing in the format aligns the entries
