"""Write ``.safetensors`` tensor by tensor: the header first, then each tensor as it is read.

The format (https://huggingface.co/docs/safetensors): eight bytes with the header's length, little
endian; the header, JSON, padded with blanks; the tensors' bytes without gaps. Wider entries come
first, so that every tensor is aligned for a memory map.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lora_bokeh.formats.safetensors import DTYPES, LENGTH_BYTES

ALIGNMENT = 8  # bytes, of the widest entry there is
CODES = {dtype.name: code for code, dtype in DTYPES.items()}
BY_NAME = {dtype.name: dtype for dtype in DTYPES.values()}


class NewTensor(NamedTuple):
    """A tensor to be written: all but its entries is known before.

    Attributes
    ----------
    name : str
        Its name in the file.
    shape : tuple of int
        Any number of dimensions.
    dtype : str
        Of the entries in the file: a NumPy or ml_dtypes name.
    read : callable
        Gives an array of that shape, in any dtype that casts to ``dtype``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]

    @property
    def nbytes(self) -> int:
        """Bytes of the entries in the file."""
        return math.prod(self.shape) * np_dtype(self.dtype).itemsize


def np_dtype(name: str) -> np.dtype:
    """Return the dtype that a name such as "bfloat16" means, little endian.

    Raises
    ------
    ValueError
        The format has no such dtype.
    """
    if name not in BY_NAME:
        raise ValueError(f".safetensors has no dtype {name!r}")
    return BY_NAME[name]


def file_bytes(tensors: Sequence[NewTensor], metadata: Mapping[str, str]) -> int:
    """Return the size of the file that :func:`write` makes, to the byte."""
    return LENGTH_BYTES + len(_header(_ordered(tensors), metadata)) + sum(t.nbytes for t in tensors)


def write(path: Path, tensors: Sequence[NewTensor], metadata: Mapping[str, str]) -> None:
    """Write a file that holds the tensors; no more than one of them is in memory at a time.

    Parameters
    ----------
    path : Path
        A file that does not exist.
    tensors : sequence of NewTensor
        Of distinct names.
    metadata : mapping of str to str
        Kept in the header, where other tools show it.
    """
    tensors = _ordered(tensors)
    header = _header(tensors, metadata)
    with path.open("xb") as file:
        file.write(len(header).to_bytes(LENGTH_BYTES, "little") + header)
        for tensor in tensors:
            file.write(_bytes(tensor))
        file.flush()
        os.fsync(file.fileno())


def _ordered(tensors: Sequence[NewTensor]) -> list[NewTensor]:
    return sorted(tensors, key=lambda t: (-np_dtype(t.dtype).itemsize, t.name))


def _header(tensors: Sequence[NewTensor], metadata: Mapping[str, str]) -> bytes:
    content: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    begin = 0
    for tensor in tensors:
        end = begin + tensor.nbytes
        content[tensor.name] = {
            "dtype": CODES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
        begin = end
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    return text + b" " * (-len(text) % ALIGNMENT)


def _bytes(tensor: NewTensor) -> memoryview:
    """Return the entries as the file holds them: C order, little endian."""
    array = tensor.read()
    if array.shape != tensor.shape:
        raise ValueError(f"tensor {tensor.name!r}: {array.shape} was read, not {tensor.shape}")
    flat = np.ascontiguousarray(array, dtype=np_dtype(tensor.dtype)).reshape(-1)
    return flat.view(np.uint8).data
