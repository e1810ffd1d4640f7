"""Files that are written: read back by the safetensors library and by PEFT's own rule."""

import json
import re
from collections import Counter

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file

from lora_bokeh.adapters.new_pair import NewPair
from lora_bokeh.adapters.write_kohya import kohya_metadata, kohya_name, kohya_tensors
from lora_bokeh.adapters.write_peft import check_plain, peft_config, peft_tensors, rank_pattern
from lora_bokeh.adapters.writing import NewAdapter, Place, write_adapter
from lora_bokeh.formats.write_safetensors import NewTensor, file_bytes, write

DTYPES = ["bool", "uint8", "int64", "float16", "float32", "float64", "bfloat16", "float8_e4m3fn"]


def pair(name, m=6, n=4, r=2, **options):
    B, A = np.arange(m * r, dtype=float).reshape(m, r), np.ones((r, n))
    return NewPair(name, (m, n), r, lambda: B, lambda: A, **options)


def adapter(*pairs, others=()):
    return NewAdapter(list(pairs), list(others), {"base_model_name_or_path": "b"}, {}, True)


@given(
    st.dictionaries(
        st.text(max_size=8).filter(lambda name: name != "__metadata__"),
        st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 4), max_size=3)),
        max_size=6,
    ),
    st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=2),
)
def test_file_is_what_safetensors_reads(tmp_path_factory, tensors, metadata):
    path = tmp_path_factory.mktemp("written") / "w.safetensors"
    arrays = {
        name: np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(np.dtype(dtype))
        for name, (dtype, shape) in tensors.items()
    }
    new = [NewTensor(k, a.shape, a.dtype.name, lambda a=a: a) for k, a in arrays.items()]
    write(path, new, metadata)
    assert path.stat().st_size == file_bytes(new, metadata)
    with safe_open(path, "np") as file:
        assert file.metadata() == (metadata or None)
    if "float8_e4m3fn" not in {dtype for dtype, _ in tensors.values()}:
        back = load_file(path)
        assert back.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(back[name], array)
            assert back[name].shape == array.shape


def test_tensors_are_aligned(tmp_path):
    sizes = {"a": "uint8", "b": "float64", "c": "bfloat16", "d": "float32"}
    new = [NewTensor(k, (3,), dtype, lambda: np.ones(3)) for k, dtype in sizes.items()]
    write(tmp_path / "w.safetensors", new, {})
    raw = (tmp_path / "w.safetensors").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    assert length % 8 == 0
    for entry in json.loads(raw[8 : 8 + length]).values():
        begin, end = entry["data_offsets"]
        assert begin % ((end - begin) // 3) == 0


def test_shape_that_was_not_promised_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"'w'.*was read"):
        write(tmp_path / "w.safetensors", [NewTensor("w", (2,), "float32", lambda: np.ones(3))], {})


def value_by_peft(pattern, module, default):
    """PEFT's get_pattern_key, as its documentation states it."""
    return next((v for k, v in pattern.items() if re.match(rf"(.*\.)?({k})$", module)), default)


part = st.sampled_from(["q", "qq", "x.q", "1", "11", "h", "h.1", "+", "a|b", "q_proj"])
module_name = st.lists(part, min_size=1, max_size=4).map(".".join)


@given(st.dictionaries(module_name, st.integers(1, 3), min_size=1, max_size=12))
def test_every_module_finds_its_rank(ranks):
    r = Counter(ranks.values()).most_common(1)[0][0]
    pattern = rank_pattern(ranks, r)
    assert {name: value_by_peft(pattern, name, r) for name in ranks} == ranks


def test_names_are_written_as_they_are():
    """Older versions of PEFT look a whole name up, and find it only unescaped."""
    assert rank_pattern({"h.0.q": 2, "h.1.q": 3, "h.2.q": 2}, 2) == {"h.1.q": 3}


def test_config_of_equal_ranks_needs_no_pattern():
    config = peft_config(
        {"r": 64, "lora_alpha": 16, "use_rslora": True}, [pair("a"), pair("b")], True
    )
    assert (config["r"], config["lora_alpha"], config["use_rslora"]) == (2, 2, False)
    assert config["rank_pattern"] == config["alpha_pattern"] == {}
    assert config["target_modules"] == ["a", "b"]


def test_config_keeps_what_it_does_not_set():
    config = peft_config({"bias": "all", "target_modules": "all-linear"}, [pair("a")], False)
    assert (config["bias"], config["target_modules"]) == ("all", "all-linear")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"init_lora_weights": "pissa_niter_16"}, "pissa_niter_16.*save it as plain LoRA first"),
        ({"use_qalora": True}, "use_qalora.*extract"),
        ({"target_parameters": ["experts.w"]}, "target_parameters"),
    ],
)
def test_adapters_which_are_more_than_their_pairs_are_refused(config, message):
    with pytest.raises(ValueError, match=message):
        check_plain(config)
    check_plain({"init_lora_weights": "gaussian", "use_qalora": False, "use_dora": True})


