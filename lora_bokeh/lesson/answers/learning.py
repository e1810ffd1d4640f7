"""The acts about computing with B and A: gradients, training against the floor, merging."""

from __future__ import annotations

from functools import cache

import numpy as np

from lora_bokeh import lora
from lora_bokeh.engine.spectrum import spectrum
from lora_bokeh.lesson.answers.facts import Facts, act, count, digits
from lora_bokeh.targets import noise
from lora_bokeh.training.train import Training, train

RANK = 2
RATES = (0.003, 0.01, 0.03, 0.1)
STEPS = 3000


@cache
def target() -> np.ndarray:
    """Return the random 8 × 8 that B·A is trained towards, as the training view has it."""
    return noise((8, 8), seed=0)


@act("init")
def init() -> Facts:
    """Find which gradient is zero at step one from B = 0."""
    norms = train(target(), RANK, steps=0).gradient_norms
    zero = {"A": norms.A == 0, "B": norms.B == 0}
    both = {(True, True): "both", (False, False): "neither"}
    answer = both.get((zero["A"], zero["B"]), "A" if zero["A"] else "B")
    return Facts(answer, words={"norm_A": digits(norms.A), "norm_B": digits(norms.B)})


@act("stuck")
def stuck() -> Facts:
    """Find what becomes of the loss from A = 0 and B = 0."""
    steps = 1000
    zeros, usual = (train(target(), RANK, steps=steps, init=how) for how in ("zeros", "lora"))
    first, last = zeros.loss[0], zeros.loss[-1]
    moved = "same" if last <= usual.loss[-1] else "slow"
    return Facts(
        "stuck" if last == first else "worse" if last > first else moved,
        words={
            "steps": count(steps),
            "norm_A": digits(zeros.gradient_norms.A),
            "norm_B": digits(zeros.gradient_norms.B),
            "loss_first": f"{first:.4f}",
            "loss_last": f"{last:.4f}",
        },
    )


@cache
def _runs() -> list[Training]:
    """Train with several learning rates and from two random starts."""
    ways = [(rate, seed) for rate in RATES for seed in (0, 1)]
    return [train(target(), RANK, learning_rate=r, seed=seed, steps=STEPS) for r, seed in ways]


@act("floor")
def floor() -> Facts:
    """Find how low the loss gets at best."""
    what = spectrum(target())
    floors = what.frobenius_residual(np.arange(what.s.size + 1)) ** 2 / target().size
    best = float(min(np.nanmin(run.loss) for run in _runs()))
    apart = best / floors[RANK] - 1
    below, near = apart < -1e-9, apart < 1e-3
    return Facts(
        "below" if below else "floor" if near else "above",
        words={
            "n": str(len(target())),
            "rank": str(RANK),
            "floor": f"{floors[RANK]:.4f}",
            "best": f"{best:.4f}",
            "runs": str(len(_runs())),
            "digits": str(min(int(-np.log10(max(abs(apart), 1e-12))), 12)),
            "floors": ", ".join(f"{floors[r]:.4f} at r = {r}" for r in (RANK, RANK + 1, 4)),
        },
    )


@act("merge")
def merge() -> Facts:
    """Find how far the merged layer is from the unmerged one."""
    size, rank = 512, 8
    difference = {dtype: _difference(size, rank, dtype) for dtype in (np.float32, np.float64)}
    single = difference[np.float32]
    return Facts(
        "zero" if single == 0 else "rounding" if single < 1e-4 else "percent",
        words={
            "size": str(size),
            "rank": str(rank),
            "difference": digits(single, 2),
            "difference_64": digits(difference[np.float64], 2),
            "extra": count(lora.parameter_count(size, size, rank)),
        },
    )


def _difference(size: int, rank: int, dtype: type) -> float:
    """Return max |h_merged − h_unmerged|/max |h| at scale 2 in a precision."""
    rng = np.random.default_rng(0)
    shapes = ((size, size), (size, rank), (rank, size), (size,))
    drawn: list[np.ndarray] = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    W, B, A, x = drawn
    s = dtype(2)
    unmerged = W @ x + s * (B @ (A @ x))
    merged = (W + s * (B @ A)) @ x
    return float(np.abs(merged - unmerged).max() / np.abs(unmerged).max())
