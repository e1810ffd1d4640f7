"""Files that a stranger made to take the memory or the time of whoever opens them."""

import io
import json
import zipfile

import numpy as np


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def bomb(size: int = 1 << 30) -> bytes:
    """Return a megabyte that unpacks to a gigabyte."""
    stream, side = io.BytesIO(), int((size // 8) ** 0.5)
    head, block = io.BytesIO(), bytes(1 << 20)
    shape = {"descr": "<f8", "fortran_order": False, "shape": (side, side)}
    np.lib.format.write_array_header_1_0(head, shape)
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("w.npy", "w", force_zip64=True) as member,
    ):
        member.write(head.getvalue())
        for begin in range(0, side * side * 8, len(block)):
            member.write(block[: side * side * 8 - begin])
    return stream.getvalue()


def many_members(count: int = 100_000) -> bytes:
    body = npy(np.eye(2, dtype=np.float32))
    return zipped({f"{i}.npy": body for i in range(count)}, zipfile.ZIP_STORED)


def lying_sizes() -> bytes:
    """Return an archive whose directory says that its bomb is packed as large as it unpacks."""
    content = bytearray(bomb(256 << 20))
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 20 : entry + 24] = content[entry + 24 : entry + 28]
    return bytes(content)


def safetensors(header: bytes, data: int = 0) -> bytes:
    return len(header).to_bytes(8, "little") + header + bytes(data)


def long_header(size: int = 99_000_000) -> bytes:
    return safetensors(b'{"__metadata__":{"a":"' + b"x" * size + b'"}}')


def many_tensors(count: int = 60_000) -> bytes:
    header = {f"{i}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(count)}
    return safetensors(json.dumps(header).encode())


def long_name(length: int = 1_000_000) -> bytes:
    entry = {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}
    return safetensors(json.dumps({"x" * length: entry}).encode(), 4)


def nested(depth: int = 5_000_000) -> bytes:
    return safetensors(b'{"a":' + b"[" * depth + b"]" * depth + b"}")


def csv(size: int = 60_000_000) -> bytes:
    numbers = np.random.default_rng(0).standard_normal(1000)
    row = ",".join(f"{x:.6f}" for x in numbers) + "\n"
    return (row * (size // len(row))).encode()  # whole lines


def wide(size: int = 30_000_000) -> bytes:
    return b"1," * (size // 2) + b"1\n"


def nested_dtype(depth: int = 60) -> bytes:
    description: object = "<f8"
    for _ in range(depth):
        description = [("a", description)]
    header = {"descr": description, "fortran_order": False, "shape": (2, 2)}
    text = repr(header).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(1000)


def nested_shape(depth: int = 4000) -> bytes:
    text = (
        b"{'descr': '<f8', 'fortran_order': False, 'shape': " + b"(" * depth + b")" * depth + b"}"
    )
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def huge_npy_header() -> bytes:
    """Return an archive of a member whose header alone unpacks to 500 MB."""
    size = 500_000_000
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("w.npy", "w") as member,
    ):
        member.write(b"\x93NUMPY\x02\x00" + size.to_bytes(4, "little") + b"{")
        for _ in range(size // (1 << 20)):
            member.write(b" " * (1 << 20))
    return stream.getvalue()


def twice() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("w.npy", npy(np.eye(2)))
        second = zipfile.ZipInfo("w.npy")
        archive.writestr(second, npy(np.eye(3)))
    return stream.getvalue()


def other_packing() -> bytes:
    """Return an archive packed by bzip2, which unpacks a hundred megabytes to read a header."""
    return zipped({"w.npy": npy(np.zeros((500, 500)))}, zipfile.ZIP_BZIP2)
