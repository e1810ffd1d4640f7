"""A block made orthonormal, against a basis and within itself, at the price of matrix products."""

from __future__ import annotations

import numpy as np

from lora_bokeh.engine import kernels
from lora_bokeh.engine.products import gram

PIVOT_RATIO = 1e-10  # smallest sound pivot/diagonal: the second pass can still repair it
SHRINK = 0.25  # a unit row that loses more than ¾ of its square in the second pass was noise


def orthonormalize(
    Q: np.ndarray, Y: np.ndarray, near: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Orthonormalise the rows of a block: Y = C·Q + L·new.

    Block classical Gram–Schmidt with Cholesky QR, each twice (Barlow and Smoktunowicz 2013,
    "BCGSI+"). The first projection may leave out rows that Y is orthogonal to but for rounding: in
    a Krylov space, all but the last ones. Leaving out the second cost a digit or two.

    Parameters
    ----------
    Q : ndarray of shape (k, n)
        Orthonormal rows.
    Y : ndarray of shape (b, n)
        Left as it is.
    near : int, default 0
        The first projection is on Q[near:]; on all of Q if that turns out not to be enough.

    Returns
    -------
    C (b, k) and L (b, b), float64, and new (b, n), in the dtype of Y; or None if some row lies so
    nearly in the span of the others and Q that this way would lose it: see
    :func:`lora_bokeh.engine.kernels.orthonormalize_rows`.
    """
    C = np.zeros((len(Y), len(Q)))
    C[:, near:], rest = _project(Q[near:], Y)
    L, new, sound = _factor(rest, PIVOT_RATIO)
    if sound:
        D, new = _project(Q, new)
        L2, new, sound = _factor(new, SHRINK)
        # The rows were of unit length: what the second projection takes most of was noise within Q.
        if sound and (np.diag(L2) ** 2 > SHRINK).all():
            return C + L @ D, L @ L2, new
    return orthonormalize(Q, Y) if near else None


def _project(Q: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return C float64 and Y − C·Q."""
    if len(Q) == 0:
        return np.zeros((len(Y), 0)), Y
    C, within = gram(Q, Y)
    return C.T.astype(np.float64), Y - within


def _factor(Y: np.ndarray, ratio: float) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return L float64, orthonormal rows with Y = L·rows, and whether they are sound."""
    wide = Y.astype(np.float64)  # b rows only: cheap, and Cholesky squares the condition number
    L, sound = kernels.cholesky(wide @ wide.T, ratio)
    if not sound:
        return L, Y, False
    kernels.solve_lower(L, wide)
    return L, wide.astype(Y.dtype), True
