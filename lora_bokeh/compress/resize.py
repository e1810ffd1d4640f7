"""Give each pair of an adapter the rank it needs, and say what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lora_bokeh.adapters.extra_tensors import LEFT_OUT, carried_over, with_company
from lora_bokeh.adapters.factor_keys import ADAPTER_MARK
from lora_bokeh.adapters.health import examined
from lora_bokeh.adapters.new_pair import NewPair
from lora_bokeh.adapters.write_peft import check_plain
from lora_bokeh.adapters.writing import NewAdapter
from lora_bokeh.compress.assemble import assemble, decompose_all, usual_dtype
from lora_bokeh.compress.decompose import Decomposed
from lora_bokeh.compress.result import Before, How, Result
from lora_bokeh.compress.scratch import Spool
from lora_bokeh.formats.source import Entry, Source
from lora_bokeh.formats.tensors import SourceError
from lora_bokeh.formats.write_safetensors import NewTensor
from lora_bokeh.jobs.progress import Progress, silence
from lora_bokeh.ranks.choice import Choice
from lora_bokeh.text import listing


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
        An adapter; see :func:`lora_bokeh.loading.open.open_source`.
    choice : Choice
        How ranks are chosen. A pair keeps at least rank 1, except within a budget or by name; one
        with DoRA magnitudes or a bias of its own always.
    form : {"peft", "kohya"}, optional
        Default: kohya for kohya's files, else peft.
    dtype : str, optional
        One of :data:`lora_bokeh.adapters.forms.DTYPES`. Default: that of the factors; float32 if
        they have several, or one that no adapter is made of (float8).
    spool : Spool, optional
        Needed to write the adapter.
    progress : callable, optional
        Called before each matrix with its name, how many are done, and of how many; then once
        without a name.

    Raises
    ------
    SourceError, ValueError
        Not an adapter, or one whose ΔW is more than its pairs; the choice does not fit it.
    """
    work = Resizing.of(examined(source), form, dtype)
    work.check(choice)
    matrices = decompose_all(work.entries, choice, spool, progress)
    return assemble(work.before, work.bounded(matrices), choice, work.how, work.adapter)


class Resizing(NamedTuple):
    """What of a resize does not depend on the ranks: a `Work` of the planner."""

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
        _check_one_adapter(source)
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


def _check_one_adapter(source: Source) -> None:
    """Refuse a file with the pairs of several adapters, which no program loads as one."""
    adapters = {str(e.name).split(ADAPTER_MARK)[0] for e in source.entries
                if ADAPTER_MARK in str(e.name)}  # fmt: skip
    if adapters:
        raise SourceError(
            source.path,
            f"the pairs of several adapters are in it ({listing(sorted(adapters))}); save one by "
            "itself to resize it",
        )


def _kept(matrix: Decomposed) -> Decomposed:
    """Keep a pair within any budget."""
    return matrix._replace(ranked=matrix.ranked._replace(least=1))


def _adapter(source: Source, others: list[NewTensor], pairs: list[NewPair]) -> NewAdapter:
    of_peft = source.format == "peft"
    whole = len(pairs) == len(source.entries) and not any(k in source.leftovers for k in LEFT_OUT)
    same = of_peft and whole and bool(source.config.get("target_modules"))
    config = source.config if of_peft else {}
    return NewAdapter(pairs, others, config, {} if of_peft else source.config, not same)
