"""From matrices to an adapter: decompose each, choose the ranks of all, put the pairs together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lora_bokeh.adapters.forms import DTYPES
from lora_bokeh.adapters.new_pair import NewPair
from lora_bokeh.adapters.writing import NewAdapter
from lora_bokeh.compress.decompose import Decomposed, cut, decompose, new_pair
from lora_bokeh.compress.result import Before, How, Result
from lora_bokeh.compress.scratch import Spool
from lora_bokeh.formats.source import Entry
from lora_bokeh.formats.write_safetensors import np_dtype
from lora_bokeh.jobs.progress import Progress, counted
from lora_bokeh.ranks.choice import Choice, Chosen, choose_ranks
from lora_bokeh.text import listing

Make = Callable[[list[NewPair]], NewAdapter]


def usual_dtype(entries: Sequence[Entry]) -> str:
    """Return the dtype of all entries (of a difference: of the tuned tensors), else float32.

    A pair whose factors are of two dtypes needs the wider one.
    """
    dtypes = {e.dtype.split(",")[0] if e.kind == "difference" else e.dtype for e in entries}
    dtype = dtypes.pop() if len(dtypes) == 1 else "float32"
    return dtype if dtype in DTYPES else "float32"


def decompose_all(
    entries: Sequence[Entry], choice: Choice, spool: Spool | None, progress: Progress
) -> list[Decomposed]:
    """Decompose the matrices one by one; see :func:`lora_bokeh.compress.decompose.decompose`."""
    choice.check_names([str(entry.name) for entry in entries])
    each = counted(entries, lambda entry: str(entry.name), progress)
    return [decompose(entry, choice, spool) for entry in each]


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
