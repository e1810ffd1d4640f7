"""Cut matrices to their best rank-r approximation, as factors that an adapter can hold.

ΔW_r = U_r·diag(σ_r)·V_rᵀ is written B·A with B = U_r·√σ_r and A = √σ_r·V_rᵀ: both factors are of
one size, which half precision likes, and those of a smaller rank are the first columns and rows of
those of a larger. The SVD of a pair comes from its factors alone
(:mod:`lora_bokeh.engine.factored`), its scale goes into them, and nothing is clamped.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from lora_bokeh.adapters.new_pair import NewPair, cast
from lora_bokeh.compress.scratch import Spool
from lora_bokeh.engine.spectrum import Spectrum, spectrum_so_far
from lora_bokeh.engine.steps import SVDSteps, svd_steps
from lora_bokeh.engine.svd import fix_signs
from lora_bokeh.formats.source import Entry
from lora_bokeh.ranks.choice import Choice, Ranked, choose_ranks

MOST_OF_DENSE = 128  # ranks of a dense matrix unless more are asked for
FIRST_RANKS = 16  # of a dense matrix, when a rule is to say how many it needs

Read = Callable[[], np.ndarray]


def _nothing() -> np.ndarray:
    raise ValueError("no factors were kept: a spool is needed for that")


class Decomposed(NamedTuple):
    """A matrix whose SVD is known as far as its rank may go.

    Attributes
    ----------
    entry : Entry
        Where it came from.
    ranked : Ranked
        What there is to choose from.
    kept : int
        The largest rank of which the factors wait; 0 if there are none.
    U, Vh : callable
        Give U·√σ (m, kept) and √σ·Vᵀ (kept, n).
    """

    entry: Entry
    ranked: Ranked
    kept: int = 0
    U: Read = _nothing
    Vh: Read = _nothing


class Cut(NamedTuple):
    """One matrix before and after.

    Attributes
    ----------
    name : str
        Its module.
    shape : tuple of int
        (m, n) of ΔW.
    rank_before : int or None
        Inner dimension of a pair; None for a dense matrix.
    rank : int
        What it was cut to; 0 if it is left out.
    frobenius_norm, residual : float
        ‖ΔW‖_F, exact, and ‖ΔW − ΔW_r‖_F.
    captured_energy : float
        1 − residual²/‖ΔW‖_F²; 1 for the zero matrix.
    nbytes_before, nbytes : int
        Of its tensors.
    rounding_error : float or None
        ‖ΔW_r − B·A‖_F for the factors as rounded to the file's dtype; None if none were made.
    """

    name: str
    shape: tuple[int, int]
    rank_before: int | None
    rank: int
    frobenius_norm: float
    residual: float
    captured_energy: float
    nbytes_before: int
    nbytes: int
    rounding_error: float | None


def decompose(entry: Entry, choice: Choice, spool: Spool | None = None) -> Decomposed:
    """Compute the SVD of a matrix as far as a choice may need it.

    Parameters
    ----------
    entry : Entry
        A pair, or a difference of dense matrices, of which the 128 leading ranks are computed, or
        ``choice.max_rank``. A rule is asked again and again until the ranks it has seen suffice.
    choice : Choice
        How its rank will be chosen.
    spool : Spool, optional
        Where its factors are to wait; without one there are none.

    Raises
    ------
    SourceError, ValueError
        The entry cannot be read or is not finite.
    """
    most = largest_rank(entry, choice)
    asks_rule = choice.asks_rule(str(entry.name))
    first = min(most, FIRST_RANKS) if asks_rule and entry.rank is None else most
    steps = _started(entry, first, spool is not None)
    _drain(steps)
    by_rule = _asked(steps, most, entry, choice) if asks_rule else 0
    ranked = _ranked(entry, spectrum_so_far(steps), choice, by_rule)
    kept = ranked.most if choice.budget else choose_ranks(choice, [ranked]).ranks[0]
    if spool is None or kept == 0:
        return Decomposed(entry, ranked)
    return Decomposed(entry, ranked, kept, *_factors(steps, kept, spool))


def decomposed(entry: Entry, spectrum: Spectrum, choice: Choice) -> Decomposed:
    """Return what :func:`decompose` does where the spectrum is known, without factors."""
    asks_rule = choice.asks_rule(str(entry.name))
    by_rule = choice.by_rule(spectrum, entry.rounding_error).upper if asks_rule else 0
    return Decomposed(entry, _ranked(entry, spectrum, choice, by_rule))


def _ranked(entry: Entry, spectrum: Spectrum, choice: Choice, by_rule: int) -> Ranked:
    """Return the bounds of a matrix's rank; one that tuning did not change may go."""
    stays = entry.kind in ("pair", "update") or spectrum.frobenius_norm > 0
    most = min(largest_rank(entry, choice), len(spectrum.s)) if stays else 0
    return Ranked(str(entry.name), spectrum, int(stays and choice.budget is None), most, by_rule)


