"""The iterative engine: when to look at the Krylov space, what to believe, when to give up."""

from __future__ import annotations

import math

import numpy as np

from lora_bokeh.engine.enclosure import Enclosure, Seen, enclose
from lora_bokeh.engine.forecast import Forecast
from lora_bokeh.engine.gram_krylov import GramKrylov, Unresolved
from lora_bokeh.engine.krylov import BLOCK, BlockKrylov, Ritz
from lora_bokeh.engine.options import Options
from lora_bokeh.engine.products import Operator

TOLERANCE = {np.float32: 1e-6, np.float64: 1e-12}  # of a value, relative to it
VECTOR_TOLERANCE = {np.float32: 1e-5, np.float64: 1e-10}  # ‖Wᵀu − σv‖, relative to σ₁
NOISE = 4.0  # in eps·σ₁: a residual up to there is rounding
ALLOWED = 2.0  # in units of what rounding adds: how far up there may be more of a crowd, then
CLOSE = 1e-3  # spread of a crowd, relative to it, beyond which more sweeps tell it apart
FIRST_LOOK = 8 * BLOCK  # size of the space at the first look, for the first values to come early
GROWTH = 1.5  # of the space between looks at most, so that values come as they are found
LEAST_GROWTH = 1.1  # so that looking stays cheap
BESIDE = 8  # values past those converged that are refined with them: they may be mixed
WORTH_SHARE = 0.5  # of min(m, n): growing the space beyond costs as much as the full SVD
DECIDE_SHARE = 0.2  # of min(m, n): up to there, a tenth of the full SVD's cost at most is at stake
DECIDE_FULL = 2048  # below this min(m, n) proportionally less: LAPACK is quicker on small matrices
KEEP_UP_TO = 1 << 27  # bytes of a matrix; beyond, memory counts for more than a tenth of the time
TINY = 1e-300  # keeps 0/0 out of the zero matrix's errors
CANCELLED = {np.float32: 1e-3, np.float64: 1e-8}  # share of ‖W‖² below which it is summed anew


