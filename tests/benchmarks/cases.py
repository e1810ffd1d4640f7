"""The fixed list of matrices, each with its leading singular values by an independent route."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.fft import dct
from scipy.linalg import eigh

from lora_bokeh.engine.low_rank import LowRank

DATA = Path(__file__).parents[3] / "shared" / "data"


class Case(NamedTuple):
    """A named matrix (or adapter pair), made when called, and how many values are wanted."""

    name: str
    make: Callable[[], np.ndarray | LowRank]
    rank: int


def _rotate(a: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Multiply from the left by a random orthogonal matrix: signs, shuffle, cosines, twice."""
    for _ in range(2):
        a = a * rng.choice([-1.0, 1.0], len(a))[:, None]
        a = dct(a[rng.permutation(len(a))], axis=0, norm="ortho", overwrite_x=True)
    return a


def power_law(m: int, n: int) -> np.ndarray:
    """σ_j = j^-0.7 between random orthogonal matrices."""
    rng = np.random.default_rng(1)
    p = min(m, n)
    a = np.zeros((m, n))
    a[np.arange(p), np.arange(p)] = np.arange(1, p + 1) ** -0.7
    return np.ascontiguousarray(_rotate(_rotate(a, rng).T, rng).T)


def noise(m: int, n: int) -> np.ndarray:
    """Gaussian entries, scaled so that the bulk of singular values ends near 1."""
    return np.random.default_rng(2).standard_normal((m, n)) / (m**0.5 + n**0.5)


def directions_in_noise(m: int, n: int) -> np.ndarray:
    """32 directions, σ from 10 down to 1.2, in noise whose bulk ends near 1."""
    rng = np.random.default_rng(3)
    U = np.linalg.qr(rng.standard_normal((m, 32)))[0]
    V = np.linalg.qr(rng.standard_normal((n, 32)))[0]
    return (U * np.linspace(10, 1.2, 32)) @ V.T + noise(m, n)


def adapter(m: int, n: int, r: int) -> LowRank:
    """Gaussian factors in float32."""
    rng = np.random.default_rng(4)
    return LowRank(
        rng.standard_normal((m, r)).astype(np.float32),
        rng.standard_normal((r, n)).astype(np.float32),
    )


FAMILIES = {
    "power law": power_law,
    "32 directions + noise": directions_in_noise,
    "noise": noise,
}
SHAPES = [(1024, 1024), (2048, 2048), (4096, 4096), (4096, 14336), (8192, 8192)]
QUICK = [(1024, 1024), (2048, 2048)]


def cases(quick: bool, only: str) -> Iterator[Case]:
    """Yield the cases whose name contains ``only``."""
    for case in _all_cases(quick):
        if only in case.name:
            yield case


def _all_cases(quick: bool) -> Iterator[Case]:
    for m, n in QUICK if quick else SHAPES:
        for family, make in FAMILIES.items():
            for dtype in (np.float32, np.float64):
                name = f"{family}, {m}×{n}, {np.dtype(dtype).name}"
                yield Case(name, lambda f=make, s=(m, n), d=dtype: f(*s).astype(d), 64)
    yield Case("every rank, 1024×1024, float64", lambda: noise(1024, 1024), 1024)
    size = 1024 if quick else 4096
    yield Case(f"adapter, {size}×{size}, r = 64", lambda: adapter(size, size, 64), 64)
    for path in sorted(DATA.glob("*.npy")):
        yield Case(path.name, lambda p=path: np.load(p), 64)


def reference(w: np.ndarray, k: int) -> np.ndarray:
    """Return the k leading singular values from the Gram matrix in float64.

    Relative errors are about eps·(σ₁/σ_k)²: 1e-13 where σ_k is a twentieth of σ₁. All values of a
    matrix come from the dense SVD instead.
    """
    w = w.astype(np.float64)
    if k == min(w.shape):
        return np.linalg.svd(w, compute_uv=False)
    gram = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    n = len(gram)
    return np.sqrt(eigh(gram, eigvals_only=True, subset_by_index=[n - k, n - 1])[::-1])
