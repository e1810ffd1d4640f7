"""What other libraries hold numbers in, as NumPy arrays; none of them is imported for it."""

from __future__ import annotations

import sys
from typing import Any

import ml_dtypes
import numpy as np


def as_array(a: Any, name: str = "the matrix") -> np.ndarray:
    """Return ``a`` as an array, sharing its memory where that is possible.

    Parameters
    ----------
    a : array_like or torch.Tensor
        A tensor may require gradients, be on any device, and be of any torch float.
    name : str
        What to call it in a sentence.

    Raises
    ------
    TypeError
        It is None or sparse, or some entries are masked.
    """
    if a is None:
        raise TypeError(f"{name} is None; give an array of real numbers")
    if _masked(a):
        raise TypeError(f"{name} has masked entries; fill them first, for example .filled(0)")
    if hasattr(a, "tocsr"):
        raise TypeError(f"{name} is sparse; convert it with .toarray()")
    if isinstance(a, list | tuple) and any(map(_is_tensor, a)):
        a = [_from_torch(row, name) if _is_tensor(row) else row for row in a]
    return _from_torch(a, name) if _is_tensor(a) else np.asarray(a)


def _masked(a: Any) -> bool:
    """Whether any entry is masked, of an array or of arrays in a list."""
    if isinstance(a, list | tuple):
        return any(map(_masked, a))
    return isinstance(a, np.ma.MaskedArray) and bool(np.ma.is_masked(a))


def _is_tensor(a: Any) -> bool:
    torch = sys.modules.get("torch")  # without it there are no tensors
    return torch is not None and isinstance(a, torch.Tensor)


def _from_torch(tensor: Any, name: str) -> np.ndarray:
    torch = sys.modules["torch"]
    if tensor.layout != torch.strided:
        raise TypeError(f"{name} is a sparse tensor; convert it with .to_dense()")
    if tensor.is_quantized:
        raise TypeError(f"{name} is a quantized tensor; convert it with .dequantize()")
    if tensor.is_meta:
        raise TypeError(f"{name} is a tensor on the device 'meta', which holds no numbers")
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    kind = str(tensor.dtype).removeprefix("torch.")
    if not hasattr(np, kind) and hasattr(ml_dtypes, kind):  # NumPy itself lacks bfloat16, float8
        bits = {1: torch.uint8, 2: torch.int16}[tensor.element_size()]
        narrow: np.ndarray = tensor.view(bits).numpy().view(getattr(ml_dtypes, kind))
        return narrow
    array: np.ndarray = tensor.numpy()
    return array
