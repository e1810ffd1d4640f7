"""What ``train`` does and prints: the steps of a descent as a table, as JSON, as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from lora_bokeh.cli.output import as_csv, as_json, rendered, table_of
from lora_bokeh.cli.progress import advanced
from lora_bokeh.engine.matrix import check_rank
from lora_bokeh.loading.open import open_tensor
from lora_bokeh.targets import noise
from lora_bokeh.training.milestones import milestones
from lora_bokeh.training.train import MOST_STEPS, Training, TrainingRun

EXAMPLE = "random normal"


def trained(source: str | None, tensor: str | None, steps: int, **options: Any) -> Trained:
    """Train B and A towards a matrix of a file, or towards the example."""
    steps = check_rank(steps, MOST_STEPS, "steps", 0)
    if source is None:
        if tensor is not None:
            raise ValueError("--tensor needs a SOURCE to be in")
        target: Any = noise((8, 8), seed=0)
    else:
        entry = open_tensor(source, tensor)
        target, tensor = entry.read(), entry.name
    run = TrainingRun(target, **options)
    name = " · ".join(filter(None, [source or EXAMPLE, tensor]))
    advanced(name, run, steps)
    return Trained(name, source, tensor, target.shape, str(target.dtype), options, run.training)


class Row(NamedTuple):
    """One step; None where there is no number."""

    step: int
    loss: float | None
    improvement: float | None
    above_floor: float | None

    def cells(self) -> tuple[str, str, str, str]:
        """Return it as a person reads it."""
        if self.loss is None or self.improvement is None or self.above_floor is None:
            return str(self.step), "diverged", "–", "–"
        improvement = f"{100 * self.improvement:.2f} %"
        return str(self.step), f"{self.loss:.7g}", improvement, f"{self.above_floor:.3g}"


class Trained(NamedTuple):
    """A training, and what it was asked for."""

    name: str
    source: str | None
    tensor: str | None
    shape: tuple[int, int]
    dtype: str
    options: dict[str, Any]
    training: Training

    def rows(self) -> Iterator[Row]:
        """Yield one row for each step."""
        t = self.training
        columns = (t.loss, t.improvement(), t.above_floor())
        for step, numbers in enumerate(zip(*columns, strict=True)):
            yield Row(step, *(None if np.isnan(x) else float(x) for x in numbers))

    def as_csv(self) -> str:
        """Return a header and one line for each step, floats in full precision."""
        return as_csv([Row._fields, *self.rows()])

    def as_json(self) -> str:
        """Return one JSON object, floats in full precision."""
        t = self.training
        facts = {
            "source": self.source,
            "tensor": self.tensor,
            "shape": list(self.shape),
            "dtype": self.dtype,
            **self.options,
            "learning_rate": t.learning_rate,
            "scale": t.scale,
            "floor": t.floor,
            "gradient_norms": t.gradient_norms._asdict(),
            "diverged": t.diverged,
        }
        return as_json({**facts, "steps": [row._asdict() for row in self.rows()]})

    def as_table(self) -> str:
        """Return what was done, the floor, each tenth of the steps, and what there is to say."""
        table = table_of("step", "loss", "improvement", "above the floor")
        rows, end = list(self.rows()), self.training.diverged
        told = milestones(len(rows) - 1)
        for step in told if end is None else [*told[told < end], end]:
            table.add_row(*rows[step].cells())
        return rendered(*self._head(), table, *self._notes())

    def _head(self) -> Iterator[str]:
        (m, n), t, rank = self.shape, self.training, self.options["rank"]
        yield (
            f"{self.name}: {m} × {n} {self.dtype}, rank {rank}, "
            f"{self.options['optimizer']} at learning rate {t.learning_rate:.4g}"
        )
        yield (
            f"loss ‖W − s·BA‖²/mn with s = {t.scale:.4g}; floor of rank {rank} "
            f"(Eckart–Young): {t.floor:.7g}"
        )

    def _notes(self) -> Iterator[str]:
        t = self.training
        yield f"at step one ‖∂L/∂B‖ = {t.gradient_norms.B:.4g}, ‖∂L/∂A‖ = {t.gradient_norms.A:.4g}"
        if t.stuck and t.loss[0] > 0:
            yield "stuck: with B = 0 and A = 0 both gradients are zero, and nothing moves"
        if t.diverged is not None:
            yield f"diverged at step {t.diverged}: the learning rate is too high"
