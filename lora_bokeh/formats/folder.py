"""Folders as downloads leave them: which file in one is meant, and which may be opened at all.

A folder comes from somebody else, so what it points to has to lie inside it: no "..", no absolute
path, no symbolic link to elsewhere. Links into the blobs of the Hugging Face cache are the one
exception: each of its snapshot folders is made of them.
"""

from __future__ import annotations

import re
from pathlib import Path

from lora_bokeh.formats.tensors import SourceError
from lora_bokeh.text import listing

ADAPTER = "adapter_model.safetensors"
INDEX_SUFFIX = ".safetensors.index.json"
INDEX = re.compile(r".*\.safetensors\.index(\.[\w-]+)?\.json", re.I)  # diffusers: index.fp16.json
PICKLE_SUFFIXES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}


def chosen_file(folder: Path) -> Path:
    """Return the file of a folder that holds its tensors, or lists the shards which do."""
    found = sorted(folder.glob("*.safetensors"))
    names = [file.name for file in found]
    indices = sorted(file for file in folder.glob("*.json") if INDEX.fullmatch(file.name))
    plain = [file for file in indices if file.name.endswith(INDEX_SUFFIX)]
    indices = plain or indices  # a variant of the weights only where there are no others
    if ADAPTER in names:
        return inside(folder, ADAPTER)
    if len(indices) == 1:
        return inside(folder, indices[0].name)
    if len(found) == 1:
        return inside(folder, names[0])
    raise SourceError(folder, _undecided(folder, names))


def _undecided(folder: Path, names: list[str]) -> str:
    pickles = sorted(f.name for f in folder.iterdir() if f.suffix in PICKLE_SUFFIXES)
    if pickles and not names:
        return (
            f"its tensors are in {listing(pickles)}: pickles, which can run code and are never "
            "opened; convert them to .safetensors where you trust them"
        )
    held = f": {listing(names)}" if names else ""
    return f"a directory with {len(names)} .safetensors files in it{held}; name one file"


def inside(folder: Path, name: str) -> Path:
    """Return ``folder / name`` if it is a name inside the folder and leads nowhere else."""
    path = folder / name
    if not name or "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise SourceError(folder, f"the file name {name!r} leads out of the folder")
    try:
        target = path.resolve()
    except (OSError, RuntimeError):  # a symbolic link to itself
        raise SourceError(path, "a symbolic link that leads nowhere") from None
    if not any(target.is_relative_to(root) for root in _roots(folder.resolve())):
        raise SourceError(path, f"a symbolic link out of its folder, to {str(target)!r}")
    return path


def _roots(folder: Path) -> list[Path]:
    """Return where files of a folder may lie."""
    if folder.parent.name == "snapshots":  # …/models--NAME/snapshots/REVISION, as the cache has it
        return [folder, folder.parent.parent / "blobs"]
    return [folder]
