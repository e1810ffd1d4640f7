"""What became of the matrices that an adapter was made of."""

from __future__ import annotations

import math
from typing import NamedTuple

from lora_bokeh.adapters.writing import NewAdapter
from lora_bokeh.compress.decompose import Cut
from lora_bokeh.formats.source import Source
from lora_bokeh.ranks.choice import Chosen


class How(NamedTuple):
    """In what form an adapter is written.

    Attributes
    ----------
    form : {"peft", "kohya"}
        The format.
    dtype : str
        Of its factors: one of :data:`lora_bokeh.adapters.forms.DTYPES`.
    """

    form: str
    dtype: str


class Before(NamedTuple):
    """What was read: the source, its bytes, and what is to be said of it."""

    source: Source
    nbytes: int
    notes: tuple[str, ...]


class Result(NamedTuple):
    """An adapter ready to be written, and what became of each matrix.

    Attributes
    ----------
    before : Before
        What was read.
    adapter : NewAdapter
        Its factors wait in the spool; without one it can be measured but not written.
    how : How
        Its format and dtype.
    cuts : tuple of Cut
        One for each matrix, in the order of the source.
    chosen : Chosen
        The ranks, and a bound where they were chosen within a budget.
    nbytes : int
        Of the tensor file, headers and all.
    """

    before: Before
    adapter: NewAdapter
    how: How
    cuts: tuple[Cut, ...]
    chosen: Chosen
    nbytes: int

    @property
    def frobenius_norm(self) -> float:
        """√Σ‖ΔW‖_F² over all matrices."""
        return math.hypot(*(c.frobenius_norm for c in self.cuts))

    @property
    def residual(self) -> float:
        """√Σ‖ΔW − ΔW_r‖_F² over all matrices."""
        return math.hypot(*(c.residual for c in self.cuts))

    @property
    def captured_energy(self) -> float:
        """1 − residual²/norm² over all matrices; 1 if all are zero."""
        norm = self.frobenius_norm
        return 1 - (self.residual / norm) ** 2 if norm > 0 else 1.0

    @property
    def rounding_error(self) -> float | None:
        """√Σ of the squared rounding errors; None where no factors were made."""
        errors = [c.rounding_error for c in self.cuts if c.rounding_error is not None]
        return math.hypot(*errors) if errors else None

    @property
    def parameters(self) -> tuple[int | None, int]:
        """Entries of the factors before (None for dense matrices) and after."""
        before = [c.rank_before and c.rank_before * sum(c.shape) for c in self.cuts]
        after = sum(c.rank * sum(c.shape) for c in self.cuts)
        return None if None in before else sum(filter(None, before)), after
