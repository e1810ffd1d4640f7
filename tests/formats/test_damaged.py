"""Hostile and damaged files: a matrix or one sentence, in bounded memory, no code run."""

import io
import os
import zipfile

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lora_bokeh.formats.limits import Limits, limited
from lora_bokeh.loading import open as loaders
from lora_bokeh.loading.open import SourceError, load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One folder for all draws of a property."""
    return tmp_path_factory.mktemp("files")


def refusal(path):
    with pytest.raises(SourceError) as error:
        load(path)
    text = str(error.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


def packed(write, **arrays):
    buffer = io.BytesIO()
    write(buffer, **arrays)
    return buffer.getvalue()


def zipped(method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("w.npy", packed(np.save, arr=W))
    return buffer.getvalue()


W = np.arange(6.0).reshape(2, 3)
HEADER = b'{"w":{"dtype":"F64","shape":[2,3],"data_offsets":[0,48]}}'
SOUND = {
    "plain.npy": packed(np.save, arr=W),
    "stored.npz": packed(np.savez, w=W),
    "packed.npz": packed(np.savez_compressed, w=W),
    "bzip2.npz": zipped(zipfile.ZIP_BZIP2),  # NumPy reads what it does not write
    "lzma.npz": zipped(zipfile.ZIP_LZMA),
    "w.safetensors": len(HEADER).to_bytes(8, "little") + HEADER + W.tobytes(),
    "w.csv": b"a,b,c\n0,1,2\n3,4,5\n",
}


def assert_read_or_refused(path):
    """Any bytes give a matrix or a SourceError: no other exception, no warning, no code run."""
    try:
        outcome = load(path)
    except SourceError as error:
        outcome = str(error)
    assert "\n" not in outcome if isinstance(outcome, str) else outcome.ndim == 2


@pytest.mark.parametrize("name", SOUND)
@given(
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 500),
)
@example(edits=[], cut=500)
@example(edits=[(8, 255), (9, 255)], cut=500)  # .npy: a header of 64 kB is promised
def test_damage_is_refused_or_read(folder, name, edits, cut):
    content = bytearray(SOUND[name])
    for position, value in edits:
        content[position % len(content)] = value
    path = folder / name
    path.write_bytes(content[:cut])
    assert_read_or_refused(path)


@given(content=st.binary(max_size=200), suffix=st.sampled_from(sorted(loaders.READERS)))
@example(content=b"\x80\x04K\x01.", suffix=".npy")
def test_rubbish_is_refused_or_read(folder, content, suffix):
    path = folder / f"rubbish{suffix}"
    path.write_bytes(content)
    assert_read_or_refused(path)


class Spy:
    """Unpickled, it leaves a trace."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("write", [np.save, np.savez])
def test_nothing_is_ever_unpickled(tmp_path, write):
    trace = tmp_path / "trace"
    path = tmp_path / ("w.npy" if write is np.save else "w.npz")
    with path.open("wb") as file:
        write(file, np.full((1, 1), Spy(trace)))
    assert "never loaded" in refusal(path)
    assert not trace.exists()


def test_a_zip_bomb_is_refused_unopened(tmp_path):
    path = tmp_path / "w.npz"
    np.savez_compressed(path, w=np.zeros((512, 512)))
    assert path.stat().st_size < 1 << 14
    with limited(Limits(unpacked_bytes=1 << 20)):
        assert "'w.npy' unpacked takes 2.10 MB, more than 1.05 MB" in refusal(path)
        np.savez(path, w=np.zeros((512, 512)))
        assert load(path).shape == (512, 512)  # not packed: no more than is there


def test_a_member_that_promises_more_than_it_has(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((2, 3)))
    lie = buffer.getvalue().replace(b"(2, 3), }", b"(2, 3000), }")
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("w.npy", lie)
    assert "shape (2, 3000) of float64 takes 48000 bytes" in refusal(tmp_path / "w.npz")


def test_text_is_bounded(tmp_path):
    path = tmp_path / "w.csv"
    path.write_text("1,2,3\n" * 4)
    with limited(Limits(line_characters=5)):
        assert "line 1" in refusal(path)
    with limited(Limits(text_bytes=10)):
        assert "24" in refusal(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1,2,3\n4,5\n", "line 2 has 2 values, line 1 has 3"),
        ("# c\n\n1 2\n\n3 4 5\n", "line 5 has 3 values, line 3 has 2"),
        ("1,2\n3,x\n", "line 2, column 2 is 'x', not a number"),
        ("1,2\n,4\n", "line 2, column 1 is empty"),
        ("1,2,\n", "line 1, column 3 is empty"),
        ("1;2,5\n", "line 1, column 2 is '2,5', not a number"),
        ("a,b\n1,2\n3,nan\n", "line 3, column 2 is nan; every entry must be finite"),
        ("1,1e999\n", "line 1, column 2 is inf; every entry must be finite"),
        ("a,b\n\n", "there is no row of numbers in it"),
        ("1,2\n3,\x1b[31m\n", "line 2, column 2 is '\\x1b[31m', not a number"),
    ],
)
def test_bad_text_is_named_by_line_and_column(tmp_path, text, reason):
    path = tmp_path / "w.csv"
    path.write_text(text)
    assert refusal(path) == reason


def test_text_in_another_encoding(tmp_path):
    path = tmp_path / "w.csv"
    path.write_bytes("1,2\n3,4\n".encode("utf-16"))
    assert refusal(path) == "not text in UTF-8 (after line 0)"
