"""tuned − base: the update that full fine-tuning made, tensor by tensor.

Tensors are matched by name. Nothing is read before an entry is, and then only its two tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial

import numpy as np

from lora_bokeh.formats.leftovers import notes
from lora_bokeh.formats.plain import QUANTISED
from lora_bokeh.formats.source import Entry, Source
from lora_bokeh.formats.stored import SourceError
from lora_bokeh.formats.text import count, listing
from lora_bokeh.matrix import compute_dtype, panels
from lora_bokeh.rounding import RoundingError, rounding_error

Patterns = str | Sequence[str] | None


def difference(
    base: Source, tuned: Source, include: Patterns = None, exclude: Patterns = None
) -> Source:
    """Return the source of tuned − base; see :func:`lora_bokeh.loaders.difference`."""
    for source in (base, tuned):
        if source.is_adapter:
            raise SourceError(source.path, "an adapter; a difference is taken of whole weights")
        _refuse_codes(source, include, exclude)
    before = {entry.name: entry for entry in base.entries}
    entries, left = [], {kind: list(names) for kind, names in tuned.leftovers.items()}
    for after in tuned.entries:
        why = _obstacle(before.get(after.name), after, include, exclude)
        if why:
            left.setdefault(why, []).append(str(after.name))
        else:
            entries.append(_entry(before[after.name], after))
    if not entries:
        raise SourceError(tuned.path, _nothing_in_common(base, left))
    leftovers = {kind: tuple(names) for kind, names in left.items()}
    missing = [str(name) for name in before if name not in {e.name for e in tuned.entries}]
    return Source(
        tuned.path,
        "difference",
        tuple(entries),
        (
            *_quantised_notes(base, tuned, entries),
            *notes(leftovers, "not compared"),
            *_missing_note(missing),
        ),
        leftovers,
        tuned.config,
        tuned.tensors,
        base,
    )


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
        return "left out as asked"
    if before is None:
        return "only in the tuned model"
    if before.shape != after.shape or before.kernel != after.kernel:
        return "of another shape in the base"
    if not all(e.dtype.startswith(("float", "bfloat")) for e in (before, after)):
        return "not of a floating-point dtype"
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
    """Return tuned − base in float32, or float64 where both are; panels keep temporaries small."""
    base, tuned = _arrays(before, after)
    dtype = min(compute_dtype(base.dtype), compute_dtype(tuned.dtype), key=lambda t: t().itemsize)
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
