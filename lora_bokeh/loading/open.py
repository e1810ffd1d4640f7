"""Files to matrices: the one door to arrays, checkpoints and LoRA adapters.

What a file holds is listed without reading its entries; the chosen matrix is memory-mapped where
the format allows it. The entries of plain matrices are checked by
:func:`lora_bokeh.engine.matrix.check_matrix`, the door of the engine, not here.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from lora_bokeh.adapters.health import with_alpha
from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.formats.limits import UNLIMITED, Limits, limited, limits
from lora_bokeh.formats.names import places
from lora_bokeh.formats.opening import READERS, open_container
from lora_bokeh.formats.source import Entry, Source
from lora_bokeh.formats.tensors import SourceError, Stored, TensorInfo
from lora_bokeh.formats.unpacking import unpacked
from lora_bokeh.loading import checkpoint
from lora_bokeh.loading import difference as differences
from lora_bokeh.loading.registry import understood
from lora_bokeh.text import listing

__all__ = [
    "READERS",
    "UNLIMITED",
    "Entry",
    "Limits",
    "Source",
    "SourceError",
    "Stored",
    "TensorInfo",
    "difference",
    "limited",
    "limits",
    "list_tensors",
    "load",
    "open_source",
    "open_tensor",
    "open_unpacked",
    "select",
]

WILDCARDS = "*?["

FilePath = str | os.PathLike[str]


def open_source(path: FilePath, alpha: float | None = None) -> Source:
    """Return what is in a file or folder: its matrices or LoRA pairs, to be read one by one.

    Parameters
    ----------
    path : str or path
        A ``.npy``, ``.npz``, ``.csv`` or ``.safetensors`` file, the ``.safetensors.index.json`` of
        a sharded checkpoint, or a folder: of a PEFT adapter, of such a checkpoint, or with one
        ``.safetensors`` file in it.
    alpha : float, optional
        The lora_alpha of an adapter that does not say it.

    Returns
    -------
    Source
        Its entries, what else is in it, and notes on everything that is not obvious.

    Raises
    ------
    SourceError
        A ValueError which says in one sentence what is wrong with the file.
    """
    return _placed(with_alpha(understood(open_container(Path(path))), alpha))


def open_unpacked(path: FilePath, folder: Path) -> Source:
    """Return what :func:`open_source` does, every array of it to be read in place.

    Parameters
    ----------
    path : str or path
        As for :func:`open_source`.
    folder : Path
        Where arrays go that the file holds packed or as text.

    Raises
    ------
    SourceError
        As :func:`open_source` does, or an array cannot be read.
    """
    return _placed(with_alpha(understood(unpacked(open_container(Path(path)), folder)), None))


def difference(
    base: FilePath | Source,
    tuned: FilePath | Source,
    include: differences.Patterns = None,
    exclude: differences.Patterns = None,
    names: differences.Names = differences.BY_ENDING,
) -> Source:
    """Return the source of tuned − base, its tensors matched by name.

    Parameters
    ----------
    base, tuned : str, path or Source
        Two checkpoints: files, folders or sharded.
    include, exclude : str or sequence of str, optional
        Shell patterns of names: which tensors to compare, and which of these not. Default: all.
    names : Names, optional
        Beginnings of the tuned model's names that are others in the base, and whether less than
        half of the tuned model is enough. Default: names are the same, or their longest ending is.

    Returns
    -------
    Source
        One entry for each matrix that both have in the same shape; :meth:`Entry.read` reads its
        two tensors and subtracts in float32 (float64 where both are), and
        :meth:`Entry.rounding_error` tells the floor that storage in half precision leaves. What
        has no counterpart is in ``leftovers`` and ``notes``; ``tensors`` are the tuned ones.
        Names are those of the base; ``coverage`` says how much of the tuned model was matched.

    Raises
    ------
    SourceError
        One of them cannot be read, is an adapter, or less than half of the tuned model matches.
    """
    first, second = (s if isinstance(s, Source) else open_source(s) for s in (base, tuned))
    return _placed(differences.difference(first, second, include, exclude, names))


def load(source: FilePath, tensor: str | None = None) -> np.ndarray | LowRank:
    """Return a matrix out of a file, or a pair out of an adapter.

    Parameters
    ----------
    source : str or path
        As for :func:`open_source`.
    tensor : str, optional
        Which module of an adapter, or which tensor; may be left out where there is one pair or
        one matrix.

    Returns
    -------
    ndarray of shape (m, n) or LowRank
        A matrix in the file's dtype (``.csv``: float64; bfloat16 and float8 by ml_dtypes), a
        read-only view of the file for ``.npy`` and ``.safetensors``; a pair with its scale.

    Raises
    ------
    SourceError
        A ValueError which says in one sentence what is wrong with the file or the name.
    """
    return open_tensor(source, tensor).read()


def list_tensors(source: FilePath | Source) -> list[TensorInfo]:
    """Return name, shape, dtype and bytes of everything in a file; see :func:`load`.

    Of an adapter they are its pairs: module, shape of ΔW, dtype and bytes of the factors.

    Parameters
    ----------
    source : path or Source
        A file or folder, or what :func:`open_source` returned for it.

    Raises
    ------
    SourceError
        The file cannot be read.
    """
    found = source if isinstance(source, Source) else open_source(source)
    if not found.is_adapter:
        return [stored.info for stored in found.tensors.values()]
    return [TensorInfo(e.name, e.shape, e.dtype, e.nbytes) for e in found.entries]


def open_tensor(source: FilePath | Source, tensor: str | None = None) -> Entry:
    """Return the entry that :func:`load` would read, before it is read."""
    found = source if isinstance(source, Source) else open_source(source)
    return _only_one(found) if tensor is None else _by_name(found, tensor)


def select(source: Source, pattern: str) -> tuple[Entry, ...]:
    """Return the entries whose names fit a shell pattern; of a plain name, the one it names.

    Raises
    ------
    SourceError
        None does.
    """
    exact = tuple(entry for entry in source.entries if entry.name == pattern)
    if exact or not any(c in pattern for c in WILDCARDS):
        return exact or (open_tensor(source, pattern),)
    found = tuple(e for e in source.entries if fnmatchcase(str(e.name), pattern))
    if not found:
        names = [str(entry.name) for entry in source.entries]
        raise SourceError(source.path, f"no name fits {pattern!r}; it holds {listing(names)}")
    return found


def _placed(source: Source) -> Source:
    """Return the source with layer and module of each entry."""
    where = places([entry.name or "" for entry in source.entries])
    entries = (
        replace(entry, layer=layer, module=module)
        for entry, (layer, module) in zip(source.entries, where, strict=True)
    )
    return replace(source, entries=tuple(entries))


def _by_name(source: Source, name: str) -> Entry:
    """Return an entry, or any tensor that is a matrix: one factor of a pair, say."""
    entries = {entry.name: entry for entry in source.entries}
    if name in entries:
        return entries[name]
    if name in source.tensors:
        return _as_matrix(source, source.tensors[name])
    if None in source.tensors:
        reason = f"it holds one array without a name; leave out the name {name!r}"
        raise SourceError(source.path, reason)
    names = [str(key) for key in (entries if source.is_adapter else source.tensors)]
    close = difflib.get_close_matches(name, names, n=3)
    hint = f"did you mean {listing(close)}?" if close else f"it holds {listing(names)}"
    raise SourceError(source.path, f"no tensor is named {name!r}; {hint}")


def _only_one(source: Source) -> Entry:
    """Return the only pair, the only tensor, or the only 2-D one."""
    entries = [e for e in source.entries if e.kernel is None] or list(source.entries)
    if len(entries) == 1:
        return entries[0]
    if len(source.tensors) == 1:
        return _as_matrix(source, *source.tensors.values())
    if not entries:
        raise SourceError(source.path, "no 2-D tensor is in it")
    names = [f"{e.name} ({'×'.join(map(str, e.shape))})" for e in entries]
    what = f"{entries[0].kind}s" if source.is_adapter else "matrices"
    raise SourceError(
        source.path,
        f"{len(entries)} {what} are in it, choose one by name (--tensor): {listing(names)}",
    )


def _as_matrix(source: Source, stored: Stored) -> Entry:
    name, shape = stored.info.name, stored.info.shape
    what = "the array" if name is None else f"tensor {name!r}"
    if 0 in shape:
        raise SourceError(source.path, f"{what} is empty: its shape is {shape}")
    if not checkpoint.viewable(stored, kernels=False):
        raise SourceError(
            source.path,
            f"{what} is {len(shape)}-D, of shape {shape}; {_advice(shape)} to get a matrix",
        )
    return checkpoint.matrix(stored)


def _advice(shape: tuple[int, ...]) -> str:
    if len(shape) < 2:
        return "reshape it to (1, n) or (m, 1)"
    columns = int(np.prod(shape[1:], dtype=object))
    return f"save one slice of it or reshape it, for instance to ({shape[0]}, {columns}),"
