"""Adapters: ΔW read equals s·B·A as the program that wrote the file means it."""

import json

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh.adapters.peft_config import LoraConfig
from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.spectrum import spectrum
from lora_bokeh.loading.open import SourceError, list_tensors, load, open_source
from tests.helpers.adapter_files import (
    DIFFUSERS,
    delta,
    factors,
    product,
    save,
    write_cloneofsimo,
    write_diffusers,
    write_kohya,
    write_peft,
)

DTYPES = st.sampled_from([np.float16, np.float32, np.float64, ml_dtypes.bfloat16])
SIDES = st.integers(1, 9)
ALPHAS = st.floats(-100, 100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One folder for all draws of a property."""
    return tmp_path_factory.mktemp("adapters")


def only(path):
    (entry,) = open_source(path).entries
    return entry


def assert_delta(entry, expected):
    assert entry.shape == expected.shape
    np.testing.assert_allclose(delta(entry), expected, rtol=1e-12, atol=1e-300)


# --- the scale


@given(m=SIDES, n=SIDES, r=SIDES, alpha=ALPHAS, dtype=DTYPES, rslora=st.booleans())
def test_peft_scale(folder, m, n, r, alpha, dtype, rslora):
    B, A = factors(m, n, r, dtype=dtype)
    write_peft(folder, {"q": (B, A)}, r=r, lora_alpha=alpha, use_rslora=rslora)
    entry = only(folder)
    assert (entry.name, entry.rank, entry.lora_alpha) == ("q", r, alpha)
    assert entry.dtype == str(np.dtype(dtype))
    assert entry.nbytes == A.nbytes + B.nbytes
    assert_delta(entry, product(B, A, alpha / (np.sqrt(r) if rslora else r)))


@given(m=SIDES, n=SIDES, r=SIDES, alpha=st.none() | st.floats(-100, 100, width=32), dtype=DTYPES)
def test_kohya_scale(folder, m, n, r, alpha, dtype):
    B, A = factors(m, n, r, dtype=dtype)
    source = open_source(write_kohya(folder, {"mid.attn1.to_q": (B, A, alpha)}))
    (entry,) = source.entries
    assert source.format == "kohya"
    assert entry.name == "lora_unet_mid_attn1_to_q"
    assert_delta(entry, product(B, A, 1.0 if alpha is None else alpha / r))
    said = "no alpha is stored: the scale is taken to be 1" in source.notes
    assert said == (alpha is None)


def test_some_alphas_missing(tmp_path):
    pair = factors(4, 5, 2)
    path = write_kohya(tmp_path, {"a": (*pair, 4), "b": pair, "c": (*pair, 1)})
    source = open_source(path)
    assert [entry.scale for entry in source.entries] == [2, 1, 0.5]
    assert source.notes == (
        "1 of 3 pairs have no alpha, their scale is taken to be 1: lora_unet_b",
    )


PATTERNS = {  # (pattern, names it is for, names it is not for), by re.match(r"(.*\.)?(KEY)$")
    "q_proj": (["q_proj", "model.layers.0.q_proj"], ["model.xq_proj", "q_proj.base"]),
    "layers.0.q_proj": (["model.layers.0.q_proj", "layers.0.q_proj"], ["model.layers.10.q_proj"]),
    r"layers\.[0-3]\.(q|v)_proj": (["m.layers.3.v_proj"], ["m.layers.4.v_proj", "layers.3.k_proj"]),
    r"^model\.a": ([], ["model.a.b"]),
    ".*attn.*": (["x.self_attn.q"], ["mlp"]),
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_fit_as_pefts_do(tmp_path, pattern):
    names, others = PATTERNS[pattern]
    config = LoraConfig(tmp_path, {"r": 8, "lora_alpha": 16, "alpha_pattern": {pattern: 2}})
    assert all(config.scaling(name, 8) == (2 / 8, 2) for name in names)
    assert all(config.scaling(name, 8) == (16 / 8, 16) for name in others)


def test_the_first_pattern_that_fits_decides(tmp_path):
    modules = {
        "model.layers.0.q_proj": factors(6, 7, 2),
        "model.layers.0.v_proj": factors(6, 7, 3),
        "model.layers.1.q_proj": factors(6, 7, 4),
    }
    source = open_source(
        write_peft(
            tmp_path,
            modules,
            r=4,
            lora_alpha=8,
            rank_pattern={"layers.0.q_proj": 2, "v_proj": 3},
            alpha_pattern={"layers.0.q_proj": 1, "q_proj": 6},
        )
    )
    assert {e.name: (e.rank, e.scale) for e in source.entries} == {
        "model.layers.0.q_proj": (2, 1 / 2),
        "model.layers.0.v_proj": (3, 8 / 3),
        "model.layers.1.q_proj": (4, 6 / 4),
    }
    assert source.format == "peft"
    assert source.config["lora_alpha"] == 8


# --- orientation


def test_fan_in_fan_out_is_the_transpose(tmp_path):
    B, A = factors(9, 4, 4)
    write_peft(tmp_path, {"h.0.c_attn": (B, A)}, lora_alpha=8, fan_in_fan_out=True)
    entry = only(tmp_path)
    assert entry.fan_in_fan_out
    assert_delta(entry, product(B, A, 2).T)


def test_embeddings_are_as_the_table_is_stored(tmp_path):
    B, A = factors(6, 50, 4)  # (dimensions, r), (r, entries)
    key = "base_model.model.wte.lora_embedding_"
    write_peft(tmp_path, {"q": factors(6, 6, 4)}, {f"{key}A": A, f"{key}B": B}, lora_alpha=8)
    q, wte = open_source(tmp_path).entries
    assert (q.embedding, wte.embedding, wte.fan_in_fan_out) == (False, True, True)
    assert_delta(wte, product(B, A, 2).T)


@pytest.mark.parametrize("up_shape", [(8, 2, 1, 1), (8, 2)])
def test_convolutions_are_matrices(tmp_path, up_shape):
    rng = np.random.default_rng(0)
    down, up = rng.standard_normal((2, 3, 3, 3)), rng.standard_normal((8, 2, 1, 1))
    entry = only(write_kohya(tmp_path, {"conv": (up.reshape(up_shape), down, 1)}))
    kernel = 0.5 * np.einsum("or,rihw->oihw", up[:, :, 0, 0], down)
    assert entry.kernel == (3, 3, 3)
    assert_delta(entry, kernel.reshape(8, 27))


def test_locon_mid(tmp_path):
    rng = np.random.default_rng(0)
    down, mid, up = (rng.standard_normal(s) for s in ((2, 5, 1, 1), (3, 2, 3, 3), (7, 3, 1, 1)))
    extra = {"lora_unet_conv.lora_mid.weight": mid}
    entry = only(write_kohya(tmp_path, {"conv": (up, down, 6)}, extra))
    kernel = np.einsum("oa,abhw,bi->oihw", up[:, :, 0, 0], mid, down[:, :, 0, 0])
    assert (entry.rank, entry.scale, entry.kernel) == (3, 2, (5, 3, 3))
    assert_delta(entry, 2 * kernel.reshape(7, 45))


# --- keys


@pytest.mark.parametrize("generation", DIFFUSERS)
def test_diffusers_of_each_generation(tmp_path, generation):
    modules = {f"down_blocks.{i}.attn1": factors(6, 5, 2, seed=i) for i in (10, 2)}
    source = open_source(write_diffusers(tmp_path, generation, modules))
    assert source.format == "diffusers"
    assert [e.name for e in source.entries] == [
        "unet.down_blocks.2.attn1.to_q",
        "unet.down_blocks.10.attn1.to_q",
    ]
    assert [(e.layer, e.module) for e in source.entries] == [(2, "to_q"), (10, "to_q")]
    assert_delta(source.entries[0], product(*factors(6, 5, 2, seed=2)))
    assert source.notes == ("no alpha is stored: the scale is taken to be 1",)


@pytest.mark.parametrize("prefix", ["unet.", ""])
def test_diffusers_with_pefts_configuration(tmp_path, prefix):
    config = {"r": 2, "lora_alpha": 6, "alpha_pattern": {"mid.to_q": 1}}
    metadata = {"lora_adapter_metadata": json.dumps({prefix + k: v for k, v in config.items()})}
    modules = {"mid": factors(6, 5, 2), "up": factors(6, 5, 2)}
    source = open_source(write_diffusers(tmp_path, "new", modules, metadata=metadata))
    assert [entry.scale for entry in source.entries] == [0.5, 3]


def test_text_encoder_of_diffusers(tmp_path):
    B, A = factors(4, 4, 1)
    key = "text_encoder.layers.0.self_attn.q_proj.lora_linear_layer"
    path = save(tmp_path / "te.safetensors", {f"{key}.down.weight": A, f"{key}.up.weight": B})
    assert only(path).name == "text_encoder.layers.0.self_attn.q_proj"


def test_cloneofsimo_is_numbered(tmp_path):
    pairs = [factors(6, 5, 2, seed=i) for i in range(12)]
    source = open_source(write_cloneofsimo(tmp_path, pairs))
    assert source.format == "cloneofsimo"
    assert [e.name for e in source.entries] == [f"unet:{i}" for i in range(12)]
    assert_delta(source.entries[11], product(*pairs[11]))


@pytest.mark.parametrize(
    ("down", "up", "name"),
    [
        ("w_a_003", "w_b_003", "w_003"),
        ("q.lora_A", "q.lora_B", "q"),
        ("blocks.1.proj.down", "blocks.1.proj.up", "blocks.1.proj"),
    ],
)
def test_pairs_by_pattern(tmp_path, down, up, name):
    B, A = factors(6, 5, 2)
    source = open_source(save(tmp_path / "w.safetensors", {down: A, up: B}))
    assert source.format == "pairs"
    assert source.entries[0].name == name
    assert_delta(source.entries[0], product(B, A))


def test_a_checkpoint_with_an_up_and_a_down_is_no_adapter(tmp_path):
    w = np.eye(4)
    path = save(
        tmp_path / "w.safetensors", dict.fromkeys(("up", "m.up", "m.down", "q", "k", "v"), w)
    )
    source = open_source(path)
    assert (source.format, source.is_adapter, len(source.entries)) == ("checkpoint", False, 6)


# --- what is no pair


def test_leftovers_are_named_by_kind(tmp_path):
    p = "base_model.model."
    extra = {
        f"{p}q.lora_magnitude_vector": np.ones(4),
        f"{p}q.lora_B.bias": np.ones(4),
        f"{p}score.weight": np.ones((2, 4)),
        f"{p}q.bias": np.ones(4),
        f"{p}k.lora_A.weight.weight": np.ones((4, 4)),
        f"{p}norm.weight": np.ones(4),
    }
    source = open_source(
        write_peft(
            tmp_path, {"q": factors(4, 4, 4)}, extra, modules_to_save=["score"], use_dora=True
        )
    )
    assert source.leftovers == {
        "malformed LoRA keys": (f"{p}k.lora_A.weight.weight",),
        "other tensors": (f"{p}norm.weight",),
        "biases": (f"{p}q.bias",),
        "biases of lora_B": (f"{p}q.lora_B.bias",),
        "DoRA magnitudes": (f"{p}q.lora_magnitude_vector",),
        "modules_to_save": (f"{p}score.weight",),
    }
    dora, rest = source.notes
    assert dora.startswith("DoRA: ")
    assert rest.startswith("6 tensors are not part of a LoRA pair: malformed LoRA keys (1: ")
    assert all(key in rest for key in extra)
    np.testing.assert_array_equal(source.tensors[f"{p}score.weight"].read(), np.ones((2, 4)))


def test_other_kinds_of_leftovers(tmp_path):
    extra = {
        "lora_unet_a.dora_scale": np.ones((4, 1)),
        "lora_unet_b.hada_w1_a": np.ones((4, 2)),
        "lora_unet_b.alpha": np.array(1.0),
        "lora_unet_c.diff": np.ones((4, 4)),
        "<s1>": np.ones(4),
    }
    source = open_source(write_kohya(tmp_path, {"a": (*factors(4, 4, 2), 2)}, extra))
    assert set(source.leftovers) == {
        "DoRA magnitudes",
        "LoHa factors",
        "alphas without a pair",
        "whole differences",
        "learned embeddings",
    }


@pytest.mark.parametrize(
    ("method", "keys"),
    [
        ("OFT", ["oft_blocks"]),
        ("OFT", ["boft_R.default"]),
        ("GLoRA", ["a1.weight", "a2.weight", "b1.weight", "b2.weight"]),
        ("IA³", ["weight", "on_input"]),
        ("VeRA", ["vera_lambda_b", "vera_lambda_d"]),
    ],
)
def test_other_methods_are_named_and_refused(tmp_path, method, keys):
    module = "lora_unet_down_blocks_0_proj"
    tensors = {f"{module}.{key}": np.ones((4, 2), np.float32) for key in keys}
    path = save(tmp_path / "other.safetensors", {**tensors, f"{module}.alpha": np.ones(1)})
    with pytest.raises(SourceError, match=rf"an adapter of {method} \(.*not of LoRA") as refused:
        open_source(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("config", "note"),
    [
        ({"use_rslora": True}, "rsLoRA: the scale is alpha/√r"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out: ΔW is (in, out)"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights is 'pissa_niter_4'"),
    ],
)
def test_notes_on_the_meaning(tmp_path, config, note):
    source = open_source(write_peft(tmp_path, {"q": factors(4, 4, 4)}, **config))
    assert source.notes[0].startswith(note)


# --- the door


def test_load_and_list(tmp_path):
    B, A = factors(6, 5, 4)
    write_peft(tmp_path, {"q": (B, A)}, lora_alpha=2)
    pair = load(tmp_path)
    assert isinstance(pair, LowRank)
    assert (pair.shape, pair.rank, pair.scale) == ((6, 5), 4, 0.5)
    assert list_tensors(tmp_path) == [("q", (6, 5), "float32", A.nbytes + B.nbytes)]
    np.testing.assert_array_equal(load(tmp_path, "base_model.model.q.lora_A.weight"), A)


REAL = ["sam_vit_b_lora_rank4", "sam_vit_b_lora_rank16", "sd15_analog_svd_rank4_cloneofsimo"]
EACH = 32  # of the real pairs, how many share one dense SVD: it takes most of a second


@pytest.mark.parametrize("name", REAL)
def test_real_adapters_equal_lapack(shared_data, name):
    source = open_source(shared_data / f"{name}.safetensors")
    for i, entry in enumerate(source.entries):
        W = delta(entry)
        if i % EACH:  # W has rank ≤ r, so r + 4 of its random combinations hold all of it
            omega = np.random.default_rng(i).standard_normal((W.shape[1], entry.rank + 4))
            W = np.linalg.qr(W @ omega)[0].T @ W
        s = np.linalg.svd(W, compute_uv=False)[: entry.rank]
        np.testing.assert_allclose(spectrum(entry.read()).s, s, rtol=0, atol=1e-6 * s[0])
