"""tuned − base: the update that full fine-tuning made, tensor by tensor.

Tensors are matched by name, see :mod:`lora_bokeh.formats.name_matching`. Nothing is read before an
entry is, and then only its two tensors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from lora_bokeh.adapters.other_tensors import notes
from lora_bokeh.engine.matrix import compute_dtype, panels
from lora_bokeh.engine.rounding import RoundingError, rounding_error
from lora_bokeh.formats.module_names import unwrapped
from lora_bokeh.formats.name_matching import matched
from lora_bokeh.formats.source import Coverage, Entry, Source
from lora_bokeh.formats.tensors import SourceError
from lora_bokeh.loading.checkpoint import QUANTISED
from lora_bokeh.text import count, listing

Patterns = str | Sequence[str] | None

ENOUGH = 0.5  # of the tuned model, so that a difference speaks for it
EXCLUDED = "left out as asked"
NOT_FLOATING = "not of a floating-point dtype"
VOCABULARY = re.compile(r"(^|\.)(\w*embed\w*|wte|shared|lm_head|output_projection)(\.weight)?$")


class Names(NamedTuple):
    """How the names of two checkpoints are matched.

    Attributes
    ----------
    maps : mapping of str to str
        Beginnings of the tuned model's names → what stands there in the base.
    partial : bool
        Whether less than half of the tuned model is enough.
    """

    maps: Mapping[str, str] = MappingProxyType({})
    partial: bool = False


BY_ENDING = Names()


def difference(
    base: Source,
    tuned: Source,
    include: Patterns = None,
    exclude: Patterns = None,
    names: Names = BY_ENDING,
) -> Source:
    """Return the source of tuned − base; see :func:`lora_bokeh.loading.open.difference`."""
    _refuse_adapters_and_codes(base, tuned, include, exclude)
    tuned, mapped = _renamed(base, tuned, names)
    before = {entry.name: entry for entry in base.entries}
    entries, left = [], {kind: list(names) for kind, names in tuned.leftovers.items()}
    for after in tuned.entries:
        first, second = _common_rows(before.get(after.name), after)
        why = _obstacle(first, second, include, exclude)
        if why:
            left.setdefault(why, []).append(str(after.name))
        elif first:
            entries.append(_entry(first, second))
    if not entries:
        raise SourceError(tuned.path, _nothing_in_common(base, left))
    apart = {*left.get(EXCLUDED, ()), *left.get(NOT_FLOATING, ())}
    coverage = _coverage(tuned, entries, apart)
    if coverage.share < ENOUGH and not names.partial:
        raise SourceError(tuned.path, _too_little(coverage, left))
    leftovers = {kind: tuple(names) for kind, names in left.items()}
    said = (*mapped, *_notes(base, tuned, entries, leftovers))
    return Source(
        tuned.path,
        "difference",
        tuple(entries),
        said,
        leftovers,
        tuned.config,
        tuned.tensors,
        base,
        coverage=coverage,
    )


def _refuse_adapters_and_codes(
    base: Source, tuned: Source, include: Patterns, exclude: Patterns
) -> None:
    for source in (base, tuned):
        if source.is_adapter:
            raise SourceError(source.path, "an adapter; a difference is taken of whole weights")
        _refuse_codes(source, include, exclude)


def _notes(
    base: Source, tuned: Source, entries: list[Entry], leftovers: dict[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Return what to say of the matrices that are compared, and of those that are not."""
    before = {entry.name: entry for entry in base.entries}
    present = {entry.name for entry in tuned.entries}
    return (
        *_quantised_notes(base, tuned, entries),
        *_grown_notes(before, tuned, entries),
        *notes(leftovers, "not compared"),
        *_missing_note([str(name) for name in before if name not in present]),
    )


def _renamed(base: Source, tuned: Source, names: Names) -> tuple[Source, tuple[str, ...]]:
    """Return the tuned model under the base's names, and what to say of it."""
    before, after = (_shapes(source) for source in (base, tuned))
    try:
        found = matched(before, after, names.maps)
    except ValueError as error:
        raise SourceError(tuned.path, str(error)) from None
    taken = {*found.base_name.values(), *after}
    others = {n: u for n in after if n not in found.base_name and (u := unwrapped(n)) != n}
    new = {**found.base_name, **{n: u for n, u in others.items() if u not in taken}}
    if all(name == other for name, other in new.items()):
        return tuned, ()
    entries = tuple(
        replace(e, name=new.get(str(e.name), e.name), keys=tuple(new.get(k, k) for k in e.keys))
        for e in tuned.entries
    )
    tensors = {new.get(name, name): stored for name, stored in tuned.tensors.items()}
    leftovers = {k: tuple(new.get(n, n) for n in left) for k, left in tuned.leftovers.items()}
    renamed = replace(tuned, entries=entries, tensors=tensors, leftovers=leftovers)
    return renamed, found.notes


def _shapes(source: Source) -> dict[str, tuple[int, ...]]:
    tensors = source.tensors.items()
    return {name: stored.info.shape for name, stored in tensors if name is not None}


def _coverage(tuned: Source, entries: Sequence[Entry], apart: set[str]) -> Coverage:
    """Count what was matched of what could be; ``apart`` could not, or was not asked for."""
    wanted = [entry for entry in tuned.entries if str(entry.name) not in apart]
    (nbytes, size), (all_bytes, all_size) = (
        (sum(e.nbytes for e in some), sum(e.shape[0] * e.shape[1] for e in some))
        for some in (entries, wanted)
    )
    return Coverage(len(entries), len(wanted), nbytes, all_bytes, size / all_size)


