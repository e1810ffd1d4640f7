"""From a path to the tensors behind it: a file by its suffix, a folder by what is in it."""

from __future__ import annotations

import stat
from importlib import import_module
from pathlib import Path

from lora_bokeh.formats.folder import INDEX, INDEX_SUFFIX, PICKLE_SUFFIXES, chosen_file
from lora_bokeh.formats.tensors import Container, SourceError, Stored

READERS = {  # suffix: (module, function), so that a .npy does not import safetensors
    ".npy": ("npy", "npy_tensors"),
    ".npz": ("npy", "npz_tensors"),
    ".csv": ("delimited", "tensors"),
    ".safetensors": ("safetensors", "contents"),
    INDEX_SUFFIX: ("shards", "contents"),
}


def open_container(path: Path) -> Container:
    """Return the tensors of a file or folder; only headers have been read.

    Raises
    ------
    SourceError
        Not there, not a file of a known kind, or damaged.
    """
    path = _regular_file(path)
    suffix = INDEX_SUFFIX if INDEX.fullmatch(path.name) else path.suffix.lower()
    if suffix in PICKLE_SUFFIXES:
        raise SourceError(
            path,
            f"{suffix} files are pickles, which can run code and are never opened; convert it "
            "where you trust it: safetensors.torch.save_file(torch.load(path), new_path)",
        )
    if suffix not in READERS:
        raise SourceError(path, f"unknown kind of file; these are read: {', '.join(READERS)}")
    try:
        stored, metadata = _read(path, suffix)
    except OSError as error:
        raise SourceError(path, _reason(error)) from None
    return Container(path, suffix.split(".")[1], tuple(stored), metadata)


def _read(path: Path, suffix: str) -> tuple[list[Stored], dict[str, str]]:
    module, function = READERS[suffix]
    found = getattr(import_module(f"lora_bokeh.formats.{module}"), function)(path)
    return found if isinstance(found, tuple) else (found, {})


def _regular_file(path: Path) -> Path:
    """Return the non-empty regular file at ``path``, or the one meant if it is a folder."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unreachable(path, error) from None
    if stat.S_ISDIR(status.st_mode):
        return _regular_file(_chosen(path))
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(path, "not a regular file (a device, pipe or socket)")
    if status.st_size == 0:
        raise SourceError(path, "the file is empty")
    return path


def _chosen(folder: Path) -> Path:
    try:
        return chosen_file(folder)
    except OSError as error:
        raise SourceError(folder, _reason(error)) from None


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
