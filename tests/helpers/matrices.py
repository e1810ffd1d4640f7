"""Matrices with known troubles, by name: what a truncated SVD has to get right."""

import ml_dtypes
import numpy as np


def orthonormal(m, k, rng):
    return np.linalg.qr(rng.standard_normal((m, k)))[0]


def with_values(m, n, values, seed=0):
    """Return a random (m, n) matrix with the given singular values."""
    rng = np.random.default_rng(seed)
    k = len(values)
    return (orthonormal(m, k, rng) * values) @ orthonormal(n, k, rng).T


def falling(m, n, rank, power):
    """Return a random (m, n) matrix of a rank whose singular values are j^-power; read only.

    Past 1024 each way it is computed in the background of a page.
    """
    matrix = with_values(m, n, np.arange(1.0, rank + 1) ** -power)
    matrix.flags.writeable = False
    return matrix


def hilbert(n):
    return 1.0 / (np.arange(n)[:, None] + np.arange(n) + 1.0)


def kahan(n, angle=1.2):
    upper = np.eye(n) - np.cos(angle) * np.triu(np.ones((n, n)), 1)
    return np.diag(np.sin(angle) ** np.arange(n)) @ upper


def _gaussian(m, n):
    return np.random.default_rng(m * 1000 + n).standard_normal((m, n))


SHAPES = {
    f"{m}×{n}": _gaussian(m, n)
    for m, n in [(1, 1), (1, 7), (7, 1), (2, 3), (60, 40), (40, 60), (300, 17), (17, 300)]
}
SPECTRA = {
    "zero": np.zeros((40, 30)),
    "identity": np.eye(100),
    "all ones": np.ones((50, 60)),
    "one entry": np.outer(np.eye(50)[0], np.eye(9)[8]),
    "rank 3": with_values(120, 200, [5.0, 2.0, 1.0]),
    "graded": with_values(150, 130, 10.0 ** -np.linspace(0, 15, 130)),
    "halving": with_values(80, 200, 2.0 ** -np.arange(80)),
    "two values, diagonal": np.diag(np.r_[np.full(20, 2.0), np.ones(30)]),
    "40 equal, in front": with_values(200, 180, np.r_[np.full(40, 3.0), np.linspace(2, 0.1, 140)]),
    "40 equal, inside": with_values(
        200, 180, np.r_[np.linspace(10, 5, 20), np.full(40, 3.0), np.linspace(2.9, 0.1, 120)]
    ),
    "40 within 1e-8": with_values(
        200, 180, np.r_[3 + 1e-9 * np.arange(40), np.linspace(2.5, 0.1, 140)]
    ),
    "pairs": with_values(90, 100, np.repeat(np.linspace(1, 0.1, 45), 2)),
    "Hilbert": hilbert(100),
    "Kahan": kahan(90),
}
RANGE = {f"entries of 1e{e}": _gaussian(60, 50) * 10.0**e for e in (-300, -150, 150, 300)} | {
    "float32, entries of 1e37": (_gaussian(90, 70) * 1e37).astype(np.float32),
    "float32, entries of 1e-36": (_gaussian(90, 70) * 1e-36).astype(np.float32),
}
MEMORY = {
    "Fortran order": np.asfortranarray(_gaussian(90, 70)),
    "strided": _gaussian(200, 190)[::2, ::-1],
    "strided, transposed": _gaussian(200, 190)[::-2, ::3].T,
    "read only": np.frombuffer(_gaussian(60, 50).tobytes()).reshape(60, 50),
    "big endian": _gaussian(60, 50).astype(">f8"),
}
DTYPES = [
    *(np.float32, np.float16, np.int8, np.uint8, np.int16, np.int32, np.int64, np.bool_),
    *(ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn),
]
KINDS = {np.dtype(t).name: (_gaussian(90, 70) * 5).astype(t) for t in DTYPES}
SINGLE = {
    f"float32, {name}": SPECTRA[name].astype(np.float32)
    for name in ["rank 3", "graded", "40 equal, inside", "40 within 1e-8", "Hilbert"]
}
ALL = SHAPES | SPECTRA | RANGE | MEMORY | KINDS | SINGLE


def is_double(W):
    """Whether the engine is expected to work in float64 on W."""
    return W.dtype.kind in "fiu" and W.dtype.itemsize >= (8 if W.dtype.kind == "f" else 4)


def tolerance(W):
    """Error allowed in a singular value, relative to the largest."""
    return 1e-12 if is_double(W) else 1e-6
