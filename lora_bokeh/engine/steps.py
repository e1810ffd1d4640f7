"""svd_steps: singular values one by one, in order, as they become certain.

It runs one of three engines: :class:`lora_bokeh.engine.power.PowerSVD`, the block power iteration;
:class:`lora_bokeh.engine.direct.FullSVD`; :class:`lora_bokeh.engine.factored.FactoredSVD`, for
adapter pairs. An engine has ``values`` and ``bounds`` (float64, descending, as far as it knows
them), ``converged`` (how many from the first are within the tolerance), ``advance(k)``, one piece
of work towards k converged values, and, for what it has, ``factors(k)`` and ``tail_norm(k, norm)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from lora_bokeh.engine.direct import FullSVD
from lora_bokeh.engine.factored import FactoredSVD
from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.matrix import check_matrix_and_norm, check_rank, compute_dtype
from lora_bokeh.engine.options import Method, Options, Stop, check_options
from lora_bokeh.engine.parallel import Crew

if TYPE_CHECKING:
    from lora_bokeh.engine.power import PowerSVD

T = TypeVar("T")

COMPLETE_UP_TO = 1024  # min(m, n) up to which every rank is computed unless asked otherwise
DEFAULT_RANK = 64  # how many leading values beyond that
POWER_SHARE = 1 / 8  # of min(m, n): above it the full SVD is the faster way to that many values


class Step(NamedTuple):
    """One singular value: its rank (from 1), the value, and a bound on its error."""

    rank: int
    value: float
    error_bound: float


class _Waiting:
    """Stands for the power engine until the first step, so that who steps imports the compiler."""

    method = "power"
    converged = n_sweeps = 0
    values = bounds = np.zeros(0)

    def __init__(self, start: Callable[[], PowerSVD]) -> None:
        self.start = start


class SVDSteps(Iterator[Step]):
    """An iterator over σ₁, σ₂, …, which can be stopped, looked into, and continued further.

    Ctrl-C stops it too, and what is asked for next goes on from there.

    Attributes
    ----------
    shape, dtype
        Of the matrix, as given.
    frobenius_norm : float
        ‖W‖_F, summed over the entries in float64.
    max_rank : int
        How many values it yields.
    rank : int
        How many it has yielded.
    stopped : bool
        Whether the stop flag ended it before ``max_rank``.
    """

    def __init__(self, a: Any, max_rank: int | None, options: Options) -> None:
        self._options = options
        self._matrix: np.ndarray | LowRank
        if isinstance(a, LowRank):
            self._matrix, self.frobenius_norm = a, _finite(a.frobenius_norm)
        else:
            self._matrix, self.frobenius_norm = check_matrix_and_norm(a)
        self.shape, self.dtype = self._matrix.shape, self._matrix.dtype
        self.max_rank = _resolve_rank(max_rank, self._matrix)
        self.rank = 0
        self.stopped = False
        self._crew = Crew()
        self._broken = ""  # by what, if the state of the engine may be half of one step
        self._engine = self._choose_engine()
        formed = isinstance(a, LowRank) and not isinstance(self._engine, FactoredSVD)
        self._rounded = a.rounding if formed else 0.0  # what forming the product adds to an error

    def __next__(self) -> Step:
        """Return the next value, computing as long as it takes."""
        while self.rank < self.max_rank:
            if self.rank < self._engine.converged:
                i = self.rank
                step = Step(i + 1, float(self.values[i]), float(self.error_bound[i]))
                self.rank = step.rank
                return step
            if not self._advance():
                break
        raise StopIteration

    @property
    def values(self) -> np.ndarray:
        """Values known so far, at most ``max_rank``: those converged, or all if stopped.

        Shape (k,), float64, descending.
        """
        return self._engine.values[: self._known]

    @property
    def error_bound(self) -> np.ndarray:
        """Bound on the error of each of :attr:`values`, shape (k,)."""
        return self._engine.bounds[: self._known] + self._rounded

    @property
    def converged(self) -> bool:
        """Whether every one of :attr:`values` is within the tolerance.

        Where one was asked for, its bound must be; a value that may be 0 is within it as it is.
        """
        done = self._known <= self._engine.converged
        if self._options.tol is None or not done:
            return done
        off, values = self.error_bound, self.values
        return bool(np.all((off <= self._options.tol * values) | (values <= off)))

    @property
    def tail_norm(self) -> float:
        """‖W − W_k‖_F, what the k values known so far leave of the matrix."""
        k, norm = self._known, self.frobenius_norm
        if isinstance(self._engine, _Waiting) or k in {0, min(self.shape)}:
            return norm if k == 0 else 0.0
        return self._apart(partial(self._engine.tail_norm, k, norm))

    @property
    def n_sweeps(self) -> int:
        """Products with W and with Wᵀ so far, one each per sweep; 0 for a direct method."""
        return self._engine.n_sweeps

    @property
    def method(self) -> str:
        """The engine at work: "power", "lapack" or "qr" (the factors of a LowRank)."""
        return self._engine.method

    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """Return U (m, k) and Vh (k, n) for :attr:`values`, in the working precision."""
        dtype, (m, n) = compute_dtype(self.dtype), self.shape
        if isinstance(self._engine, _Waiting) or not self._known:
            return np.zeros((m, 0), dtype), np.zeros((0, n), dtype)
        U, Vh = self._apart(partial(self._engine.factors, self._known))
        return U.astype(dtype, copy=False), Vh.astype(dtype, copy=False)

    def extend(self, max_rank: int) -> None:
        """Ask for more ranks: the iteration goes on from where it stands.

        Raises
        ------
        TypeError, ValueError
            ``max_rank`` is not an integer between the present one and min(m, n).
        """
        self.max_rank = check_rank(max_rank, min(self.shape), "max_rank", self.max_rank)
        self.stopped = False

    @property
    def _known(self) -> int:
        found = len(self._engine.values) if self.stopped else self._engine.converged
        return min(found, self.max_rank)

    def _advance(self) -> bool:
        """Let the engine work a little; return False if it was stopped."""
        if self._broken:
            raise RuntimeError(
                f"the iteration was broken off by {self._broken} and cannot go on; begin a new one"
            )
        self.stopped = self._asked_to_stop()
        if not self.stopped and self._flat():
            full = FullSVD(self._dense(), self._options.vectors)
            full.advance(self.max_rank)
            self._engine = full  # what was known before is kept until all is known
        elif not self.stopped:
            if self.method == "power":
                _load_compiler()
            self.stopped = self._apart(self._work)
        return not self.stopped

    def _work(self) -> bool:
        """Let the engine work a little; return whether it was stopped, its state as it was then."""
        if isinstance(self._engine, _Waiting):
            self._engine = self._engine.start()
        try:
            self._engine.advance(self.max_rank)
        except InterruptedError:
            return True
        except BaseException as error:
            self._broken = type(error).__name__
            raise
        return False

    def _apart(self, work: Callable[[], T]) -> T:
        """Return ``work()``: in threads of its own where an interrupt would leave half of a step.

        The other engines compute all at one stroke, and begin again if they are interrupted.
        """
        return self._crew.run(work) if self.method == "power" else work()

    def _asked_to_stop(self) -> bool:
        return self._options.stop is not None and self._options.stop()

    def _unwanted(self) -> bool:
        return self._crew.left or self._asked_to_stop()

    def _flat(self) -> bool:
        """Whether the spectrum is so flat that the full SVD is the faster way from here."""
        hopeless = getattr(self._engine, "hopeless", False)
        unfinished = self._engine.converged < self.max_rank
        return hopeless and unfinished and self._options.method == "auto"

    def _choose_engine(self) -> FullSVD | FactoredSVD | PowerSVD | _Waiting:
        if isinstance(self._matrix, LowRank) and self._options.method == "auto":
            return FactoredSVD(self._matrix)
        p = min(self.shape)
        small = p <= COMPLETE_UP_TO or self.max_rank > POWER_SHARE * p
        if self._options.method == "lapack" or (self._options.method == "auto" and small):
            return FullSVD(self._dense(), self._options.vectors)
        return _Waiting(self._start_power)

    def _start_power(self) -> PowerSVD:
        from lora_bokeh.engine.power import PowerSVD

        options = self._options._replace(stop=self._unwanted)
        return PowerSVD(self._dense(), self.frobenius_norm, options)

    def _dense(self) -> np.ndarray:
        if isinstance(self._matrix, LowRank):
            return self._matrix.todense(np.float64)
        return self._matrix


def _finite(norm: float) -> float:
    """Return the norm of an update, or raise ValueError where float64 does not hold it."""
    if not math.isfinite(norm):
        raise ValueError("the Frobenius norm of the update overflows float64; scale it down first")
    return norm


def _load_compiler() -> None:
    """Import numba, which only the power engine needs, and the BLAS that it takes from SciPy.

    BLAS counts the cores of the thread that loads it: it must not be one that keeps to some.
    """
    from scipy.linalg import cython_blas  # noqa: F401

    import lora_bokeh.engine.power  # noqa: F401


def svd_steps(  # noqa: PLR0913 - all but two are by keyword
    a: Any,
    max_rank: int | None = None,
    *,
    seed: int = 0,
    tol: float | None = None,
    method: Method = "auto",
    stop: Stop | None = None,
    vectors: bool = False,
) -> SVDSteps:
    """Start an iteration over the leading singular values of a matrix, largest first.

    It works only while the next value is asked for, and leaves no thread behind. After Ctrl-C (any
    signal whose handler raises) it goes on from where it stood, if it is asked to.

    Parameters
    ----------
    a, max_rank, seed, tol, method
        As in :func:`lora_bokeh.engine.spectrum.spectrum`.
    stop : threading.Event or callable, optional
        When it is set, or returns True, the iteration ends, within 100 ms if the power engine is
        at work (a LAPACK call is not interrupted). It can be taken up again after a clear. A
        callable is asked from another thread too.
    vectors : bool, default False
        Whether :meth:`SVDSteps.factors` will be called: more accurate vectors take more sweeps.

    Returns
    -------
    SVDSteps
        Iterator of :class:`Step`, with everything known so far as attributes.

    Raises
    ------
    TypeError, ValueError
        As in :func:`lora_bokeh.engine.spectrum.spectrum`.
    """
    options = check_options(method, seed, tol, stop)
    return SVDSteps(a, max_rank, options._replace(vectors=vectors))


def _resolve_rank(rank: int | None, matrix: np.ndarray | LowRank) -> int:
    """Return the checked rank, or the default: all values of small matrices, else the first 64."""
    p = min(matrix.shape)
    if rank is not None:
        return check_rank(rank, p, "max_rank")
    if isinstance(matrix, LowRank):
        return min(p, matrix.rank)
    return p if p <= COMPLETE_UP_TO else DEFAULT_RANK
