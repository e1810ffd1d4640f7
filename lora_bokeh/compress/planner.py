"""Tell what a choice of ranks would come to, before anything is computed again or written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from lora_bokeh.adapters.new_pair import NewPair
from lora_bokeh.adapters.writing import NewAdapter
from lora_bokeh.compress.assemble import chosen_of, with_ranks
from lora_bokeh.compress.decompose import Decomposed, decomposed, largest_rank
from lora_bokeh.compress.result import How
from lora_bokeh.engine.spectrum import Spectrum
from lora_bokeh.formats.source import Entry
from lora_bokeh.ranks.choice import Choice


class Work(Protocol):
    """What of the making of an adapter does not depend on the ranks."""

    @property
    def entries(self) -> Sequence[Entry]:
        """What is cut."""

    @property
    def how(self) -> How:
        """How the adapter is written."""

    @property
    def nbytes(self) -> int:
        """Bytes of what is there before."""

    def check(self, choice: Choice) -> None:
        """Refuse a choice that does not fit."""

    def bounded(self, matrices: Sequence[Decomposed]) -> list[Decomposed]:
        """Keep within any budget what has to stay."""

    def adapter(self, pairs: list[NewPair]) -> NewAdapter:
        """Return the adapter of the pairs that stay."""


class Plan(NamedTuple):
    """What a choice comes to: the rank of each matrix, and the bytes of the file."""

    ranks: tuple[int, ...]
    nbytes: int


class Planner:
    """Tell what a choice of ranks comes to, of matrices whose spectra are known.

    Parameters
    ----------
    work : Work
        A :class:`lora_bokeh.compress.resize.Resizing` or a
        :class:`lora_bokeh.compress.extract.Extracting`.
    spectra : sequence of Spectrum
        Of each of its matrices.

    Attributes
    ----------
    most : int
        The largest rank that all who have as many can be given.
    short : bool
        Whether more ranks could be given than are known.
    """

    def __init__(self, work: Work, spectra: Sequence[Spectrum]) -> None:
        self._work, self._spectra = work, spectra
        limits = [largest_rank(entry, Choice()) for entry in work.entries]
        known = zip(spectra, limits, strict=True)
        lacking = [len(s.s) for s, limit in known if len(s.s) < limit and not s.exact_tail]
        self.short = bool(lacking)
        self.most = min(lacking, default=max(limits))

    def plan(self, choice: Choice) -> Plan:
        """Return the ranks and the bytes.

        Raises
        ------
        ValueError
            The choice does not fit.
        """
        work = self._work
        work.check(choice)
        known = zip(work.entries, self._spectra, strict=True)
        matrices = work.bounded([decomposed(entry, s, choice) for entry, s in known])
        chosen = chosen_of(matrices, choice, work.how, work.adapter)
        adapter = with_ranks(matrices, chosen.ranks, work.adapter)
        return Plan(chosen.ranks, adapter.nbytes(*work.how))
