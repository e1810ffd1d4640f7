"""What can be said of the singular values that were not computed.

Of the p − k values past the last known σ_k it is known that none is larger than σ_k and that their
squares sum to T² = ‖W − W_k‖_F². Between two extremes lie all the tails that are left: the
steepest, as few values as possible, all but one as large as σ_k; and the flattest, all equal. Any
measure that grows as values even out (shares of the sum of σ or σ², entropy) takes its bounds
there, since the flattest is majorised by every other tail and the steepest majorises them.
"""

from __future__ import annotations

import numpy as np

from lora_bokeh.engine.spectrum import Spectrum


def extremes(spectrum: Spectrum) -> tuple[np.ndarray, np.ndarray]:
    """Return all min(m, n) values twice, completed by the steepest and by the flattest tail."""
    p, k, T = min(spectrum.shape), len(spectrum.s), spectrum.tail_norm
    steep, flat = np.zeros(p), np.zeros(p)
    steep[:k] = flat[:k] = spectrum.s
    if k < p and T > 0:
        flat[k:] = T / (p - k) ** 0.5
        largest = max(min(spectrum.s[-1], T) if k else T, flat[-1])
        whole = min(int((T / largest) ** 2), p - k)
        steep[k : k + whole] = largest
        if k + whole < p:
            steep[k + whole] = T * max(0.0, 1 - whole * (largest / T) ** 2) ** 0.5
    return steep, flat


def count_above(spectrum: Spectrum, cut: float) -> tuple[int, int]:
    """Return the least and the most there can be of values greater than ``cut`` ≥ 0."""
    p, k, T = min(spectrum.shape), len(spectrum.s), spectrum.tail_norm
    known = int((spectrum.s > cut).sum())
    if known < k or spectrum.exact_tail or cut >= T:
        return known, known
    if cut * (p - k) ** 0.5 < T:  # all of them may be, and one must: else T would be smaller
        return k + 1, p
    return k, k + int((T / cut) ** 2)


def largest_median(spectrum: Spectrum) -> float:
    """Return the most that the median of all min(m, n) values can be."""
    p, k, T = min(spectrum.shape), len(spectrum.s), spectrum.tail_norm
    middle = np.array([(p + 1) // 2, p // 2 + 1])  # ranks of the two middle values, or of the one
    unknown = T / np.maximum(middle - k, 1) ** 0.5  # so many values are no smaller
    known = np.append(spectrum.s, np.inf)
    most = np.where(
        middle <= k, known[np.minimum(middle, k) - 1], np.minimum(known[k - 1], unknown)
    )
    return float(most.mean())
