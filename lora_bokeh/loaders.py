"""Files to matrices: ``.npy``, ``.npz``, ``.csv``, ``.safetensors`` or a folder that holds one.

What a file holds is listed without reading its entries; the chosen matrix is memory-mapped where
the format allows it. Its entries are checked by :func:`lora_bokeh.matrix.check_matrix`, the door
of the engine, not here.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np

from lora_bokeh.formats.stored import SourceError, Stored, TensorInfo

__all__ = ["SourceError", "Stored", "TensorInfo", "list_tensors", "load", "open_tensor"]

READERS = {  # suffix: (module, function), so that a .npy does not import safetensors
    ".npy": ("npy", "npy_tensors"),
    ".npz": ("npy", "npz_tensors"),
    ".csv": ("delimited", "tensors"),
    ".safetensors": ("safetensors", "tensors"),
}
PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}
NAMES_SHOWN = 20  # of the tensors an error lists

Source = str | os.PathLike[str]


def load(source: Source, tensor: str | None = None) -> np.ndarray:
    """Return a matrix out of a file.

    Parameters
    ----------
    source : str or path
        A ``.npy``, ``.npz``, ``.csv`` or ``.safetensors`` file, or a folder that holds exactly
        one ``.safetensors`` file.
    tensor : str, optional
        Which tensor of a ``.npz`` or ``.safetensors``; may be left out where one is 2-D.

    Returns
    -------
    ndarray of shape (m, n)
        In the file's dtype (``.csv``: float64; bfloat16 and float8 by ml_dtypes). A read-only
        view of the file for ``.npy`` and ``.safetensors``.

    Raises
    ------
    SourceError
        A ValueError which says in one sentence what is wrong with the file or the name.
    """
    return open_tensor(source, tensor).read()


def list_tensors(source: Source) -> list[TensorInfo]:
    """Return name, shape, dtype and bytes of everything in a file; see :func:`load`.

    Raises
    ------
    SourceError
        The file cannot be read.
    """
    return [stored.info for stored in _stored(source)]


def open_tensor(source: Source, tensor: str | None = None) -> Stored:
    """Return the matrix :func:`load` would read, with its name and before it is read."""
    path, tensors = Path(source), _stored(source)
    stored = _by_name(path, tensors, tensor) if tensor is not None else _only_one(path, tensors)
    name, shape = stored.info.name, stored.info.shape
    what = "the array" if name is None else f"tensor {name!r}"
    if len(shape) != 2:
        raise SourceError(
            path, f"{what} is {len(shape)}-D, of shape {shape}; {_advice(shape)} to get a matrix"
        )
    if 0 in shape:
        raise SourceError(path, f"{what} is empty: its shape is {shape}")
    return stored


def _stored(source: Source) -> list[Stored]:
    path = _regular_file(Path(source))
    suffix = path.suffix.lower()
    if suffix in PICKLES:
        raise SourceError(
            path,
            f"{suffix} files are pickles, which can run code and are never opened; convert it "
            "where you trust it: safetensors.torch.save_file(torch.load(path), new_path)",
        )
    if suffix not in READERS:
        raise SourceError(path, f"unknown kind of file; these are read: {', '.join(READERS)}")
    try:
        return _reader(suffix)(path)
    except OSError as error:
        raise SourceError(path, _reason(error)) from None


def _reader(suffix: str) -> Callable[[Path], list[Stored]]:
    module, function = READERS[suffix]
    return getattr(import_module(f"lora_bokeh.formats.{module}"), function)


def _regular_file(path: Path) -> Path:
    """Return the non-empty regular file at ``path``, or inside it if it is an adapter folder."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unreachable(path, error) from None
    if stat.S_ISDIR(status.st_mode):
        return _regular_file(_inside(path))
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(path, "not a regular file (a device, pipe or socket)")
    if status.st_size == 0:
        raise SourceError(path, "the file is empty")
    return path


def _inside(folder: Path) -> Path:
    """Return the one ``.safetensors`` file of a folder."""
    found = sorted(folder.glob("*.safetensors"))
    if len(found) != 1:
        names = f": {_listing([file.name for file in found])}" if found else ""
        raise SourceError(
            folder,
            f"a directory with {len(found)} .safetensors files in it{names}; name one file",
        )
    return found[0]


def _unreachable(path: Path, error: OSError | ValueError) -> SourceError:
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        target = str(path.readlink())
        return SourceError(path, f"a symbolic link to {target!r}, which does not exist")
    return SourceError(path, _reason(error))


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text[:1].lower() + text[1:]


def _by_name(path: Path, tensors: Sequence[Stored], name: str) -> Stored:
    named = {stored.info.name: stored for stored in tensors}
    if name in named:
        return named[name]
    if None in named:
        raise SourceError(path, f"it holds one array without a name; leave out the name {name!r}")
    names = [str(key) for key in named]
    close = difflib.get_close_matches(name, names, n=3)
    hint = f"did you mean {_listing(close)}?" if close else f"it holds {_listing(names)}"
    raise SourceError(path, f"no tensor is named {name!r}; {hint}")


def _only_one(path: Path, tensors: Sequence[Stored]) -> Stored:
    """Return the file's only tensor, or its only 2-D one."""
    matrices = [stored for stored in tensors if len(stored.info.shape) == 2]
    if len(tensors) == 1 or len(matrices) == 1:
        return (matrices or tensors)[0]
    if not matrices:
        raise SourceError(path, "no 2-D tensor is in it")
    names = [f"{s.info.name} ({'×'.join(map(str, s.info.shape))})" for s in matrices]
    raise SourceError(
        path,
        f"{len(matrices)} matrices are in it, choose one by name (--tensor): {_listing(names)}",
    )


def _listing(names: Sequence[str]) -> str:
    more = f" … and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def _advice(shape: tuple[int, ...]) -> str:
    if len(shape) < 2:
        return "reshape it to (1, n) or (m, 1)"
    columns = int(np.prod(shape[1:], dtype=object))
    return f"save one slice of it or reshape it, for instance to ({shape[0]}, {columns}),"