class PowerSVD:
    """Block power iteration as an engine; see :mod:`lora_bokeh.engine.steps`.

    Parameters
    ----------
    w : ndarray of shape (m, n)
        The checked matrix.
    norm : float
        ‖W‖_F.
    options : Options
        Seed, tolerance, stop flag, and whether the vectors must be accurate too: they take a few
        sweeps more.
    """

    method = "power"

    def __init__(self, w: np.ndarray, norm: float, options: Options) -> None:
        self._operator = Operator(w, norm, options.stop)
        dtype = self._operator.dtype
        self._seed = options.seed
        keep = options.vectors or w.size * np.dtype(dtype).itemsize <= KEEP_UP_TO
        self._krylov: GramKrylov | BlockKrylov = GramKrylov(self._operator, self._seed, keep)
        self._earlier_sweeps = 0
        self._eps = float(np.finfo(dtype).eps)
        self._by_default = options.tol is None
        self._tol = TOLERANCE[dtype] if options.tol is None else options.tol
        self._norm = float(np.ldexp(norm, -self._operator.exponent))
        self._vector_tol = VECTOR_TOLERANCE[dtype] if options.vectors else None
        self._next_look = min(FIRST_LOOK, self._operator.shape[1])
        self._forecast = Forecast()
        self.hopeless = False  # whether the full SVD would be the faster way from here
        self._seen: tuple[GramKrylov | BlockKrylov, Ritz] | None = None  # what is known is from it
        self.values = self.bounds = np.zeros(0)
        self.converged = 0

    @property
    def n_sweeps(self) -> int:
        """Products with W and with Wᵀ so far, one each per sweep."""
        return self._earlier_sweeps + self._krylov.n_sweeps

    def advance(self, k: int) -> None:
        """Sweep until the next look is due, then look."""
        try:
            while self._krylov.size < self._next_look:
                self._krylov.sweep()
            self._look(k)
        except Unresolved:
            self._start_over()

    def factors(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return U (m, k) and Vh (k, n)."""
        left, right = self._factors(k)
        return (right.T, left) if self._operator.transposed else (left.T, right)

    def tail_norm(self, k: int, norm: float) -> float:
        """Return ‖W − W_k‖_F: from ‖W‖_F² − Σσ² unless that cancels, else by subtracting W_k."""
        if norm == 0:
            return 0.0
        rest = 1.0 - float(np.sum((self.values[:k] / norm) ** 2))
        if rest > CANCELLED[self._operator.dtype]:
            return norm * rest**0.5
        left, right = self._factors(k)
        exponent = self._operator.exponent
        s = np.ldexp(self.values[:k], -exponent)
        scaled = self._operator.unstoppable.distance(left, s, right)
        return float(np.ldexp(scaled, exponent))

    def _factors(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        assert self._seen is not None, "advance() comes first"  # noqa: S101
        krylov, ritz = self._seen
        return krylov.factors(ritz, k)

    def _start_over(self) -> None:
        """Leave the squares for T and Tᵀ themselves; what is known stays."""
        self._earlier_sweeps += self._krylov.n_sweeps
        self._krylov = BlockKrylov(self._operator, self._seed)
        self._next_look = min(FIRST_LOOK, self._operator.shape[1])
        self._forecast = Forecast()

    def _look(self, k: int) -> None:
        """Take stock: values, bounds, how many have converged, when to look again."""
        ritz = self._krylov.ritz(k)
        seen = self._enclosure(ritz)
        error = (seen.upper - ritz.values)[:k]
        allowed = self._allowed(ritz)[:k]
        sigma, residual = ritz.values[:k], ritz.residual[:k]
        good = error <= allowed
        if self._vector_tol is not None:
            good &= (residual <= self._vector_tol * sigma[0]) | self._krylov.full
        converged = len(good) if good.all() else int(np.argmin(good))
        self._publish(ritz, converged, error + ritz.rounding[:k])
        self._plan(k, error / np.maximum(allowed, TINY))
        close = seen.crowd[:k] <= min(self._tol**0.5, CLOSE) * sigma
        if converged < k and close[: converged + 1].any():
            self._widen()

    def _allowed(self, ritz: Ritz) -> np.ndarray:
        """Return the errors allowed of the values, which rounding comes on top of.

        No more is asked for than can be had: an eps of σ₁, or in a crowd, once its residuals are
        rounding, what they leave open.
        """
        unit = self._eps * ritz.values[0]
        within = self._tol * ritz.values
        rest = within - ritz.rounding
        if self._by_default:
            rest = np.where(rest < within / 2, within, rest)
        stuck = ritz.coupling <= NOISE * unit
        return np.maximum(np.maximum(rest, unit), stuck * ALLOWED * ritz.rounding)

    def _publish(self, ritz: Ritz, converged: int, bounds: np.ndarray) -> None:
        """Make known what was seen, unless more was known before starting over."""
        if converged < self.converged:
            return
        same = self._seen is not None and self._seen[0] is self._krylov
        known = self.converged if same and self._krylov.lasting else 0
        fresh = ritz.values[known : len(bounds)].copy()
        if converged > known:
            refined = self._krylov.refine(ritz, slice(known, converged + BESIDE))
            fresh[: converged - known] = refined[: converged - known]
        exponent = self._operator.exponent
        values = np.append(self.values[:known], np.ldexp(fresh, exponent))
        bounds = np.append(self.bounds[:known], np.ldexp(bounds[known:], exponent))
        self.values = np.minimum.accumulate(values)
        # Beneath a value that was made known too small, a better one is worse by as much; but no
        # worse than the worst, for σ_i is no larger than what lies before it.
        self.bounds = np.minimum(bounds + values - self.values, np.maximum.accumulate(bounds))
        self._seen, self.converged = (self._krylov, ritz), converged

    def _enclosure(self, ritz: Ritz) -> Enclosure:
        """Return upper bounds of the values; they are exact where the space is all there is."""
        if self._krylov.full:
            return Enclosure(ritz.values, np.full(len(ritz.values), np.inf))
        order, starts = self._operator.shape[1], self._krylov.starts
        return enclose(Seen(*ritz[:4], starts, self._norm, order))

    def _widen(self) -> None:
        """Give fresh directions to a crowd that keeps itself, or what follows, from being believed.

        They are looked at when the space is twice as large.
        """
        self._krylov.refresh()
        self._next_look = min(2 * self._krylov.size, self._operator.shape[1])

    def _plan(self, k: int, excess: np.ndarray) -> None:
        """Schedule the next look, and see whether it is worth going on to it.

        ``excess`` (≤ k,) are the errors in units of what is allowed.
        """
        size, p = self._krylov.size, self._operator.shape[1]
        target = GROWTH * size
        if size >= k:
            self._forecast.update(size, excess)
            target = min(target, max(self._forecast.size, LEAST_GROWTH * size))
        decision = math.ceil(DECIDE_SHARE * min(1.0, p / DECIDE_FULL) * p)
        self.hopeless = size >= max(decision, k) and self._forecast.mean > WORTH_SHARE * p
        if size < decision:
            target = min(target, decision)
        whole = size + BLOCK * int((target - size) / BLOCK)  # not a sweep more than meant
        self._next_look = min(max(size + 1, k, whole), p)