def largest_rank(entry: Entry, choice: Choice) -> int:
    """Return the largest rank that a choice asks of a matrix."""
    wanted = choice.wanted(str(entry.name))
    own = entry.rank or wanted or choice.max_rank or MOST_OF_DENSE
    limits = [limit for limit in (wanted, choice.max_rank) if limit is not None]
    return max(1, min(own, *limits, *entry.shape))


def _started(entry: Entry, rank: int, vectors: bool) -> SVDSteps:
    matrix = entry.read()
    try:
        return svd_steps(matrix, rank, vectors=vectors)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{entry.name!r}: {error}") from None


def _drain(steps: SVDSteps) -> None:
    for _ in steps:
        pass


def _asked(steps: SVDSteps, most: int, entry: Entry, choice: Choice) -> int:
    """Compute on until the rule knows its rank, or there are no more; return the rule's rank.

    Of a rank that is known to lie between two, the larger is taken: it keeps what was asked for.
    """
    floor = cache(entry.rounding_error)
    while True:
        known = spectrum_so_far(steps)
        said = choice.by_rule(known, floor)
        if said.rank is None and known.exact_tail:
            raise ValueError(f"{entry.name!r}: {said.why}")
        if said.exact or steps.max_rank >= most:
            return said.upper
        steps.extend(min(most, max(2 * steps.max_rank, said.lower)))
        _drain(steps)


def _factors(steps: SVDSteps, rank: int, spool: Spool) -> tuple[Read, Read]:
    U, Vh = fix_signs(*steps.factors())
    root = np.sqrt(steps.values[:rank]).astype(U.dtype)
    return spool.put(U[:, :rank] * root), spool.put(root[:, None] * Vh[:rank])


def new_pair(matrix: Decomposed, rank: int) -> NewPair:
    """Return the pair to be written for a matrix, of rank at least 1.

    Where ΔW is (in, out), for Conv1D and embeddings, the factors are those of ΔWᵀ.
    """
    entry = matrix.entry
    kernel = entry.kernel[1:] if entry.kernel else ()
    left, right = lambda: matrix.U()[:, :rank], lambda: matrix.Vh()[:rank]
    if not entry.fan_in_fan_out:
        return NewPair(matrix.ranked.name, entry.shape, rank, left, right, kernel)
    shape = entry.shape[1], entry.shape[0]
    B, A = lambda: right().T, lambda: left().T
    return NewPair(matrix.ranked.name, shape, rank, B, A, kernel, entry.embedding)


def cut(matrix: Decomposed, rank: int, dtype: str, entry_bytes: int) -> Cut:
    """Return what a rank makes of a matrix; its factors are read, if there are any."""
    entry, spectrum = matrix.entry, matrix.ranked.spectrum
    return Cut(
        name=matrix.ranked.name,
        shape=entry.shape,
        rank_before=entry.rank,
        rank=rank,
        frobenius_norm=spectrum.frobenius_norm,
        residual=spectrum.frobenius_residual(rank),
        captured_energy=spectrum.captured_energy(rank),
        nbytes_before=entry.nbytes,
        nbytes=rank * sum(entry.shape) * entry_bytes,
        rounding_error=_rounding_error(matrix, rank, dtype) if matrix.kept and rank else None,
    )


def _rounding_error(matrix: Decomposed, rank: int, dtype: str) -> float:
    """Return ‖B·A − B̃·Ã‖_F = ‖E_B·A + B̃·E_A‖_F with E = X − X̃, from products of r×r."""
    pair = new_pair(matrix, rank)
    B, E_B = _rounded(pair.B(), dtype, pair.name)
    A, E_A = _rounded(pair.A(), dtype, pair.name)
    A = A + E_A  # the unrounded one
    squared = np.vdot(E_B.T @ E_B, A @ A.T) + np.vdot(B.T @ B, E_A @ E_A.T)
    return float(np.sqrt(max(0.0, squared + 2 * np.vdot(E_B.T @ B, A @ E_A.T))))


def _rounded(factor: np.ndarray, dtype: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the rounded factor and what rounding took away, in float64."""
    rounded = cast(factor, dtype, name).astype(np.float64)
    return rounded, factor - rounded
