"""What rounding in storage adds to the difference of two checkpoints: the floor of its spectrum.

A number x kept with p bits of fraction is off by at most ulp(x)/2, where ulp(x) = 2^(⌊log₂|x|⌋−p).
Taken as uniform within that, as usual (Widrow and Kollár, *Quantization Noise*, 2008, ch. 1), the
error has the variance ulp²/12. The errors of base and tuned are independent, so for E, what
rounding adds to tuned − base,

    E‖E‖_F² = Σ (ulp(base)² + ulp(tuned)²)/12,

and the singular values of such noise end at the Marchenko–Pastur edge √v·(√m + √n), v = E‖E‖_F²/mn
(exact in the limit where the variances of entries are alike; rows much larger than others push it
up). A singular value of the difference below the edge cannot be told from rounding. Where training
left an entry as it was, base and tuned are rounded alike and the difference is exactly 0, so this
is the error expected of what has changed throughout, and the most there will be of the rest.
"""

from __future__ import annotations

from typing import NamedTuple

import ml_dtypes
import numpy as np

from lora_bokeh.matrix import panels


class RoundingError(NamedTuple):
    """The expected size of the rounding error of a matrix, in its own units.

    Attributes
    ----------
    frobenius : float
        √E‖E‖_F².
    edge : float
        Where the singular values of E end.
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
    m, n = stored[0].shape
    frobenius = float(np.sqrt(sum(_squared_ulps(w) for w in stored) / 12))
    return RoundingError(frobenius, frobenius * (m**-0.5 + n**-0.5))


def _squared_ulps(w: np.ndarray) -> float:
    """Return Σ ulp(w_ij)², 0 for exact dtypes."""
    if w.dtype.kind in "biu":
        return 0.0
    format_ = ml_dtypes.finfo(w.dtype)
    total = 0.0
    for _, panel in panels(w, np.float64):
        _, exponent = np.frexp(panel)  # |x| = f·2^exponent with f in [½, 1)
        # A zero, or a subnormal, is spaced as the smallest normal number is.
        exponent = np.where(panel == 0, format_.minexp + 1, exponent).clip(format_.minexp + 1)
        ulps = np.ldexp(1.0, exponent - 1 - format_.nmant)
        total += float(np.vdot(ulps, ulps))
    return total
