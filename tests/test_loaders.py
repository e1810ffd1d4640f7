"""Files: what is written comes back bit for bit; what is not a matrix is refused in a sentence."""

import io
import json
import os
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save_file

from lora_bokeh import loaders
from lora_bokeh.formats import delimited, npy
from lora_bokeh.loaders import SourceError, list_tensors, load

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)
NUMPY_DTYPES = [np.bool_, *"bhiqBHIQefd"]
NARROW_DTYPES = {
    "BF16": ml_dtypes.bfloat16,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One folder for all draws of a property."""
    return tmp_path_factory.mktemp("files")


def matrices(dtypes=NUMPY_DTYPES):
    return st.sampled_from(dtypes).flatmap(lambda dtype: hnp.arrays(np.dtype(dtype), SHAPES))


def assert_same(read, written):
    assert read.dtype == written.dtype.newbyteorder("=")
    assert read.shape == written.shape
    assert read.astype(written.dtype).tobytes() == written.tobytes()


def write_safetensors(path, tensors):
    """Write {name: (dtype, array)} as the format's description says, dtype by its name there."""
    entries, blobs, end = {}, [], 0
    for name, (dtype, array) in tensors.items():
        begin, end = end, end + array.nbytes
        entries[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [begin, end]}
        blobs.append(array.tobytes())
    header = json.dumps(entries).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"".join(blobs))


# --- what is written comes back


@given(w=matrices(), fortran=st.booleans(), order=st.sampled_from("<>"))
def test_npy_comes_back(folder, w, fortran, order):
    path = folder / "w.npy"
    w = w.astype(w.dtype.newbyteorder(order))
    np.save(path, np.asfortranarray(w) if fortran else w)
    assert_same(load(path), w)


def test_npy_stays_on_disk(tmp_path):
    path = tmp_path / "w.npy"
    np.save(path, np.eye(3, dtype=np.float32))
    w = load(path)
    assert isinstance(w.base, np.memmap)
    assert not w.flags.writeable


@given(w=matrices(), compressed=st.booleans())
def test_npz_comes_back(folder, w, compressed):
    path = folder / "w.npz"
    (np.savez_compressed if compressed else np.savez)(path, w=w, bias=np.ones(3))
    assert_same(load(path), w)
    assert_same(load(path, "w"), w)


@given(w=matrices([np.bool_, *"bhiqBHIQefd"]))
def test_safetensors_come_back(folder, w):
    path = folder / "w.safetensors"
    save_file({"w": w, "bias": np.ones(3)}, path)
    assert_same(load(path), w)


@pytest.mark.parametrize("name", NARROW_DTYPES)
@given(data=st.data())
def test_narrow_floats_come_back_as_they_are(folder, name, data):
    dtype = np.dtype(NARROW_DTYPES[name])
    bits = data.draw(hnp.arrays(f"u{dtype.itemsize}", SHAPES))
    path = folder / "narrow.safetensors"
    write_safetensors(path, {"odd": ("U8", np.ones(1, "u1")), "w": (name, bits)})
    w = load(path)  # one odd byte before it: not aligned in the file
    assert w.dtype == dtype
    assert w.flags.aligned
    assert w.tobytes() == bits.tobytes()


