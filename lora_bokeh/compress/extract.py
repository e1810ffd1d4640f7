"""Make an adapter of what full fine-tuning did: the best rank-r approximation of tuned − base.

Two tensors of one name are read, subtracted, decomposed and let go before the next two: two
checkpoints of any size take the memory of one of their matrices.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from lora_bokeh.adapters.kept import STATE, changed, kept_whole
from lora_bokeh.adapters.new_pair import NewPair
from lora_bokeh.adapters.writing import NewAdapter
from lora_bokeh.compress.assemble import assemble, decompose_all, usual_dtype
from lora_bokeh.compress.decompose import Decomposed
from lora_bokeh.compress.result import Before, How, Result
from lora_bokeh.compress.scratch import Spool
from lora_bokeh.formats.folder import inside
from lora_bokeh.formats.jsons import read_object
from lora_bokeh.formats.source import Entry, Source
from lora_bokeh.formats.tensors import SourceError
from lora_bokeh.jobs.progress import Progress, silence
from lora_bokeh.loading.difference import BY_ENDING, Names
from lora_bokeh.loading.open import difference
from lora_bokeh.ranks.choice import Choice
from lora_bokeh.text import listing

CONFIG = "config.json"
WEIGHT = ".weight"

# An embedding's weight is (entries, size), and its adapter has tensors of other names. Nothing in
# a checkpoint tells one from a linear module but what it is called.
EMBEDDING = re.compile(
    r"(^|\.)(\w*embed(ding)?s?(_tokens|_positions|_in)?|wte|wpe|shared|relative_attention_bias)$"
)
# Models whose Conv1D stores weights as (in, out), and what these modules are called.
CONV1D_MODELS = {"gpt2", "openai-gpt", "imagegpt", "decision_transformer"}
CONV1D = re.compile(r"(^|\.)(c_attn|c_proj|c_fc|q_attn)$")
KOHYA_PREFIXES = {"UNet": "unet.", "CLIPText": "text_encoder."}  # by the class of the model
# By the end of the class's name. For classifiers PEFT would add modules of its own choice.
TASKS = {"CausalLM": "CAUSAL_LM", "ConditionalGeneration": "SEQ_2_SEQ_LM"}


class Parts(NamedTuple):
    """What of a tuned model goes into an adapter.

    Attributes
    ----------
    include, exclude : sequence of str
        Shell patterns of tensor names to compare, and not to; none: all.
    save_modules : bool
        Whether changed tensors that are no matrices are kept whole.
    names : Names
        How the names of the two models are matched.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    save_modules: bool = False
    names: Names = BY_ENDING

    def wants(self, name: str) -> bool:
        """Tell whether a tensor may go in."""
        included = not self.include or any(fnmatchcase(name, p) for p in self.include)
        return included and not any(fnmatchcase(name, p) for p in self.exclude)


EVERYTHING = Parts()


def extract(  # noqa: PLR0913 - all but three are by keyword
    base: Source,
    tuned: Source,
    choice: Choice,
    *,
    parts: Parts = EVERYTHING,
    form: str = "peft",
    dtype: str | None = None,
    spool: Spool | None = None,
    progress: Progress = silence,
) -> Result:
    """Compute the low-rank update from one checkpoint to another.

    Parameters
    ----------
    base, tuned : Source
        Two checkpoints; see :func:`lora_bokeh.loading.open.open_source`.
    choice : Choice
        How ranks are chosen; at most 128 unless ``max_rank``, a rank or a name says more. A
        matrix that did not change is left out.
    parts : Parts, optional
        Which tensors. Default: every matrix named ``….weight``.
    form, dtype, spool, progress
        As in :func:`lora_bokeh.compress.resize.resize`.

    Raises
    ------
    SourceError, ValueError
        Nothing matches, or the choice does not fit it.
    """
    delta = difference(base, tuned, parts.include or None, parts.exclude or None, parts.names)
    work = Extracting.of(delta, base, form, dtype)
    matrices = decompose_all(work.entries, choice, spool, progress)
    if not any(matrix.ranked.most for matrix in matrices):
        raise SourceError(tuned.path, f"its matrices are those of {base.path}: nothing to extract")
    used = {key for entry in work.entries for key in entry.keys}
    others = (
        name
        for name, stored in delta.tensors.items()
        if name not in used and parts.wants(name) and not stored.quantised
    )
    rest = changed(others, base, delta)
    notes = _notes(delta, matrices, rest, parts, work.how)
    kept = rest if parts.save_modules else []
    make = partial(work.adapter, kept=kept)
    return assemble(Before(delta, work.nbytes, notes), matrices, choice, work.how, make)


