"""Orthonormal rows that grow block by block, and the small matrices beside them."""

from __future__ import annotations

import numpy as np

from lora_bokeh.engine import kernels
from lora_bokeh.engine.gram_schmidt import orthonormalize

FIRST_ROWS = 256  # room for so many at first


class Rows:
    """Rows, appended block by block; memory not yet written to costs nothing."""

    def __init__(self, dimension: int, dtype: type[np.floating]) -> None:
        self._rows = np.empty((0, dimension), dtype)
        self.size = 0

    @property
    def rows(self) -> np.ndarray:
        """The rows so far, shape (size, dimension): a view."""
        return self._rows[: self.size]

    def extend(self, rows: np.ndarray) -> None:
        """Append rows (b, dimension)."""
        new = self.size + len(rows)
        if new > len(self._rows):
            capacity = max(FIRST_ROWS, 2 * new)
            larger = np.empty((capacity, self._rows.shape[1]), self._rows.dtype)
            larger[: self.size] = self.rows
            self._rows = larger
        self._rows[self.size : new] = rows
        self.size = new


class Basis(Rows):
    """Orthonormal rows."""

    def __init__(self, dimension: int, dtype: type[np.floating], rng: np.random.Generator) -> None:
        super().__init__(dimension, dtype)
        self._rng = rng

    def append(self, Y: np.ndarray, near: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Append the new directions of Y (b, n); return C, L with Y = C·rows + L·new rows.

        ``near``: row from which on Y is expected to have something in common with the basis.
        """
        result = orthonormalize(self.rows, Y, near)
        if result is not None:
            C, L, new = result
            self.extend(new)
            return C, L
        return self._append_carefully(Y)

    def _append_carefully(self, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Append row by row; a random one where a row of Y adds nothing."""
        known = self.size
        self.extend(Y)
        return kernels.orthonormalize_rows(
            self.rows,
            known,
            Y.astype(np.float64),
            self.random(len(Y)).astype(np.float64),
            float(np.finfo(Y.dtype).eps),
        )

    def random(self, b: int) -> np.ndarray:
        """Draw b random rows of about unit length."""
        n = self._rows.shape[1]
        return (self._rng.standard_normal((b, n)) / n**0.5).astype(self._rows.dtype)


def grown(A: np.ndarray, size: int) -> np.ndarray:
    """Return the square A, or a larger one with room for ``size`` that begins with it."""
    if size <= len(A):
        return A
    larger = np.zeros((2 * size, 2 * size))  # memory not yet written to costs nothing
    larger[: len(A), : len(A)] = A
    return larger
