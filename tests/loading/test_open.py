"""Files: what is written comes back bit for bit; what is not a matrix is refused in a sentence."""

import json
import os
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save_file

from lora_bokeh.loading import open as loaders
from lora_bokeh.loading.open import SourceError, list_tensors, load
from lora_bokeh.text import printable

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
    assert len(list_tensors(shared_data / "sam_vit_b_lora_rank4.safetensors")) == 24


# --- what is no file of ours


def refusal(path, tensor=None):
    with pytest.raises(SourceError) as error:
        load(path, tensor)
    text = str(error.value)
    where = printable(f"{path}: ")
    assert text.startswith(where)
    assert "\n" not in text
    return text.removeprefix(where)


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
@pytest.mark.parametrize("suffix", loaders.READERS)
def test_what_may_not_be_read(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(b"x")
    path.chmod(0)
    assert refusal(path) == "permission denied"


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


def test_a_scale_of_powers_of_two(tmp_path):
    write_safetensors(tmp_path / "w.safetensors", {"w": ("F8_E8M0", np.full((2, 2), 128, "u1"))})
    assert list_tensors(tmp_path / "w.safetensors") == [("w", (2, 2), "float8_e8m0fnu", 4)]
    np.testing.assert_array_equal(
        load(tmp_path / "w.safetensors").astype(float), np.full((2, 2), 2)
    )
