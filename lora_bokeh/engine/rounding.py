"""What rounding in storage adds to the difference of two checkpoints: the floor of its spectrum.

A number x kept with p bits of fraction is off by at most ulp(x)/2, where ulp(x) = 2^(⌊log₂|x|⌋−p).
Taken as uniform within that, as usual (Widrow and Kollár, *Quantization Noise*, 2008, ch. 1), the
error has the variance ulp²/12. The errors of base and tuned are independent, so for E, what
rounding adds to tuned − base,

    E‖E‖_F² = Σ v_ij,  v_ij = (ulp(base_ij)² + ulp(tuned_ij)²)/12,

and the singular values of such noise end, up to a few percent, at the latest at

    max_i √(Σ_j v_ij) + max_j √(Σ_i v_ij)

(Bandeira and van Handel 2016, https://arxiv.org/abs/1408.6185, theorem 1.1), which for entries of
one variance is the Marchenko–Pastur edge √v·(√m + √n), and for one row much larger than the others
its norm. A singular value of the difference below it cannot be told from rounding. Where training
left an entry as it was, base and tuned are rounded alike and the difference is exactly 0: so this
is the error of what has changed throughout, and the most there will be of the rest.
"""

from __future__ import annotations

from typing import NamedTuple

import ml_dtypes
import numpy as np

from lora_bokeh.engine.matrix import panels


class RoundingError(NamedTuple):
    """The expected size of the rounding error of a matrix, in its own units.

    Attributes
    ----------
    frobenius : float
        √E‖E‖_F².
    edge : float
        Where the singular values of E end, at the latest.
    """

    frobenius: float
    edge: float


def rounding_error(*stored: np.ndarray) -> RoundingError:
    """Return the error of a sum or difference of matrices, from their dtypes and magnitudes.

    Parameters
    ----------
    *stored : ndarray of shape (m, n)
        As stored; a bfloat16 memory map is read in panels. Integers are exact.
    """
    rows, columns = np.zeros(stored[0].shape[0]), np.zeros(stored[0].shape[1])
    for w in stored:
        if w.dtype.kind not in "biu":
            _add_squared_ulps(w, rows, columns)
    rows, columns = rows / 12, columns / 12
    return RoundingError(float(rows.sum() ** 0.5), float(rows.max() ** 0.5 + columns.max() ** 0.5))


def _add_squared_ulps(w: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> None:
    """Add Σ_j ulp(w_ij)² to ``rows`` and Σ_i ulp(w_ij)² to ``columns``, in place."""
    format_ = ml_dtypes.finfo(w.dtype)
    smallest = format_.minexp + 1  # as frexp counts; zeros and subnormals are spaced like it
    for where, panel in panels(w, np.float64):
        exponent = np.frexp(panel)[1]  # |x| = f·2^exponent with f in [½, 1)
        exponent = np.where(panel == 0, smallest, np.maximum(exponent, smallest))
        squared = np.ldexp(1.0, 2 * (exponent - 1 - format_.nmant))
        rows[where] += squared.sum(axis=1)
        columns += squared.sum(axis=0)
