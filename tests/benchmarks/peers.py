"""Every way a user could take to the leading singular values, by name.

Packages that are not installed are left out. Each solver takes the matrix and k and returns
k values, descending.
"""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from scipy.sparse.linalg import svds

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.spectrum import spectrum

Solver = Callable[[np.ndarray, int], np.ndarray]
US = "lora_bokeh"


def ours(w: np.ndarray | LowRank, k: int) -> np.ndarray:
    """Our spectrum; of a pair made anew, which remembers nothing of the last run."""
    if isinstance(w, LowRank):
        w = LowRank(w.B, w.A, w.scale)
    return spectrum(w, k).s


def numpy_svd(w: np.ndarray, k: int) -> np.ndarray:
    """NumPy's full SVD, values only."""
    return np.linalg.svd(w, compute_uv=False)[:k]


def dense_product(pair: LowRank, k: int) -> np.ndarray:
    """Form B·A and take its full SVD, as most tools do."""
    return numpy_svd(pair.todense(), k)


def arpack(w: np.ndarray, k: int) -> np.ndarray:
    """SciPy's svds by ARPACK."""
    return np.sort(svds(w, k, return_singular_vectors=False, rng=0))[::-1]


def propack(w: np.ndarray, k: int) -> np.ndarray:
    """SciPy's svds by PROPACK."""
    return np.sort(svds(w, k, return_singular_vectors=False, solver="propack", rng=0))[::-1]


def sketch(n_iter: int) -> Solver:
    """Return scikit-learn's randomized_svd with so many power iterations."""
    from sklearn.utils.extmath import randomized_svd

    return lambda w, k: randomized_svd(w, k, n_iter=n_iter, random_state=0)[1]


def lowrank(niter: int) -> Solver:
    """Return torch.svd_lowrank with so many power iterations."""
    import torch

    def solve(w: np.ndarray, k: int) -> np.ndarray:
        torch.manual_seed(0)
        return torch.svd_lowrank(torch.from_numpy(w), q=k, niter=niter)[1].numpy()

    return solve


def solvers(w: np.ndarray | LowRank, k: int) -> dict[str, Solver]:
    """Return the solvers that can do this, us first."""
    if isinstance(w, LowRank):
        return {US: ours, "B·A, then numpy svd": dense_product}
    found: dict[str, Solver] = {US: ours, "numpy svd": numpy_svd}
    if k >= min(w.shape) // 4:
        return found
    found |= {"scipy ARPACK": arpack, "scipy PROPACK": propack}
    if find_spec("sklearn"):
        found |= {f"randomized_svd {n}": sketch(n) for n in (4, 8)}
    if find_spec("torch"):
        found |= {f"torch svd_lowrank {n}": lowrank(n) for n in (2, 8)}
    return found
