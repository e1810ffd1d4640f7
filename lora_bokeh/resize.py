"""Give each pair of an adapter the rank it needs, and say what that costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lora_bokeh.beside import carried_over, with_company
from lora_bokeh.cutting import Cut, Decomposed, cut, decompose, new_pair
from lora_bokeh.formats.new_pair import NewPair
from lora_bokeh.formats.source import Entry, Source
from lora_bokeh.formats.stored import SourceError
from lora_bokeh.formats.text import listing
from lora_bokeh.formats.write_peft import check_plain
from lora_bokeh.formats.write_safetensors import NewTensor, np_dtype
from lora_bokeh.forms import DTYPES
from lora_bokeh.ranks import Choice, Chosen, choose_ranks
from lora_bokeh.spool import Spool
from lora_bokeh.writers import NewAdapter

Make = Callable[[list[NewPair]], NewAdapter]
Progress = Callable[[str, int, int], None]  # name of a matrix that is done, how many, of how many


def silence(_name: str, _done: int, _total: int) -> None:
    """Report to nobody."""


class How(NamedTuple):
    """In what form an adapter is written.

    Attributes
    ----------
    form : {"peft", "kohya"}
        The format.
    dtype : str
        Of its factors: one of :data:`lora_bokeh.forms.DTYPES`.
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


def resize(  # noqa: PLR0913 - all but two are by keyword
    source: Source,
    choice: Choice,
    *,
    form: str | None = None,
    dtype: str | None = None,
    spool: Spool | None = None,
    progress: Progress = silence,
) -> Result:
    """Choose the rank of each pair of an adapter and cut it.

    Parameters
    ----------
    source : Source
        An adapter; see :func:`lora_bokeh.loaders.open_source`.
    choice : Choice
        How ranks are chosen. A pair keeps at least rank 1, except within a budget or by name; one
        with DoRA magnitudes or a bias of its own always.
    form : {"peft", "kohya"}, optional
        Default: kohya for kohya's files, else peft.
    dtype : str, optional
        One of :data:`lora_bokeh.forms.DTYPES`. Default: that of the factors; float32 if they have
        several, or one that no adapter is made of (float8).
    spool : Spool, optional
        Needed to write the adapter.
    progress : callable, optional
        Called when a matrix is done, with its name, how many are, and of how many.

    Raises
    ------
    SourceError, ValueError
        Not an adapter, or one whose ΔW is more than its pairs; the choice does not fit it.
    """
    work = Resizing.of(source, form, dtype)
    work.check(choice)
    matrices = decompose_all(source.entries, choice, spool, progress)
    return assemble(work.before, work.bounded(matrices), choice, work.how, work.adapter)


class Resizing(NamedTuple):
    """What of a resize does not depend on the ranks; a :class:`lora_bokeh.planner.Work`."""

    before: Before
    how: How
    tied: set[str]
    others: list[NewTensor]

    @classmethod
    def of(cls, source: Source, form: str | None = None, dtype: str | None = None) -> Resizing:
        """Look at an adapter; errors as of :func:`resize`."""
        if not source.is_adapter:
            raise SourceError(
                source.path,
                "there are no LoRA pairs in it to resize; extract makes them from two models",
            )
        if source.format == "peft":
            check_plain(source.config)
        how = How(form or usual_form(source), dtype or usual_dtype(source.entries))
        others, left_out = carried_over(source, how.form)
        before = Before(source, source.path.stat().st_size, (*source.notes, *left_out))
        return cls(before, how, with_company(source), others)

    @property
    def entries(self) -> Sequence[Entry]:
        """Its pairs."""
        return self.before.source.entries

    @property
    def nbytes(self) -> int:
        """Bytes of the file as it is."""
        return self.before.nbytes

    def check(self, choice: Choice) -> None:
        """Refuse to leave out a pair of which more is stored."""
        for name in sorted(self.tied):
            if choice.named(name) == 0:
                raise ValueError(
                    f"{name!r} has DoRA magnitudes or a bias beside its pair and cannot be left "
                    "out; its least rank is 1"
                )

    def bounded(self, matrices: Sequence[Decomposed]) -> list[Decomposed]:
        """Keep within any budget the pairs of which more is stored."""
        return [_kept(m) if m.entry.name in self.tied else m for m in matrices]

    def adapter(self, pairs: list[NewPair]) -> NewAdapter:
        """Return the adapter of the pairs that stay."""
        return _adapter(self.before.source, self.others, pairs)


