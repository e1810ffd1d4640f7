"""Checkpoints in several files, and their differences with what rounding leaves in them."""

import json
import sys

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lora_bokeh.engine.rounding import rounding_error
from lora_bokeh.engine.spectrum import spectrum
from lora_bokeh.loading.open import SourceError, difference, list_tensors, load, open_source
from tests.helpers.adapter_files import factors, save, write_peft

HALVES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def write_shards(folder, tensors, shards=2):
    """A checkpoint in several files with its index, tensors dealt in turn."""
    folder.mkdir(exist_ok=True)
    names = [f"model-{i + 1:05}-of-{shards:05}.safetensors" for i in range(shards)]
    weight_map = {key: names[i % shards] for i, key in enumerate(sorted(tensors))}
    for name in names:
        save(folder / name, {k: tensors[k] for k, shard in weight_map.items() if shard == name})
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def model(seed, **more):
    rng = np.random.default_rng(seed)
    shapes = {"layers.0.q": (6, 5), "layers.10.q": (6, 5), "layers.2.q": (6, 5), "norm": (5,)}
    weights = {key: rng.standard_normal(shape).astype(np.float32) for key, shape in shapes.items()}
    return weights | more


def refusal(function, *args, **options):
    with pytest.raises(SourceError) as error:
        function(*args, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


# --- shards


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_shards_are_one_checkpoint(tmp_path, shards):
    tensors = model(0)
    folder = write_shards(tmp_path / "model", tensors, shards)
    for path in (folder, folder / "model.safetensors.index.json"):
        source = open_source(path)
        assert source.format == "checkpoint"
        assert [e.name for e in source.entries] == ["layers.0.q", "layers.2.q", "layers.10.q"]
        assert source.leftovers == {"not matrices": ("norm",)}
        assert [info.name for info in list_tensors(path)] == sorted(tensors)
        np.testing.assert_array_equal(load(path, "layers.10.q"), tensors["layers.10.q"])


def test_an_index_goes_before_the_files_it_lists(tmp_path):
    write_shards(tmp_path, model(0))
    save(tmp_path / "consolidated.safetensors", {"w": np.eye(2)})
    assert len(open_source(tmp_path).entries) == 3


def test_an_adapter_goes_before_all_else(tmp_path):
    write_shards(tmp_path, model(0))
    write_peft(tmp_path, {"q": factors(4, 5, 4)})
    assert open_source(tmp_path).format == "peft"


def test_links_into_the_blobs_of_the_cache_are_followed(tmp_path):
    """A download cache keeps each file once, in blobs; its snapshots are folders of links."""
    snapshot, blobs = (
        tmp_path / "models--a--b" / "snapshots" / "abc",
        tmp_path / "models--a--b/blobs",
    )
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    write_shards(snapshot, model(0))
    for number, file in enumerate(sorted(snapshot.iterdir())):
        file.rename(blobs / str(number))
        file.symlink_to(f"../../blobs/{number}")
    assert len(open_source(snapshot).entries) == 3


def test_opening_reads_no_entries(tmp_path, monkeypatch):
    write_shards(tmp_path / "base", model(0))
    write_shards(tmp_path / "tuned", model(1))
    monkeypatch.setattr(np, "memmap", None)
    assert len(difference(tmp_path / "base", tmp_path / "tuned").entries) == 3


# --- kernels


def test_kernels_of_a_checkpoint_are_matrices(tmp_path):
    w = np.arange(2 * 3 * 4 * 4.0).reshape(2, 3, 4, 4)
    path = save(tmp_path / "w.safetensors", {"conv": w, "stem.weight": np.ones((2, 3, 5))})
    (entry,) = open_source(path).entries
    assert (entry.shape, entry.kernel) == ((2, 48), (3, 4, 4))
    np.testing.assert_array_equal(load(path, "conv"), w.reshape(2, 48))


# --- differences


@pytest.mark.parametrize("dtypes", [("float32", "float32"), ("bfloat16", "float16")])
@given(data=st.data())
def test_the_difference_is_taken_in_float32(tmp_path_factory, dtypes, data):
    folder = tmp_path_factory.mktemp("pair")
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=6))
    elements = st.floats(-100, 100, width=16)
    arrays = [data.draw(hnp.arrays(np.float32, shape, elements=elements)) for _ in dtypes]
    stored = [a.astype(HALVES.get(dtype, dtype)) for a, dtype in zip(arrays, dtypes, strict=True)]
    base, tuned = (save(folder / f"{i}.safetensors", {"w": w}) for i, w in enumerate(stored))
    (entry,) = difference(base, tuned).entries
    delta = entry.read()
    assert delta.dtype == np.float32
    np.testing.assert_array_equal(delta, stored[1].astype("f4") - stored[0].astype("f4"))
    assert (entry.kind, entry.shape) == ("difference", shape)


