"""Hostile spectra by the thousand: is every singular value within its bound, every band around it?

    python tests/benchmarks/fuzz_bounds.py [--count N] [--seed S] [--largest N]

A case is a seed; what breaks a promise is printed with it, and ``--seed S --count 1`` runs it
again. The truth is LAPACK's in float64 up to ``LAPACK_UP_TO``; beyond, it is known by construction.
Its own uncertainty is allowed for, and told.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from typing import NamedTuple

import numpy as np
from scipy.fft import dct

from lora_bokeh.engine.spectrum import Spectrum, spectrum

LAPACK_UP_TO = 450  # order up to which LAPACK is quick
EPS = float(np.finfo(float).eps)


class Case(NamedTuple):
    """A matrix, its singular values, how far they may be off, and how it is to be taken apart."""

    name: str
    matrix: np.ndarray
    exact: np.ndarray
    doubt: float
    rank: int
    options: dict


class Verdict(NamedTuple):
    """Worst error in units of what is allowed; the widest bound, relative to σ₁; what is broken."""

    ratio: float
    width: float
    broken: list[str]


def levels(rng, n, narrow):
    """A few clusters of many values each, and something small below them."""
    count = int(rng.integers(1, 7))
    at = 10 ** -np.sort(rng.uniform(0, rng.choice([0.3, 2, 5]), count))
    sizes = rng.integers(1, max(3, min(80, n // count)), count)
    widths = 10 ** rng.uniform(*narrow, count)
    shape = rng.uniform(0.2, 6, count)
    parts = [
        a * (1 + w * rng.random(s) ** p)
        for a, w, s, p in zip(at, widths, sizes, shape, strict=True)
    ]
    rest = at[-1] * rng.choice([0.9, 0.1, 1e-3, 0]) * np.ones(n)
    if rng.random() < 0.5:
        rest *= rng.random(n)
    return np.concatenate([*parts, rest])[:n]


def clusters(rng, n):
    return levels(rng, n, (-14, -1))


def tight(rng, n):
    return levels(rng, n, (-9, -3))


def copies(rng, n):
    return np.sort(rng.choice(rng.uniform(0.1, 1, int(rng.integers(1, 6))), n))[::-1]


def graded(rng, n):
    return 10 ** -np.linspace(0, rng.uniform(0.1, 18), n)


def flat(rng, n):
    v = np.ones(n) + 10 ** rng.uniform(-16, -1) * rng.random(n)
    v[-int(rng.integers(1, max(2, n // 3))) :] *= rng.choice([1, 0.5, 1e-8, 1e-15, 0])
    return v


def hiding(rng, n):
    """A crowd with a few values a little above it."""
    v = np.ones(n)
    v[int(rng.integers(min(12, n), n + 1)) :] = rng.uniform(0, 0.95)
    few = int(rng.integers(1, min(11, n)))
    v[:few] += 10 ** rng.uniform(-15, -1) * rng.random(few)
    return v


def nested(rng, n):
    """Clusters of clusters."""
    digits = 10.0 ** -np.cumsum(rng.uniform(0.3, 3.5, 5))
    return 1 + (rng.integers(0, int(rng.integers(2, 5)), (n, 5)) * digits).sum(axis=1)


def steps_down(rng, n):
    return np.repeat(rng.uniform(0.3, 1) ** np.arange(n), int(rng.integers(1, 12)))[:n]


def power_law(rng, n):
    return np.arange(1, n + 1) ** -rng.uniform(0.05, 3)


def low_rank(rng, n):
    v = np.zeros(n)
    r = int(rng.integers(1, max(2, n // 2)))
    v[:r] = rng.choice([copies, graded, power_law])(rng, r)
    return v + 10 ** rng.uniform(-18, -4) * rng.random(n) * rng.integers(2)


SPECTRA = [clusters, tight, tight, copies, graded, flat, hiding, nested, steps_down, power_law,
           low_rank]  # fmt: skip


def coupled(rng, n):
    """Diagonal of few values, with tiny couplings beside it."""
    low = -rng.uniform(1, 16)
    high = rng.uniform(low, -1)
    diagonal = rng.choice(rng.uniform(0.5, 2, int(rng.integers(1, 4))), n)
    return np.diag(diagonal) + np.diag(10 ** rng.uniform(low, high, n - 1), 1)


def circulant(rng, n):
    row = rng.standard_normal(n) + rng.choice([0, 1])
    return row[(np.arange(n)[:, None] - np.arange(n)) % n]


def positive(rng, n):
    return rng.random((n, n)) ** rng.integers(0, 9) * rng.choice([1, 0.1])


STRUCTURED = [coupled, coupled, circulant, positive]


def rotated(a, rng):
    """Multiply by a random orthogonal matrix from the left: signs, cosines, twice."""
    for _ in range(2):
        a = dct(a * rng.choice([-1.0, 1.0], (len(a), 1)), axis=0, norm="ortho")
        a = a[rng.permutation(len(a))]
    return a


def order(rng, largest):
    """Mostly small, some large."""
    low, high = [(40, 120), (40, 300), (300, 450), (450, largest)][
        rng.choice(4, p=[0.55, 0.35, 0.06, 0.04])
    ]
    return int(rng.integers(low, max(low + 1, min(high, largest))))


def a_case(seed, largest):
    rng = np.random.default_rng(seed)
    n, dtype = order(rng, largest), rng.choice(["f4", "f8"])
    auto = n > 1024 or rng.random() < 0.05
    if rng.random() < 0.25 and n <= LAPACK_UP_TO:
        make = STRUCTURED[rng.integers(len(STRUCTURED))]
        w, values, m = make(rng, n), None, n
    else:
        make = SPECTRA[rng.integers(len(SPECTRA))]
        values = np.sort(make(rng, n))[::-1] * 10.0 ** rng.integers(-3, 4)
        m = n + int(rng.integers(0, n // 2) * rng.integers(2))
        w = np.zeros((m, n))
        w[np.arange(n), np.arange(n)] = values
        w = rotated(rotated(w, rng).T, rng)
        w = w.T if rng.random() < 0.5 else w
    stored = np.ascontiguousarray(w).astype(dtype)
    exact, doubt = truth(stored, w, values)
    most = n if rng.random() < 0.1 and n < 200 else min(n, 64)
    options = {"method": "auto" if auto else "power", "seed": int(rng.integers(3))}
    if rng.random() < 0.3:
        options["tol"] = float(10 ** rng.uniform(-18 if rng.random() < 0.2 else -9, -1))
    name = f"{make.__name__} {w.shape[0]}×{w.shape[1]} {dtype}"
    return Case(name, stored, exact, doubt, int(rng.integers(1, most + 1)), options)


def truth(stored, w, values):
    """Return the singular values and their uncertainty."""
    if min(stored.shape) <= LAPACK_UP_TO or values is None:
        exact = np.linalg.svd(stored.astype(float), compute_uv=False)
        return exact, 4 * max(stored.shape) ** 0.5 * EPS * exact[0]
    spread = sum(n**0.5 for n in w.shape)  # the norm of a random matrix of unit entries
    entry = np.linalg.norm(values) / w.size**0.5
    rounded = np.linalg.norm(stored.astype(float) - w) / w.size**0.5
    return values, spread * (1.3 * rounded + 4 * EPS * entry) + 4 * EPS * values[0]


def judge(case: Case) -> tuple[Verdict, Spectrum]:
    """Hold a spectrum to its promises."""
    s = spectrum(case.matrix, case.rank, **case.options)
    exact, doubt, k = case.exact, case.doubt, len(s.s)
    off = np.abs(s.s - exact[:k])
    ratio = np.max(np.maximum(off - doubt, 0) / np.maximum(s.error_bound, 1e-300))
    broken = (
        []
        if ratio <= 1
        else [f"σ_{int(np.argmax(off - s.error_bound)) + 1} off by {ratio:.2g} bounds"]
    )
    tail = np.append(np.sqrt(np.cumsum(exact[::-1] ** 2))[::-1], 0.0)
    total = tail[0] or 1.0
    ranks = np.arange(len(exact) + 1)
    whole = doubt * len(exact) ** 0.5
    bands = {
        "residual": (s.residual_bounds(ranks), tail, whole),
        "spectral": (s.spectral_bounds(ranks), np.append(exact, 0.0), doubt),
        "energy": (
            s.captured_energy_bounds(ranks),
            1 - (tail / total) ** 2,
            4 * whole / total + 9e-16,
        ),
    }
    for name, ((low, high), true, allowed) in bands.items():
        below, above = np.max(low - true) - allowed, np.max(true - high) - allowed
        if max(below, above) > 0:
            where = int(np.argmax(np.maximum(low - true, true - high)))
            broken.append(f"{name} band of rank {where} off by {max(below, above) / total:.2g}")
    if s.converged and "tol" in case.options:
        allowed = case.options["tol"] * s.s + 20 * s.error_bound.min() * (s.s < s.s[0])
        if np.any(s.error_bound[:1] > allowed[:1] * (1 + 1e-9)):
            broken.append("converged beyond tol")
    width = float(np.max(s.error_bound) / exact[0]) if exact[0] else 0.0
    return Verdict(float(ratio), width, broken), s


def main() -> None:
    """Run the cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first case")
    parser.add_argument("--largest", type=int, default=2500, help="order of the largest matrix")
    chosen = parser.parse_args()
    found, worst, widths, methods = [], 0.0, {"f4": [], "f8": []}, Counter()
    began = time.perf_counter()
    for seed in range(chosen.seed, chosen.seed + chosen.count):
        case = a_case(seed, chosen.largest)
        verdict, s = judge(case)
        methods[s.method, s.converged] += 1
        if s.method == "power" and "tol" not in case.options:
            widths[case.name[-2:]].append(verdict.width)
        worst = max(worst, verdict.ratio)
        if verdict.broken:
            found.append(seed)
            told = "; ".join(verdict.broken)
            print(f"seed {seed}: {case.name}, rank {case.rank}, {case.options}, "
                  f"converged {s.converged}: {told}", flush=True)  # fmt: skip
    print(f"{chosen.count} cases from seed {chosen.seed} in {time.perf_counter() - began:.0f} s, "
          f"{len(found)} broken; worst error {worst:.2g} of its bound; "
          f"{dict(methods)}")  # fmt: skip
    for dtype, each in widths.items():
        if each:
            at = ", ".join(f"{np.quantile(each, q):.1e}" for q in (0.5, 0.9, 0.99, 1))
            print(f"{dtype}: widest bound of a case, over σ₁: median, 90 %, 99 %, all: {at}")


if __name__ == "__main__":
    main()