def usual_form(source: Source) -> str:
    """Return the format in which an adapter is written unless another is asked for."""
    return "kohya" if source.format == "kohya" else "peft"


def usual_dtype(entries: Sequence[Entry]) -> str:
    """Return the dtype of all entries (of a difference: of the tuned tensors), else float32."""
    dtypes = {entry.dtype.split(",")[0] for entry in entries}
    dtype = dtypes.pop() if len(dtypes) == 1 else "float32"
    return dtype if dtype in DTYPES else "float32"


def decompose_all(
    entries: Sequence[Entry], choice: Choice, spool: Spool | None, progress: Progress
) -> list[Decomposed]:
    """Decompose the matrices one by one; see :func:`lora_bokeh.cutting.decompose`."""
    choice.check_names([str(entry.name) for entry in entries])
    matrices = []
    for entry in entries:
        matrices.append(decompose(entry, choice, spool))
        progress(str(entry.name), len(matrices), len(entries))
    return matrices


def _kept(matrix: Decomposed) -> Decomposed:
    """Keep a pair within any budget."""
    return matrix._replace(ranked=matrix.ranked._replace(least=1))


def assemble(
    before: Before,
    matrices: Sequence[Decomposed],
    choice: Choice,
    how: How,
    make: Make,
) -> Result:
    """Choose the ranks and make the adapter of them.

    Parameters
    ----------
    before : Before
        For the report.
    matrices : sequence of Decomposed
        All of them.
    choice, how
        As in :func:`resize`.
    make : callable
        From the pairs that stay to the adapter.

    Raises
    ------
    ValueError
        No pair stays.
    """
    size = np_dtype(how.dtype).itemsize
    chosen = chosen_of(matrices, choice, how, make)
    adapter = with_ranks(matrices, chosen.ranks, make)
    cuts = tuple(cut(m, r, how.dtype, size) for m, r in zip(matrices, chosen.ranks, strict=True))
    before = before._replace(notes=(*before.notes, *_short(matrices, chosen)))
    return Result(before, adapter, how, cuts, chosen, adapter.nbytes(*how))


def chosen_of(matrices: Sequence[Decomposed], choice: Choice, how: How, make: Make) -> Chosen:
    """Choose the ranks; a budget in bytes is for the whole file."""
    chosen = choose_ranks(
        choice,
        [m.ranked for m in matrices],
        np_dtype(how.dtype).itemsize,
        lambda ranks: with_ranks(matrices, ranks, make).nbytes(*how),
    )
    if not any(chosen.ranks):
        raise ValueError("no matrix is given a rank, so there is no adapter to write")
    return chosen


def with_ranks(matrices: Sequence[Decomposed], ranks: Sequence[int], make: Make) -> NewAdapter:
    """Return the adapter of the matrices that are given a rank."""
    return make([new_pair(m, r) for m, r in zip(matrices, ranks, strict=True) if r])


def _short(matrices: Sequence[Decomposed], chosen: Chosen) -> list[str]:
    """Say of which matrices a rule wants more ranks than they were given."""
    given = zip(matrices, chosen.ranks, strict=True)
    short = [m.ranked.name for m, rank in given if rank < m.ranked.by_rule]
    return [f"the rule asks for higher ranks, --max-rank, of {listing(short)}"] if short else []


def _adapter(source: Source, others: list[NewTensor], pairs: list[NewPair]) -> NewAdapter:
    of_peft = source.format == "peft"
    same = (
        of_peft and len(pairs) == len(source.entries) and bool(source.config.get("target_modules"))
    )
    config = source.config if of_peft else {}
    return NewAdapter(pairs, others, config, {} if of_peft else source.config, not same)