class Extracting(NamedTuple):
    """What of an extraction does not depend on the ranks: a `Work` of the planner."""

    delta: Source
    model: Model
    entries: Sequence[Entry]
    how: How

    @classmethod
    def of(
        cls, delta: Source, base: Source, form: str = "peft", dtype: str | None = None
    ) -> Extracting:
        """Look at a difference and the checkpoint it starts from; errors as of :func:`extract`."""
        model = _model(base, delta)
        entries = [module for e in delta.entries if (module := _as_module(e, model))]
        if not entries:
            why = "none of the matrices that were compared is named ….weight"
            raise SourceError(delta.path, why)
        return cls(delta, model, entries, How(form, dtype or usual_dtype(entries)))

    @property
    def nbytes(self) -> int:
        """Bytes of the tuned matrices."""
        return sum(entry.nbytes for entry in self.entries)

    def check(self, _choice: Choice) -> None:
        """Refuse nothing: any matrix may be left out."""

    def bounded(self, matrices: Sequence[Decomposed]) -> list[Decomposed]:
        """Return the matrices: none has to stay within a budget."""
        return list(matrices)

    def adapter(self, pairs: list[NewPair], kept: Sequence[str] = ()) -> NewAdapter:
        """Return the adapter with what is kept whole beside its pairs."""
        if self.how.form == "kohya":
            prefixed = [pair._replace(name=self.model.kohya_prefix + pair.name) for pair in pairs]
            return NewAdapter(prefixed, [], {}, {}, by_name=True)
        others, saved = kept_whole(kept, self.delta.tensors, {pair.name for pair in pairs})
        return NewAdapter(pairs, others, self.model.fields() | saved, {}, by_name=True)


class Model(NamedTuple):
    """What is known of the model: where the base is, and its ``config.json``, if there is one."""

    base: Path
    config: Mapping[str, Any]

    @property
    def conv1d(self) -> bool:
        """Whether its linear modules are Conv1D, with weights stored (in, out)."""
        return str(self.config.get("model_type")) in CONV1D_MODELS

    @property
    def kind(self) -> str:
        """The name of its class; empty if unknown."""
        named = self.config.get("architectures")
        name = named[0] if isinstance(named, list) and named else self.config.get("_class_name")
        return str(name or "")

    @property
    def kohya_prefix(self) -> str:
        """What its modules' names start with in a pipeline of several models."""
        starts = KOHYA_PREFIXES.items()
        return next((prefix for start, prefix in starts if self.kind.startswith(start)), "")

    def fields(self) -> dict[str, Any]:
        """Return the fields of an adapter's config that follow from the model."""
        return {
            "base_model_name_or_path": str(self.base),
            "task_type": next(
                (task for end, task in TASKS.items() if self.kind.endswith(end)), None
            ),
            "fan_in_fan_out": self.conv1d,
        }


def _model(base: Source, tuned: Source) -> Model:
    """Read the ``config.json`` beside the tuned model's tensors, or beside the base's."""
    folders = [source.path.parent for source in (tuned, base)]
    folder = next((folder for folder in folders if (folder / CONFIG).exists()), None)
    whole = base.path.name.startswith("model.safetensors")  # the folder is what people name
    config = read_object(inside(folder, CONFIG)) if folder else {}
    return Model(base.path.parent if whole else base.path, config)


def _as_module(entry: Entry, model: Model) -> Entry | None:
    """Return the entry under its module's name, with what kind of module that seems to be.

    None is what PEFT has no pair for: a lone parameter; and among Conv1D a linear module, since
    ``fan_in_fan_out`` is of the adapter as a whole.
    """
    module = str(entry.name).removesuffix(WEIGHT)
    if module == entry.name:
        return None
    embedding = entry.kernel is None and EMBEDDING.search(module) is not None
    conv1d = entry.kernel is None and model.conv1d and CONV1D.search(module) is not None
    turned = embedding or conv1d
    if model.conv1d and not turned:
        return None
    return replace(entry, name=module, embedding=embedding, fan_in_fan_out=turned)


def _notes(
    delta: Source, matrices: Sequence[Decomposed], rest: Sequence[str], parts: Parts, how: How
) -> tuple[str, ...]:
    """Say what is not in the adapter, and what is not as it seems."""
    same = [m.ranked.name for m in matrices if m.ranked.most == 0]
    tied = [m.ranked.name for m in matrices if m.entry.embedding and m.ranked.most]
    keeps = parts.save_modules and how.form == "peft"
    lost = [name for name in rest if not (keeps and name.endswith(STATE))]
    advice = "" if parts.save_modules else " (--save-modules keeps modules and biases whole)"
    said = {
        "not changed by tuning": same,
        f"changed by tuning but not in the adapter{advice}": lost,
        "taken for embeddings; where a model ties one to its output layer, merge the adapter to "
        "change both": tied,
    }
    return (*delta.notes, *(f"{what}: {listing(names)}" for what, names in said.items() if names))
