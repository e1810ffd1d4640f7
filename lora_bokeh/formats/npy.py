"""NumPy's own formats: ``.npy`` by memory map, ``.npz`` (a zip of ``.npy``) member by member."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Literal, NamedTuple

import numpy as np

from lora_bokeh.formats.limits import LIFT, check_count, check_name, check_size, limits
from lora_bokeh.formats.tensors import SourceError, Stored, TensorInfo
from lora_bokeh.text import bytes_text

HEADER_BYTES = 10_000  # NumPy's own bound for a header it parses without being told to trust it
DIRECTORY_BYTES = 256  # of a member in the archive's directory, on average at most
PACKED_BY_NUMPY = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Header(NamedTuple):
    """The head of a ``.npy`` stream; ``offset`` is where the entries begin."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype
    offset: int

    @property
    def nbytes(self) -> int:
        """Bytes of the entries the header promises (an exact Python int, whatever it claims)."""
        return math.prod(self.shape) * self.dtype.itemsize

    def info(self, name: str | None) -> TensorInfo:
        """Describe the array under ``name``."""
        return TensorInfo(name, self.shape, str(self.dtype.newbyteorder("=")), self.nbytes)


def npy_tensors(path: Path) -> list[Stored]:
    """Return the one array of a ``.npy`` file; its entries stay on disk until they are used."""
    with path.open("rb") as file:
        header = _read_header(path, file, "the file")
    _check_entries(path, header, path.stat().st_size, "the file")
    return [Stored(header.info(None), partial(_map_entries, path, header))]


def npz_tensors(path: Path) -> list[Stored]:
    """Return the arrays of a ``.npz`` file, of which only the headers have been read."""
    with _unzipped(path) as archive:
        check_count(path, len(archive.infolist()), "members", limits().members)
        members = [m for m in archive.infolist() if m.filename.endswith(".npy")]
        _check_names(path, [member.filename for member in members])
        return [_member(path, archive, member) for member in members]


def _check_names(path: Path, names: list[str]) -> None:
    for name in names:
        check_name(path, name)
    if len(set(names)) < len(names):
        twice = next(name for name, times in Counter(names).items() if times > 1)
        raise SourceError(path, f"two members are named {twice!r}; which one is meant is unknown")


class _Directory(io.BufferedReader):
    """A file of which nothing larger than the directory of an archive may be is read at once.

    ``zipfile`` reads as much as the archive claims its directory to have.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        most = limits().members * DIRECTORY_BYTES
        if size is None or size < 0 or most == math.inf:
            return super().read(size)  # zipfile asks for all that is left only at the very end
        if size > most:
            raise SourceError(
                Path(self.name),
                f"its directory takes {size:,} bytes, more than {int(most):,}; {LIFT}",
            )
        return super().read(size)


@contextmanager
def _unzipped(path: Path) -> Iterator[zipfile.ZipFile]:
    """Give the archive, and name it where it is damaged."""
    try:
        with _Directory(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except (SourceError, OSError, MemoryError):
        raise
    except Exception as error:  # each way of packing fails with an error of its own
        why = str(error) or repr(error)
        raise SourceError(
            path, f"not a readable .npz archive ({why}); it may be cut short"
        ) from None


def _member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Stored:
    """Describe one array of the archive without inflating its entries."""
    if member.compress_type not in PACKED_BY_NUMPY:
        raise SourceError(
            path,
            f"{member.filename!r} is not packed as NumPy does it; pack it by np.savez_compressed",
        )
    with archive.open(member) as stream:
        header = _read_header(path, stream, repr(member.filename))
    info = header.info(member.filename.removesuffix(".npy"))
    return Stored(info, partial(_inflate, path, member, header))


def _read_header(path: Path, stream: IO[bytes], where: str) -> Header:
    """Parse the header out of the first HEADER_BYTES; nothing beyond them is looked at."""
    head = io.BytesIO(stream.read(HEADER_BYTES))
    if head.getvalue().startswith(b"\x80"):  # the opcode every pickle of protocol ≥ 2 starts with
        raise _pickled(path, where)
    try:
        version = np.lib.format.read_magic(head)
        parse = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "created on Python 2", of no use to the reader
            header = Header(*parse(head), head.tell())
    except Exception:  # whatever literal_eval, tokenize and dtype() raise when given rubbish
        raise SourceError(path, f"{where} does not begin as NumPy's .npy format does") from None
    if any(length < 0 for length in header.shape):
        raise SourceError(path, f"{where} claims the impossible shape {header.shape}")
    return header


def _check_entries(path: Path, header: Header, size: int, where: str) -> None:
    """Refuse what cannot be read as numbers, or is not all there in the ``size`` bytes."""
    if header.dtype.hasobject:
        raise _pickled(path, where)
    if header.dtype.kind == "V":
        raise SourceError(
            path,
            f"{where} holds raw {header.dtype!s:.60} bytes, as NumPy saves bfloat16 and float8; "
            "save it as .safetensors, which keeps the dtype",
        )
    if header.nbytes > size - header.offset:
        raise SourceError(
            path,
            f"{where} is cut short: shape {header.shape} of {header.dtype} takes "
            f"{header.nbytes} bytes, {size - header.offset} are there",
        )


def _map_entries(path: Path, header: Header) -> np.ndarray:
    """Return the array as a read-only view of the file."""
    order: Literal["F", "C"] = "F" if header.fortran_order else "C"
    mapped = np.memmap(path, header.dtype, "r", header.offset, header.shape, order)
    return _native(mapped)


def _inflate(path: Path, member: zipfile.ZipInfo, header: Header) -> np.ndarray:
    """Read one member of a ``.npz`` into memory, its size having been checked."""
    where = repr(member.filename)
    _check_entries(path, header, member.file_size, where)
    if member.compress_type != zipfile.ZIP_STORED:
        _check_unpacked(path, member, header.nbytes)
    with _unzipped(path) as archive, archive.open(member) as stream:
        return _native(np.lib.format.read_array(stream, allow_pickle=False))


def _check_unpacked(path: Path, member: zipfile.ZipInfo, size: int) -> None:
    """Refuse what would unpack to more than memory should hold; ``size`` is what is read."""
    what, most = f"{member.filename!r} unpacked", limits()
    check_size(path, what, size, most.unpacked_bytes, f"save it as .npy; {LIFT}")
    # The archive's word for the packed bytes is not taken past the file's own.
    packed = min(member.compress_size, path.stat().st_size)
    if size > most.small_bytes and size > most.ratio * packed:
        raise SourceError(
            path,
            f"{what} takes {bytes_text(size)}, {size / max(packed, 1):,.0f} times what it takes "
            f"packed, more than {int(most.ratio)} times; {LIFT}",
        )


def _native(array: np.ndarray) -> np.ndarray:
    """Return ``array`` in this machine's byte order, which BLAS needs; usually as it is."""
    return np.asarray(array).astype(array.dtype.newbyteorder("="), copy=False)


def _pickled(path: Path, where: str) -> SourceError:
    return SourceError(
        path,
        f"{where} holds pickled Python objects, which could run code and are never loaded; "
        "save it as an array of numbers, np.save(path, np.asarray(w, dtype=float))",
    )