@given(
    w=hnp.arrays(np.float64, SHAPES, elements=st.floats(allow_nan=False, allow_infinity=False)),
    separator=st.sampled_from([",", ", ", ";", "\t", " ", "  "]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.sampled_from(["", "\ufeff"]),
    tail=st.sampled_from(["", "\n", "\n\n \n"]),
    names=st.booleans(),
)
def test_csv_comes_back(folder, w, separator, end, mark, tail, names):
    path = folder / "w.csv"
    lines = [separator.join(map(repr, row)) for row in w.tolist()]
    header = [separator.join(f"c{j}" for j in range(w.shape[1]))] if names else []
    text = mark + "\n".join(["# by hand", *header, *lines]) + tail
    path.write_bytes(text.replace("\n", end).encode())
    assert_same(load(path), w)


def test_a_header_of_numbers_is_data(tmp_path):
    path = tmp_path / "w.csv"
    path.write_text("0,1\n5,6\n")
    assert load(path).tolist() == [[0, 1], [5, 6]]


def test_an_adapter_folder_is_its_one_file(tmp_path):
    w = np.arange(6.0).reshape(2, 3)
    save_file({"w": w}, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text("{}")
    assert_same(load(tmp_path), w)


def test_listing_reads_no_entries(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.zeros((2, 3), np.float16), o=np.array([{}]), s=np.int8(1))
    assert list_tensors(tmp_path / "w.npz") == [
        ("a", (2, 3), "float16", 12),
        ("o", (1,), "object", 8),
        ("s", (), "int8", 1),
    ]


def test_real_matrices_are_as_described(shared_data):
    assert load(shared_data / "minilm_l6_layer0_query.npy").shape == (384, 384)
    half = load(shared_data / "sd15_analog_svd_rank4_cloneofsimo.safetensors", "unet:0:up")
    assert half.dtype == np.float16
    assert len(list_tensors(shared_data / "sam_vit_b_lora_rank4.safetensors")) == 48


# --- what cannot be read is refused, whatever it is


def refusal(path, tensor=None):
    with pytest.raises(SourceError) as error:
        load(path, tensor)
    text = str(error.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


def packed(write, **arrays):
    buffer = io.BytesIO()
    write(buffer, **arrays)
    return buffer.getvalue()


W = np.arange(6.0).reshape(2, 3)
HEADER = b'{"w":{"dtype":"F64","shape":[2,3],"data_offsets":[0,48]}}'
SOUND = {
    "plain.npy": packed(np.save, arr=W),
    "stored.npz": packed(np.savez, w=W),
    "packed.npz": packed(np.savez_compressed, w=W),
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


def test_a_zip_bomb_is_refused_unopened(tmp_path, monkeypatch):
    monkeypatch.setattr(npy, "MAX_INFLATED_BYTES", 1 << 20)
    path = tmp_path / "w.npz"
    np.savez_compressed(path, w=np.zeros((512, 512)))
    assert path.stat().st_size < 1 << 14
    assert "would unpack to 2097280 bytes, more than 1048576" in refusal(path)
    np.savez(path, w=np.zeros((512, 512)))
    assert load(path).shape == (512, 512)  # not packed: no more than is there


def test_a_member_that_promises_more_than_it_has(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((2, 3)))
    lie = buffer.getvalue().replace(b"(2, 3), }", b"(2, 3000), }")
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("w.npy", lie)
    assert "shape (2, 3000) of float64 takes 48000 bytes" in refusal(tmp_path / "w.npz")


def test_text_is_bounded(tmp_path, monkeypatch):
    path = tmp_path / "w.csv"
    path.write_text("1,2,3\n" * 4)
    monkeypatch.setattr(delimited, "MAX_LINE", 5)
    assert refusal(path) == "line 1 is longer than 5 characters; use .npy"
    monkeypatch.setattr(delimited, "MAX_BYTES", 10)
    assert refusal(path) == "24 bytes of text are too many; save the matrix as .npy"


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


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("w.pt", ".pt files are pickles, which can run code and are never opened; convert it"),
        ("w.h5", "unknown kind of file; these are read: .npy, .npz, .csv, .safetensors"),
        ("w", "unknown kind of file; these are read: .npy, .npz, .csv, .safetensors"),
    ],
)
def test_other_kinds_of_file(tmp_path, name, reason):
    (tmp_path / name).write_bytes(b"x")
    assert refusal(tmp_path / name).startswith(reason)


def test_what_is_no_file(tmp_path):
    assert refusal(tmp_path / "none.npy") == "no such file"
    assert refusal(Path("nul\0.npy")) == "embedded null byte"
    (tmp_path / "link.npy").symlink_to("gone.npy")
    assert refusal(tmp_path / "link.npy") == ("a symbolic link to 'gone.npy', which does not exist")
    os.mkfifo(tmp_path / "pipe.npy")
    assert refusal(tmp_path / "pipe.npy") == "not a regular file (a device, pipe or socket)"
    (tmp_path / "empty.npy").touch()
    assert refusal(tmp_path / "empty.npy") == "the file is empty"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(tmp_path):
    np.save(tmp_path / "w.npy", np.eye(2))
    (tmp_path / "w.npy").chmod(0)
    assert refusal(tmp_path / "w.npy") == "permission denied"


def test_a_folder_without_or_with_many(tmp_path):
    advice = "; name one file"
    assert refusal(tmp_path) == "a directory with 0 .safetensors files in it" + advice
    for name in "ba":
        save_file({"w": np.eye(2)}, tmp_path / f"{name}.safetensors")
    listed = ": a.safetensors, b.safetensors"
    assert refusal(tmp_path) == f"a directory with 2 .safetensors files in it{listed}{advice}"


# --- which tensor


def test_the_one_matrix_is_taken_and_several_are_listed(tmp_path):
    path = tmp_path / "w.npz"
    np.savez(path, one=np.eye(2), bias=np.ones(2))
    assert load(path).shape == (2, 2)
    np.savez(path, one=np.eye(2), two=np.ones((2, 3)))
    assert refusal(path) == (
        "2 matrices are in it, choose one by name (--tensor): one (2×2), two (2×3)"
    )
    np.savez(path, a=np.ones(2), b=np.ones(3))
    assert refusal(path) == "no 2-D tensor is in it"


def test_a_long_list_is_bounded(tmp_path):
    np.savez(tmp_path / "w.npz", **{f"w{i:03}": np.eye(2) for i in range(192)})
    text = refusal(tmp_path / "w.npz")
    assert text.endswith("w019 (2×2) … and 172 more")
    assert len(text) < 400


def test_names_are_matched_or_suggested(tmp_path):
    path = tmp_path / "w.npz"
    np.savez(path, q_proj=np.eye(2), bias=np.ones(2))
    assert refusal(path, "q_prj") == "no tensor is named 'q_prj'; did you mean q_proj?"
    assert refusal(path, "zzz") == "no tensor is named 'zzz'; it holds q_proj, bias"
    assert refusal(path, "bias") == (
        "tensor 'bias' is 1-D, of shape (2,); reshape it to (1, n) or (m, 1) to get a matrix"
    )
    np.save(tmp_path / "w.npy", np.eye(2))
    assert refusal(tmp_path / "w.npy", "q") == (
        "it holds one array without a name; leave out the name 'q'"
    )


@pytest.mark.parametrize(
    ("w", "reason"),
    [
        (np.zeros((2, 3, 4)), "the array is 3-D, of shape (2, 3, 4); save one slice of it"),
        (np.float64(3), "the array is 0-D, of shape (); reshape it"),
        (np.zeros((0, 3)), "the array is empty: its shape is (0, 3)"),
        (np.zeros((2, 2), ml_dtypes.bfloat16), "the file holds raw |V2 bytes, as NumPy saves"),
    ],
)
def test_arrays_that_are_no_matrix(tmp_path, w, reason):
    np.save(tmp_path / "w.npy", w)
    assert refusal(tmp_path / "w.npy").startswith(reason)


def test_a_dtype_numpy_does_not_have(tmp_path):
    write_safetensors(tmp_path / "w.safetensors", {"w": ("F8_E8M0", np.ones((2, 2), "u1"))})
    assert list_tensors(tmp_path / "w.safetensors") == [("w", (2, 2), "F8_E8M0", 4)]
    assert refusal(tmp_path / "w.safetensors") == (
        "tensor 'w' has dtype F8_E8M0, which NumPy cannot represent"
    )
