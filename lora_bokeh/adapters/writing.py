"""Adapters to files: a PEFT folder, or kohya's one file, whole or not at all.

What is written grows under a hidden name beside its place and is moved there when it is complete,
so that an interruption leaves nothing. What stands there already is replaced only where that was
asked for, and a folder only if it holds nothing but what an adapter's folder holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lora_bokeh.adapters.new_pair import NewPair
from lora_bokeh.adapters.write_kohya import kohya_metadata, kohya_tensors
from lora_bokeh.adapters.write_peft import CONFIG, METADATA, WEIGHTS, peft_config, peft_tensors
from lora_bokeh.formats.write_safetensors import NewTensor, file_bytes, write

README = "README.md"
OURS = {WEIGHTS, CONFIG, README}  # what --force may replace


class NewAdapter(NamedTuple):
    """What is to be written.

    Attributes
    ----------
    pairs : list of NewPair
        At least one.
    others : list of NewTensor
        What goes along as it is (modules saved whole, biases), under the names of the format.
    config : dict
        Fields of ``adapter_config.json`` to keep; see
        :func:`lora_bokeh.adapters.write_peft.peft_config`.
    metadata : dict
        Of the file that was read, for kohya's format.
    by_name : bool
        Whether the config is to list the modules by name.
    """

    pairs: list[NewPair]
    others: list[NewTensor]
    config: Mapping[str, Any]
    metadata: Mapping[str, str]
    by_name: bool

    def tensors(self, form: str, dtype: str) -> list[NewTensor]:
        """Return everything that goes into the tensor file, its entries not yet read."""
        tensors = {"peft": peft_tensors, "kohya": kohya_tensors}[form]
        return [*tensors(self.pairs, dtype), *self.others]

    def header(self, form: str) -> Mapping[str, str]:
        """Return the tensor file's metadata."""
        return kohya_metadata(self.metadata, self.pairs) if form == "kohya" else METADATA

    def nbytes(self, form: str, dtype: str) -> int:
        """Return the size of the tensor file, to the byte."""
        return file_bytes(self.tensors(form, dtype), self.header(form))


class Place(NamedTuple):
    """Where an adapter goes, and how.

    Attributes
    ----------
    path : Path
        The folder to make, or for "kohya" the ``.safetensors`` file.
    form : {"peft", "kohya"}
        The format.
    dtype : str
        Of the factors in the file.
    force : bool
        Whether to replace what is there.
    """

    path: Path
    form: str
    dtype: str
    force: bool = False


def write_adapter(place: Place, adapter: NewAdapter, readme: Callable[[], str]) -> None:
    """Write an adapter; its factors are read one at a time.

    Parameters
    ----------
    place : Place
        Where and how.
    adapter : NewAdapter
        What.
    readme : callable
        Gives the text of the folder's README.md; called when the tensors are written.

    Raises
    ------
    ValueError, OSError
        See :func:`check_place` and the formats; nothing is left behind.
    """
    tensors = adapter.tensors(place.form, place.dtype)
    with _hidden(place) as path:
        if place.form == "kohya":
            write(path, tensors, adapter.header(place.form))
            return
        path.mkdir()
        write(path / WEIGHTS, tensors, adapter.header(place.form))
        config = peft_config(adapter.config, adapter.pairs, adapter.by_name)
        text = json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False)
        (path / CONFIG).write_text(text + "\n", encoding="utf-8")
        (path / README).write_text(readme(), encoding="utf-8")


@contextlib.contextmanager
def _hidden(place: Place) -> Iterator[Path]:
    """Give a path beside the place to write to; move it there at the end, or remove it."""
    check_place(place)
    path = place.path.absolute()
    hidden = Path(tempfile.mkdtemp(prefix=f".{path.name[:100]}.", dir=path.parent))
    try:
        yield hidden / "new"
        check_place(place)  # it may have come into being meanwhile
        if path.is_dir():
            path.rename(hidden / "old")
        (hidden / "new").replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            (hidden / "old").rename(path)
        raise
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def check_place(place: Place) -> None:
    """Refuse to write where something stands in the way, before any work is done.

    Raises
    ------
    ValueError
        The path exists and ``force`` is not given, it is not an adapter's folder, or it is of the
        other kind: a folder for PEFT, a ``.safetensors`` file for kohya.
    """
    path, form = place.path, place.form
    if form == "kohya" and (path.suffix != ".safetensors" or path.is_dir()):
        raise ValueError(f"{path}: kohya's format is one file; name it, -o NAME.safetensors")
    if form == "peft" and (path.suffix == ".safetensors" or path.is_file()):
        raise ValueError(f"{path}: PEFT's format is a folder; name one that is no file")
    if not os.path.lexists(path):
        if not path.absolute().parent.is_dir():
            raise ValueError(f"{path}: there is no folder {str(path.parent)!r} to write it in")
        return
    if not place.force:
        raise ValueError(f"{path}: it exists already; --force replaces it")
    if path.is_symlink() or not (path.is_dir() or path.is_file()):
        raise ValueError(f"{path}: it is neither a folder nor a file, and is not replaced")
    alien = sorted({p.name for p in path.iterdir()} - OURS) if path.is_dir() else []
    if alien:
        raise ValueError(
            f"{path}: it holds more than an adapter ({alien[0]!r}), and is not replaced; "
            "choose another folder"
        )
