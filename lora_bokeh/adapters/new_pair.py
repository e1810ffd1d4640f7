"""A low-rank pair to be written, whatever the format: ΔW = B·A, its scale in the factors.

With the scale s of the source inside the factors and alpha = r written beside them, every reader's
alpha/r is 1 and ΔW is what the factors say, at any rank and under any rule that rescales neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lora_bokeh.formats.write_safetensors import NewTensor, np_dtype


class NewPair(NamedTuple):
    """Factors to be written for one module.

    Attributes
    ----------
    name : str
        The module's name in the source: a path with dots, or kohya's own with underscores.
    shape : tuple of int
        (out, in) of B·A; for a convolution (out, in·kh·kw), for an embedding (size, entries).
    rank : int
        Their inner dimension, at least 1.
    B, A : callable
        Give the factors, (out, rank) and (rank, in).
    kernel : tuple of int
        (kh, kw) of a convolution; empty for a linear module.
    embedding : bool
        Whether the module is an embedding, whose weight is (B·A)ᵀ.
    """

    name: str
    shape: tuple[int, int]
    rank: int
    B: Callable[[], np.ndarray]
    A: Callable[[], np.ndarray]
    kernel: tuple[int, ...] = ()
    embedding: bool = False

    def tensors(self, B_name: str, A_name: str, dtype: str) -> list[NewTensor]:
        """Return the two tensors under the names a format gives them.

        A convolution's A holds kernels, (rank, in, kh, kw), and its B is a 1×1 convolution.
        """
        m, n = self.shape
        B_shape = (m, self.rank, *(1 for _ in self.kernel))
        A_shape = (self.rank, n // int(np.prod(self.kernel, dtype=int)), *self.kernel)
        return [
            NewTensor(B_name, B_shape, dtype, lambda: self._cast(self.B, dtype, B_shape)),
            NewTensor(A_name, A_shape, dtype, lambda: self._cast(self.A, dtype, A_shape)),
        ]

    def _cast(
        self, read: Callable[[], np.ndarray], dtype: str, shape: tuple[int, ...]
    ) -> np.ndarray:
        return cast(read(), dtype, self.name).reshape(shape)


def cast(factor: np.ndarray, dtype: str, name: str) -> np.ndarray:
    """Return the factor in ``dtype``, rounded to nearest.

    Raises
    ------
    ValueError
        An entry is too large for ``dtype``.
    """
    with np.errstate(over="ignore"):
        rounded = factor.astype(np_dtype(dtype))
    if not np.isfinite(rounded.astype(np.float64)).all():
        raise ValueError(
            f"{name!r}: its factors are too large for {dtype}; choose --dtype float32 or bfloat16"
        )
    return rounded
