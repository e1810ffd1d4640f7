"""train: B and A found by gradient descent, beside the best that any B and A can do.

The loss is the mean square of what is left, L(B, A) = ‖W − s·BA‖_F²/(mn). No factors of rank r get
below Σ_{j>r} σ_j²/(mn) (Eckart and Young 1936): the floor of the rank, whatever the optimizer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.matrix import check_matrix, check_rank
from lora_bokeh.engine.options import check_options
from lora_bokeh.engine.spectrum import Spectrum
from lora_bokeh.lora import scale
from lora_bokeh.training.descent import Descent
from lora_bokeh.training.floor import floor_of, target_spectrum, usual_rate

OPTIMIZERS = ("adam", "sgd")
INITS = ("lora", "zeros", "random")
MOST_STEPS = 10**7
AT_A_TIME = 1 << 27  # multiplications between two looks at the keyboard: about 0.1 s


class GradientNorms(NamedTuple):
    """‖∂L/∂B‖_F and ‖∂L/∂A‖_F at step one."""

    B: float
    A: float


@dataclass(frozen=True, eq=False)
class Training:
    """What a descent has come to.

    Attributes
    ----------
    loss : ndarray of shape (steps + 1,)
        ‖W − s·BA‖_F²/(mn) before the first step and after each; nan from ``diverged`` on.
    floor : float
        Σ_{j>r} σ_j²/(mn), each σ_j lowered by the bound on its error: no loss is below it, but for
        the rounding of the loss itself, a few eps·‖W‖_F/√(mn) in its square root.
    B, A : ndarray of shape (m, r), (r, n)
        The factors after the last step, float64.
    scale : float
        s.
    learning_rate : float
        As given, or the default that was taken.
    gradient_norms : GradientNorms
        Sizes of the gradients at step one. With B = 0 that of A is zero; with A = 0 too, both.
    diverged : int or None
        The step whose loss was no number, or a million times the first; None if all went well.
    """

    loss: np.ndarray
    floor: float
    B: np.ndarray
    A: np.ndarray
    scale: float
    learning_rate: float
    gradient_norms: GradientNorms
    diverged: int | None

    @property
    def stuck(self) -> bool:
        """Whether both gradients are zero at step one, so that nothing will ever move."""
        return self.gradient_norms == (0.0, 0.0)

    @property
    def adapter(self) -> LowRank:
        """s·B·A as a matrix that :func:`lora_bokeh.engine.spectrum.spectrum` and the views take.

        Raises
        ------
        ValueError
            The training diverged.
        """
        if self.diverged is not None:
            raise ValueError(
                f"the training diverged at step {self.diverged}: there is no adapter; "
                "take a lower learning rate"
            )
        return LowRank(self.B, self.A, self.scale)

    def improvement(self) -> np.ndarray:
        """Share of the first loss that is gone after each step, (steps + 1,); at most 1."""
        first = self.loss[0]
        return 1 - self.loss / first if first > 0 else np.zeros_like(self.loss)

    def above_floor(self) -> np.ndarray:
        """Loss − floor after each step, (steps + 1,); 0 where rounding alone takes it below."""
        return np.maximum(self.loss - self.floor, 0.0)


class _Past(NamedTuple):
    """What has been done: the losses, a divergence, and where the descent then stood."""

    loss: tuple[np.ndarray, ...]
    diverged: int | None
    where: tuple[np.ndarray, int]


class TrainingRun:
    """A descent that can be continued, after Ctrl-C too.

    Parameters
    ----------
    target, rank, lora_alpha, use_rslora, optimizer, learning_rate, seed, init
        As for :func:`train`.
    known : Spectrum, optional
        Of the target, with at least ``rank`` values. Default: it is computed.

    Raises
    ------
    TypeError, ValueError
        As :func:`train` does.

    Examples
    --------
    >>> run = TrainingRun([[2.0, 0.0], [0.0, 1.0]], rank=1)
    >>> run.advance(100)
    >>> len(run.training.loss)
    101
    """

    def __init__(  # noqa: PLR0913 - all but two are by keyword
        self,
        target: Any,
        rank: int,
        *,
        lora_alpha: float | None = None,
        use_rslora: bool = False,
        optimizer: str = "adam",
        learning_rate: float | None = None,
        seed: int = 0,
        init: str = "lora",
        known: Spectrum | None = None,
    ) -> None:
        W = target if isinstance(target, LowRank) else check_matrix(target)
        rank = check_rank(rank, min(W.shape))
        check_options("auto", seed, None, None)
        _check_one_of("optimizer", optimizer, OPTIMIZERS)
        _check_one_of("init", init, INITS)
        s = scale_of(rank, lora_alpha, use_rslora)
        known = target_spectrum(W, rank) if known is None else known
        start = first_factors(W.shape, rank, init, seed)
        usual = learning_rate is None
        rate = usual_rate(optimizer, known, s, start) if usual else learning_rate
        self.chunk = max(1, AT_A_TIME // (6 * W.shape[0] * W.shape[1] * rank))
        self._floor = floor_of(known, rank)
        self._scale, self._rate = s, _number("learning_rate", rate)
        self._descent = Descent(W, start, s, self._rate, optimizer == "adam")
        d = self._descent
        self._norms = GradientNorms(float(np.linalg.norm(d.G_B)), float(np.linalg.norm(d.G_A)))
        self._past = _Past((np.array([d.first]),), None, d.where())

    @property
    def steps(self) -> int:
        """How many steps are behind it; past a divergence they are counted only."""
        return sum(map(len, self._past.loss)) - 1

    @property
    def training(self) -> Training:
        """What it has come to."""
        d, past = self._descent, self._past
        d.go_back(past.where)
        return Training(
            loss=np.concatenate(past.loss),
            floor=self._floor,
            B=d.B.copy(),
            A=d.A.copy(),
            scale=self._scale,
            learning_rate=self._rate,
            gradient_norms=self._norms,
            diverged=past.diverged,
        )

    def advance(self, steps: int) -> None:
        """Take as many more steps."""
        while steps > 0:
            count = min(steps, self.chunk)
            self._descent.go_back(self._past.where)  # from where an interrupt may have left it
            loss, diverged = self._losses(count)
            past = (*self._past.loss, loss), diverged, self._descent.where()
            self._past = _Past(*past)  # all of it at once
            steps -= count

    def _losses(self, count: int) -> tuple[np.ndarray, int | None]:
        """Return the losses of the next steps, and the step of a divergence up to there."""
        diverged = self._past.diverged
        if not any(self._norms):
            return np.full(count, self._descent.first), None  # nothing moves
        loss = np.full(count, np.nan)
        if diverged is None:
            taken, well = self._descent.advance(count)
            if not well:
                diverged = self.steps + len(taken)
                taken[-1] = np.nan
            loss[: len(taken)] = taken
        return loss, diverged


def train(  # noqa: PLR0913 - all but two are by keyword
    target: Any,
    rank: int,
    *,
    lora_alpha: float | None = None,
    use_rslora: bool = False,
    optimizer: str = "adam",
    learning_rate: float | None = None,
    steps: int = 1000,
    seed: int = 0,
    init: str = "lora",
) -> Training:
    """Fit s·B·A to a matrix by gradient descent on ‖W − s·BA‖_F²/(mn).

    Parameters
    ----------
    target : array_like of shape (m, n) or LowRank
        The matrix W, in any real dtype; a LowRank is multiplied out a panel of rows at a time.
    rank : int
        Rank r of B (m, r) and A (r, n), in [1, min(m, n)].
    lora_alpha : float, optional
        The scale is s = lora_alpha/r, or lora_alpha/√r with ``use_rslora``. Default: s = 1.
    use_rslora : bool, default False
        See :func:`lora_bokeh.lora.scale`.
    optimizer : {"adam", "sgd"}, default "adam"
        Adam (Kingma and Ba 2015) with their defaults, or plain gradient descent, always on the
        whole of the loss.
    learning_rate : float, optional
        Default: 0.01 for Adam. For plain descent mn/(2s·(2σ₁ + s‖B₀‖₂² + s‖A₀‖₂²)) with σ₁ of W
        and the factors B₀, A₀ of the start: see :func:`lora_bokeh.training.floor.usual_rate`.
    steps : int, default 1000
        How many steps to take.
    seed : int, default 0
        Seed of the random start.
    init : {"lora", "zeros", "random"}, default "lora"
        "lora" as in the reference implementation: B = 0, A uniform in ±1/√n (Kaiming-uniform with
        a = √5). "zeros": both zero, where both gradients are too. "random": B as well, in ±1/√r.

    Returns
    -------
    Training
        The loss after each step, the floor, the factors.

    Raises
    ------
    TypeError, ValueError
        The matrix (see :func:`lora_bokeh.engine.matrix.check_matrix`) or a number is refused.

    Examples
    --------
    >>> training = train([[2.0, 0.0], [0.0, 1.0]], rank=1)
    >>> [round(float(loss), 6) for loss in (training.loss[0], training.loss[-1], training.floor)]
    [1.25, 0.25, 0.25]
    """
    steps = check_rank(steps, MOST_STEPS, "steps", 0)
    run = TrainingRun(
        target,
        rank,
        lora_alpha=lora_alpha,
        use_rslora=use_rslora,
        optimizer=optimizer,
        learning_rate=learning_rate,
        seed=seed,
        init=init,
    )
    run.advance(steps)
    return run.training


def first_factors(
    shape: tuple[int, int], rank: int, init: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return B (m, rank) and A (rank, n) before the first step: see :func:`train`."""
    m, n = shape
    rng = np.random.default_rng(seed)
    A = rng.uniform(-1, 1, (rank, n)) / np.sqrt(n)
    B = rng.uniform(-1, 1, (m, rank)) / np.sqrt(rank)
    return B * (init == "random"), A * (init != "zeros")


def scale_of(rank: int, lora_alpha: float | None, use_rslora: bool) -> float:
    """Return s of s·B·A: 1 where no lora_alpha is given."""
    return 1.0 if lora_alpha is None else scale(_number("lora_alpha", lora_alpha), rank, use_rslora)


def _number(name: str, value: Any) -> float:
    """Return a positive finite number, or raise ValueError."""
    number = float(value)
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be a positive number, got {value}")
    return number


def _check_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