def test_double_precision_stays(tmp_path):
    np.save(tmp_path / "a.npy", np.full((2, 3), 1.0))
    np.save(tmp_path / "b.npy", np.full((2, 3), 1 + 1e-12))
    (entry,) = difference(tmp_path / "a.npy", tmp_path / "b.npy").entries
    np.testing.assert_array_equal(entry.read(), np.full((2, 3), (1 + 1e-12) - 1))
    assert entry.name is None


@pytest.mark.parametrize("wide", [0, 1])
def test_single_and_double_precision_are_subtracted_in_double(tmp_path, wide):
    arrays = [np.full((2, 3), 1.0, np.float32)] * 2
    arrays[wide] = np.full((2, 3), 1 + 1e-12)
    for name, array in zip("ab", arrays, strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    (entry,) = difference(tmp_path / "a.npy", tmp_path / "b.npy").entries
    delta = entry.read()
    assert delta.dtype == np.float64
    np.testing.assert_array_equal(delta, arrays[1] - arrays[0].astype(float))


def test_what_has_no_counterpart_is_named(tmp_path):
    conv, ints = np.ones((2, 3, 3, 3), np.float32), np.ones((2, 2), np.int8)
    base = model(0, head=np.ones((4, 5)), old=np.eye(2), ids=ints, conv=conv)
    tuned = model(1, head=np.ones((3, 5)), new=np.eye(2), ids=ints, conv=conv.reshape(2, 27))
    source = difference(
        write_shards(tmp_path / "base", base), save(tmp_path / "tuned.safetensors", tuned)
    )
    assert [e.name for e in source.entries] == ["layers.0.q", "layers.2.q", "layers.10.q"]
    assert source.leftovers == {
        "not matrices": ("norm",),
        "of another shape in the base": ("conv", "head"),
        "not of a floating-point dtype": ("ids",),
        "only in the tuned model": ("new",),
    }
    assert source.notes == (
        "5 tensors are not compared: not matrices (1: norm); of another shape in the base "
        "(2: conv, head); not of a floating-point dtype (1: ids); only in the tuned model "
        "(1: new)",
        "1 matrix is only in the base model: old",
    )
    np.testing.assert_array_equal(source.tensors["norm"].read(), tuned["norm"])


@pytest.mark.parametrize(
    ("include", "exclude", "names"),
    [
        (None, None, ["layers.0.q", "layers.2.q", "layers.10.q"]),
        ("layers.?.q", None, ["layers.0.q", "layers.2.q"]),
        (["layers.0.q", "layers.10.*"], (), ["layers.0.q", "layers.10.q"]),
        ((), "*.2.*", ["layers.0.q", "layers.10.q"]),
        ("*", ["*.0.*", "*.2.*"], ["layers.10.q"]),
    ],
)
def test_include_and_exclude(tmp_path, include, exclude, names):
    paths = [save(tmp_path / f"{i}.safetensors", model(i)) for i in range(2)]
    source = difference(*paths, include, exclude)
    assert [e.name for e in source.entries] == names
    left = 3 - len(names)
    assert len(source.leftovers.get("left out as asked", ())) == left


def test_nothing_to_compare(tmp_path):
    base = save(tmp_path / "base.safetensors", model(0))
    other = save(tmp_path / "other.safetensors", {"x": np.eye(3)})
    adapter = write_peft(tmp_path, {"q": factors(4, 5, 4)})
    assert refusal(difference, base, other) == (
        f"{other}: no matrix to compare with {base}: only in the tuned model (1: x)"
    )
    assert "no matrix to compare" in refusal(difference, base, base, include="nothing*")
    assert "an adapter; a difference is taken of whole weights" in refusal(
        difference, base, adapter
    )


# --- the rounding floor


@pytest.mark.parametrize("dtype", HALVES)
def test_rounding_is_as_large_as_foretold(dtype):
    rng = np.random.default_rng(0)
    base = rng.standard_normal((300, 500)).astype(np.float32) * 0.02
    tuned = base + rng.standard_normal((300, 500)).astype(np.float32) * 0.003
    stored = [w.astype(HALVES[dtype]) for w in (base, tuned)]
    error = (stored[1].astype("f8") - stored[0].astype("f8")) - (tuned.astype("f8") - base)
    expected = rounding_error(*stored)
    assert np.linalg.norm(error) == pytest.approx(expected.frobenius, rel=0.02)
    assert 0.9 < np.linalg.norm(error, 2) / expected.edge < 1


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
@given(data=st.data())
def test_ulps_are_the_spacing_of_the_format(dtype, data):
    """Between x and its neighbour away from zero; below the normal numbers, the smallest."""
    info = ml_dtypes.finfo(dtype)
    limit = float(info.max) / 4
    x = np.array([[data.draw(st.floats(-limit, limit))]]).astype(dtype)
    neighbour = np.nextafter(np.abs(x), np.array(np.inf, dtype))
    ulp = (neighbour.astype(float) - np.abs(x).astype(float)).item()
    if 1e-150 < ulp < 1e150:  # its square under- or overflows otherwise
        assert rounding_error(x).frobenius == pytest.approx(ulp / 12**0.5, rel=1e-12)


def test_integers_are_exact():
    assert rounding_error(np.ones((2, 2), np.int8), np.ones((2, 2), bool)) == (0, 0)


def test_a_difference_knows_its_floor(tmp_path):
    rng = np.random.default_rng(0)
    base = rng.standard_normal((80, 60)).astype(np.float32)
    tuned = base + (8 * rng.standard_normal((80, 2)) @ rng.standard_normal((2, 60))).astype("f4")
    for name, w in (("base", base), ("tuned", tuned)):
        save(tmp_path / f"{name}.safetensors", {"w": w.astype(ml_dtypes.bfloat16)})
    source = difference(tmp_path / "base.safetensors", tmp_path / "tuned.safetensors")
    (entry,) = source.entries
    s = spectrum(entry.read()).s
    floor = entry.rounding_error()
    assert (s > floor.edge).sum() == 2
    assert open_source(tmp_path / "base.safetensors").entries[0].rounding_error() is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_a_difference_holds_one_matrix_at_a_time(tmp_path):
    """Two files of 128 MB in bfloat16, 16 matrices: no more than a few matrices at once."""
    import subprocess

    w = np.ones((2048, 2048), ml_dtypes.bfloat16)
    for name in ("base", "tuned"):
        write_shards(tmp_path / name, {f"layers.{i}.w": w for i in range(16)})
    code = (
        "import sys, resource; from lora_bokeh.loading.open import difference\n"
        "source = difference(*sys.argv[1:])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "total = sum(float(e.read()[0, 0]) + e.rounding_error().edge for e in source.entries)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "base", tmp_path / "tuned"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) < 80_000  # kB; a float32 matrix has 16.8 MB, the files 268 MB