def test_peft_names_and_shapes():
    pairs = [pair("q"), pair("c", 6, 36, kernel=(3, 3)), pair("e", embedding=True)]
    shapes = {
        t.name.removeprefix("base_model.model."): t.shape for t in peft_tensors(pairs, "float32")
    }
    assert shapes == {
        "q.lora_B.weight": (6, 2),
        "q.lora_A.weight": (2, 4),
        "c.lora_B.weight": (6, 2, 1, 1),
        "c.lora_A.weight": (2, 4, 3, 3),
        "e.lora_embedding_B": (6, 2),
        "e.lora_embedding_A": (2, 4),
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("unet.mid_block.attn1.to_out.0", "lora_unet_mid_block_attn1_to_out_0"),
        ("text_encoder.layers.0.q_proj", "lora_te_layers_0_q_proj"),
        ("lora_te1_x_q", "lora_te1_x_q"),
    ],
)
def test_kohya_names(name, expected):
    assert kohya_name(name) == expected


@pytest.mark.parametrize("name", ["model.layers.0.q_proj", "unet.12", "q"])
def test_modules_without_a_name_in_kohyas_format(name):
    with pytest.raises(ValueError, match=re.escape(repr(name))):
        kohya_name(name)


def test_two_text_encoders_are_numbered():
    names = {
        t.name for t in kohya_tensors([pair("text_encoder.q"), pair("text_encoder_2.q")], "float16")
    }
    assert {"lora_te1_q.alpha", "lora_te2_q.alpha"} < names


def test_two_modules_of_one_name_are_refused():
    with pytest.raises(ValueError, match="'lora_unet_a_b'"):
        kohya_tensors([pair("unet.a.b"), pair("unet.a_b")], "float16")


def test_kohya_metadata():
    source = {"ss_network_dim": "64", "ss_tag": "x", "sshs_model_hash": "0", "other": "y"}
    network = {"ss_network_module": "networks.lora", "ss_tag": "x"}
    same = {"ss_network_dim": "2", "ss_network_alpha": "2"}
    assert kohya_metadata(source, [pair("a"), pair("b")]) == network | same
    mixed = kohya_metadata(source, [pair("a"), pair("b", r=3)])
    assert mixed["ss_network_dim"] == mixed["ss_network_alpha"] == "Dynamic"


def test_kohya_file(tmp_path):
    path = tmp_path / "a.safetensors"
    write_adapter(Place(path, "kohya", "float16"), adapter(pair("unet.q")), str)
    back = load_file(path)
    B, A = back["lora_unet_q.lora_up.weight"], back["lora_unet_q.lora_down.weight"]
    assert (B.dtype, B.shape, A.shape, back["lora_unet_q.alpha"]) == (np.float16, (6, 2), (2, 4), 2)


def test_peft_folder(tmp_path):
    bias = NewTensor("base_model.model.q.bias", (4,), "bfloat16", lambda: np.ones(4))
    new = adapter(pair("q"), others=[bias])
    place = Place(tmp_path / "out", "peft", "float32")
    write_adapter(place, new, lambda: "# read me\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]
    files = {p.name: p for p in place.path.iterdir()}
    assert set(files) == {"README.md", "adapter_config.json", "adapter_model.safetensors"}
    assert files["adapter_model.safetensors"].stat().st_size == new.nbytes("peft", "float32")
    assert (
        load_file(files["adapter_model.safetensors"])["base_model.model.q.bias"].dtype
        == ml_dtypes.bfloat16
    )
    assert json.loads(files["adapter_config.json"].read_text())["peft_type"] == "LORA"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError])
@pytest.mark.parametrize("existing", [False, True])
def test_interruption_leaves_things_as_they_were(tmp_path, error, existing):
    place = Place(tmp_path / "out", "peft", "float32", force=True)
    if existing:
        write_adapter(place, adapter(pair("q")), lambda: "first")

    def interrupted():
        raise error("stop")

    broken = NewPair("q", (6, 4), 2, interrupted, interrupted)
    for readme, what in ((str, broken), (interrupted, pair("q"))):
        with pytest.raises(error):
            write_adapter(place, adapter(what), readme)
    assert [p.name for p in tmp_path.iterdir()] == (["out"] if existing else [])
    if existing:
        assert (place.path / "README.md").read_text() == "first"


def test_folder_is_replaced_only_by_force(tmp_path):
    place = Place(tmp_path / "out", "peft", "float32")
    write_adapter(place, adapter(pair("q")), lambda: "first")
    with pytest.raises(ValueError, match="--force"):
        write_adapter(place, adapter(pair("q")), lambda: "second")
    write_adapter(place._replace(force=True), adapter(pair("q")), lambda: "third")
    assert (place.path / "README.md").read_text() == "third"
    (place.path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"notes\.txt"):
        write_adapter(place._replace(force=True), adapter(pair("q")), str)
    assert (place.path / "notes.txt").exists()


@pytest.mark.parametrize(
    ("name", "form", "message"),
    [
        ("there", "kohya", r"one file.*NAME\.safetensors"),
        ("file", "peft", "a folder"),
        ("a.safetensors", "peft", "a folder"),
        ("nowhere/out", "peft", "there is no folder"),
        ("link", "peft", "neither"),
        ("there", "peft", "holds more than an adapter"),
    ],
)
def test_places_where_nothing_is_written(tmp_path, name, form, message):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("there")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=message):
        write_adapter(Place(tmp_path / name, form, "float32", True), adapter(pair("unet.q")), str)
    assert sorted(tmp_path.rglob("*")) == before


def test_factors_too_large_for_the_dtype(tmp_path):
    large = NewPair("q", (2, 2), 1, lambda: np.full((2, 1), 1e6), lambda: np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"'q'.*float16.*--dtype"):
        write_adapter(Place(tmp_path / "out", "peft", "float16"), adapter(large), str)
    assert not list(tmp_path.iterdir())