def _too_little(coverage: Coverage, left: dict[str, list[str]]) -> str:
    unmatched = {kind: names for kind, names in left.items() if kind != EXCLUDED}
    kinds = "; ".join(f"{kind}: {listing(names, 3)}" for kind, names in unmatched.items())
    return (
        f"only {coverage}, less than half: {kinds}. Say what the names begin with, --map OLD=NEW, "
        "or --partial to go on with what matched"
    )


def _common_rows(before: Entry | None, after: Entry) -> tuple[Entry | None, Entry]:
    """Return two vocabularies of different length as far as both have rows."""
    if before is None or before.shape == after.shape or not VOCABULARY.search(str(after.name)):
        return before, after
    if before.kernel or after.kernel or before.shape[1] != after.shape[1]:
        return before, after
    rows = min(before.shape[0], after.shape[0])
    return _first_rows(before, rows), _first_rows(after, rows)


def _first_rows(entry: Entry, rows: int) -> Entry:
    read = entry.reader
    return replace(entry, shape=(rows, entry.shape[1]), reader=lambda: np.asarray(read())[:rows])


def _grown_notes(
    before: Mapping[str | None, Entry], tuned: Source, entries: Sequence[Entry]
) -> list[str]:
    """Name the vocabularies of different length."""
    after = {entry.name: entry for entry in tuned.entries}
    return [
        f"{e.name}: {before[e.name].shape[0]} rows in the base, {after[e.name].shape[0]} in the "
        f"tuned model; the first {e.shape[0]} are compared, the others are not in the difference"
        for e in entries
        if before[e.name].shape != after[e.name].shape
    ]


def _refuse_codes(source: Source, include: Patterns, exclude: Patterns) -> None:
    """Refuse a checkpoint with weights that are codes: their differences mean nothing."""
    for kind, names in source.leftovers.items():
        wanted = [
            n for n in names if _matches(n, include, True) and not _matches(n, exclude, False)
        ]
        if kind.startswith(QUANTISED) and wanted:
            raise SourceError(
                source.path,
                f"{count(len(wanted), 'tensor')} of weights are {kind}, which is not dequantised "
                f"here ({listing(wanted, 3)}); give the checkpoint it was made of, or leave these "
                "out with --exclude",
            )


def _obstacle(
    before: Entry | None, after: Entry, include: Patterns, exclude: Patterns
) -> str | None:
    """Say why there is no difference of two entries."""
    name = str(after.name)
    if not _matches(name, include, default=True) or _matches(name, exclude, default=False):
        return EXCLUDED
    if before is None:
        return "only in the tuned model"
    if before.shape != after.shape or before.kernel != after.kernel:
        return "of another shape in the base"
    if not all(e.dtype.startswith(("float", "bfloat")) for e in (before, after)):
        return NOT_FLOATING
    return None


def _matches(name: str, patterns: Patterns, default: bool) -> bool:
    if patterns is None:
        return default
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatchcase(name, pattern) for pattern in patterns) if patterns else default


def _entry(before: Entry, after: Entry) -> Entry:
    dtypes = dict.fromkeys((after.dtype, before.dtype))
    quantised = before.quantised or after.quantised
    return replace(
        after,
        kind="difference",
        dtype=", ".join(dtypes),
        reader=partial(_subtracted, before, after),
        rounding=None if quantised else partial(_rounding, before, after),
        quantised=quantised,
    )


def _arrays(*entries: Entry) -> list[np.ndarray]:
    return [np.asarray(entry.read()) for entry in entries]


def _subtracted(before: Entry, after: Entry) -> np.ndarray:
    """Return tuned − base in float64 where one of them is, else in float32, panel by panel."""
    base, tuned = _arrays(before, after)
    dtype = max(compute_dtype(base.dtype), compute_dtype(tuned.dtype), key=np.dtype)
    delta = np.empty(tuned.shape, dtype)
    for rows, panel in panels(tuned, dtype):
        np.subtract(panel, base[rows].astype(dtype, copy=False), out=delta[rows])
    return delta


def _rounding(before: Entry, after: Entry) -> RoundingError:
    return rounding_error(*_arrays(before, after))


def _nothing_in_common(base: Source, left: dict[str, list[str]]) -> str:
    kinds = "; ".join(f"{kind} ({len(n)}: {listing(n, 3)})" for kind, n in left.items())
    return f"no matrix to compare with {base.path}: {kinds or 'there is none in it'}"


def _quantised_notes(base: Source, tuned: Source, entries: Sequence[Entry]) -> list[str]:
    """Say what was dequantised: its codes bound what the difference can tell."""
    said = [f"{what}: {note}" for what, s in (("base", base), ("tuned", tuned)) for note in s.notes]
    some = sum(bool(entry.quantised) for entry in entries)
    if some:
        said.append(
            f"{count(some, 'difference')} of dequantised weights: rounding to codes is part of "
            "them, and its size is not known"
        )
    return said


def _missing_note(missing: Sequence[str]) -> list[str]:
    if not missing:
        return []
    verb = "matrix is" if len(missing) == 1 else "matrices are"
    return [f"{len(missing)} {verb} only in the base model: {listing(missing)}"]
