"""Quantised checkpoints: dequantised by the formula, or named; never subtracted as codes."""

import json

import ml_dtypes
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh.cli import main
from lora_bokeh.compress.extract import Parts
from lora_bokeh.compress.save import save_extracted
from lora_bokeh.formats.dequantise import block_shape, scaled
from lora_bokeh.loading.open import SourceError, difference, load, open_source
from lora_bokeh.ranks.choice import Choice
from tests.helpers.adapter_files import save

RNG = np.random.default_rng(3)
E4M3 = ml_dtypes.float8_e4m3fn
NAME = "model.layers.0.q_proj"
NF4 = np.linspace(-1, 1, 16, dtype=np.float32)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def write(folder, tensors, **config):
    """Write a checkpoint's folder; float8 by hand, since safetensors' NumPy writer has none."""
    folder.mkdir()
    header, blob = {}, b""
    for name, array in ((name, np.asarray(tensor)) for name, tensor in tensors.items()):
        codes = {
            "float8_e4m3fn": "F8_E4M3",
            "float8_e8m0fnu": "F8_E8M0",
            "float32": "F32",
            "uint8": "U8",
            "int8": "I8",
            "int32": "I32",
            "float16": "F16",
            "uint32": "U32",
        }
        header[name] = {"dtype": codes[array.dtype.name], "shape": list(array.shape),
                        "data_offsets": [len(blob), len(blob) + array.nbytes]}  # fmt: skip
        blob += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + blob)
    if config:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


def nf4(W, blocksize=64, dtype="float32"):
    """Return what bitsandbytes saves of a weight."""
    flat = np.pad(W.reshape(-1), (0, -W.size % blocksize))
    absmax = np.abs(flat.reshape(-1, blocksize)).max(axis=1)
    codes = np.abs(flat.reshape(-1, blocksize, 1) / absmax[:, None, None] - NF4).argmin(axis=2)
    codes = codes.reshape(-1)[: W.size + W.size % 2]
    state = json.dumps({"quant_type": "nf4", "blocksize": blocksize, "dtype": dtype,
                        "shape": list(W.shape)}).encode()  # fmt: skip
    key = f"{NAME}.weight"
    tensors = {
        key: (codes[0::2] << 4 | codes[1::2]).astype(np.uint8)[:, None],
        f"{key}.absmax": absmax,
        f"{key}.quant_map": NF4,
        f"{key}.quant_state.bitsandbytes__nf4": np.frombuffer(state, np.uint8),
    }
    return tensors, (NF4[codes] * np.repeat(absmax, blocksize)[: len(codes)])[: W.size]


SCALES = {  # companion: (its key, how its scales stand beside 256 × 384 codes)
    "DeepSeek's blocks": ("weight_scale_inv", (2, 3)),
    "one": ("weight_scale", ()),
    "one, 1-D": ("weight_scale", (1,)),
    "a row each": ("weight_scale", (256, 1)),
    "a row each, 1-D": ("weight_scale", (256,)),
    "ComfyUI's": ("scale_weight", ()),
}


@pytest.mark.parametrize("kind", SCALES)
def test_float8_with_scales(tmp_path, kind):
    end, shape = SCALES[kind]
    codes, scales = normal(256, 384).astype(E4M3), np.abs(normal(*shape)) + np.float32(0.1)
    beside = {"scale_input": np.float32(1.0)} if end == "scale_weight" else {}
    tensors = {"weight": codes, end: scales, **beside}
    folder = write(tmp_path / "m", {f"{NAME}.{k}": v for k, v in tensors.items()})
    wide = scales.reshape(-1, 1) if len(shape) == 1 else scales
    if len(shape) == 2:
        wide = np.kron(scales, np.ones((128, 128 if shape[1] > 1 else 384)))[:256]
        wide = scales if shape[1] == 1 else wide
    expected = codes.astype(np.float32) * wide
    np.testing.assert_allclose(load(folder), expected, rtol=1e-6)
    (entry,) = open_source(folder).entries
    assert (entry.name, entry.dtype, entry.shape) == (f"{NAME}.weight", "float32", (256, 384))


def test_a_scale_that_is_a_power_of_two(tmp_path):
    codes, scale = normal(128, 128).astype(E4M3), np.array([[0.25]], ml_dtypes.float8_e8m0fnu)
    tensors = {f"{NAME}.weight": codes, f"{NAME}.weight_scale_inv": scale}
    np.testing.assert_array_equal(
        load(write(tmp_path / "m", tensors)), codes.astype(np.float32) / 4
    )


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([(128, 128), (64, 32), (1, 128)]))
def test_blocks_at_the_edges(m, n, block):
    shape = -(-m // block[0]), -(-n // block[1])
    scales, codes = np.abs(normal(*shape)) + 1, normal(m, n)
    found = block_shape((m, n), shape, block)
    rows, columns = np.arange(m) // block[0], np.arange(n) // block[1]
    np.testing.assert_allclose(
        scaled(codes, scales, found), codes * scales[rows][:, columns], rtol=1e-6
    )


@pytest.mark.parametrize("config", [{}, {"quantization_config": {"weight_block_size": [64, 64]}}])
def test_the_configuration_states_the_block(tmp_path, config):
    """150 rows and 3 scales: blocks of 64 where it is stated, else of 50."""
    size = 64 if config else 50
    codes, scales = normal(150, 150).astype(E4M3), np.abs(normal(3, 3)) + np.float32(0.1)
    tensors = {f"{NAME}.weight": codes, f"{NAME}.weight_scale_inv": scales}
    wide = np.kron(scales, np.ones((size, size), np.float32))[:150, :150]
    np.testing.assert_allclose(
        load(write(tmp_path / "m", tensors, **config)), codes.astype(np.float32) * wide, rtol=1e-6
    )


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("shape", [(16, 16), (5, 13)])
def test_nf4(tmp_path, shape, dtype):
    tensors, expected = nf4(normal(*shape), dtype=dtype)
    (entry,) = open_source(write(tmp_path / "m", tensors)).entries
    assert (entry.shape, entry.dtype) == (shape, dtype)
    np.testing.assert_array_equal(entry.read(), expected.reshape(shape).astype(dtype))


def test_int8(tmp_path):
    codes, maxima = RNG.integers(-127, 128, (6, 8)).astype(np.int8), np.abs(normal(6))
    tensors = {f"{NAME}.weight": codes, f"{NAME}.SCB": maxima,
               f"{NAME}.weight_format": np.uint8(0)}  # fmt: skip
    expected = codes * maxima[:, None] / 127
    np.testing.assert_allclose(load(write(tmp_path / "m", tensors)), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["float8", "nf4"])
def test_an_adapter_of_a_quantised_base(tmp_path, kind):
    W, bump = normal(64, 32), np.outer(np.ones(64), np.ones(32)).astype(np.float32)
    if kind == "nf4":
        tensors, base = nf4(W)
    else:
        codes = (W * 100).astype(E4M3)
        tensors = {f"{NAME}.weight": codes, f"{NAME}.weight_scale": np.float32(0.01)}
        base = codes.astype(np.float32) * np.float32(0.01)
    first = write(tmp_path / "base", tensors)
    second = write(tmp_path / "tuned", {f"{NAME}.weight": base.reshape(W.shape) + bump})
    result = save_extracted(first, second, tmp_path / "out", Choice(rank=1))
    assert result.frobenius_norm == pytest.approx(np.linalg.norm(bump), rel=1e-6)
    assert any("dequantised" in note for note in result.before.notes)


REFUSED = {
    "GPTQ": {"qweight": np.zeros((4, 16), np.int32), "qzeros": np.zeros((1, 2), np.int32),
             "scales": np.ones((1, 16), np.float16), "g_idx": np.zeros(32, np.int32)},
    "AWQ": {"qweight": np.zeros((32, 2), np.int32), "qzeros": np.zeros((1, 2), np.int32),
            "scales": np.ones((1, 16), np.float16)},
    "HQQ": {"W_q": np.zeros((8, 16), np.uint8), "scale": np.ones((1, 16), np.float16)},
    "MLX": {"weight": np.zeros((16, 4), np.uint32), "scales": np.ones((16, 1), np.float16),
            "biases": np.ones((16, 1), np.float16)},
    "NVFP4": {"weight": np.zeros((16, 16), np.uint8), "weight_scale": normal(16, 2),
              "weight_scale_2": np.float32(1)},
    "quanto": {"weight._data": np.zeros((16, 32), np.int8), "weight._scale": normal(16, 1)},
    "bitsandbytes nf4, its state cannot be read": {
        "weight": np.zeros((256, 1), np.uint8), "weight.absmax": normal(8),
        "weight.quant_map": NF4,
        "weight.quant_state.bitsandbytes__nf4": np.zeros(80, np.uint8),
    },
}  # fmt: skip


@pytest.mark.parametrize("method", REFUSED)
def test_other_methods_are_named_and_refused(tmp_path, method):
    embedding = {"model.embed_tokens.weight": normal(40, 16)}
    codes = {f"{NAME}.{end}": tensor for end, tensor in REFUSED[method].items()}
    base = write(tmp_path / "base", embedding | codes)
    tuned = write(tmp_path / "tuned", {"model.embed_tokens.weight": normal(40, 16),
                                       f"{NAME}.weight": normal(16, 32)})  # fmt: skip
    source = open_source(base)
    assert [entry.name for entry in source.entries] == ["model.embed_tokens.weight"]
    assert set(source.leftovers[f"quantised ({method})"]) == set(codes)
    with pytest.raises(SourceError, match="is not dequantised here") as refused:
        difference(base, tuned)
    assert method in str(refused.value)
    assert difference(base, tuned, exclude=f"{NAME}.*").entries


def test_save_modules_carries_no_quantised_wholes(tmp_path):
    tensors, _ = nf4(normal(16, 16))
    embedding = {"model.embed_tokens.weight": normal(40, 16)}
    base = write(tmp_path / "base", embedding)
    tuned = write(tmp_path / "tuned", tensors | {"model.embed_tokens.weight": normal(40, 16),
                                                 "model.norm.weight": normal(16)})  # fmt: skip
    save_extracted(base, tuned, tmp_path / "out", Choice(rank=1), parts=Parts(save_modules=True))
    kept = open_source(tmp_path / "out").leftovers
    assert [name for names in kept.values() for name in names] == [
        "base_model.model.model.norm.weight"
    ]


def test_inspect_says_what_was_dequantised(tmp_path):
    tensors, _ = nf4(normal(16, 16))
    done = CliRunner().invoke(main, ["inspect", str(write(tmp_path / "m", tensors))])
    assert "1 weight dequantised (bitsandbytes nf4)" in done.output


def test_plain_float8_is_what_it_says(tmp_path):
    W = normal(8, 8).astype(E4M3)
    np.testing.assert_array_equal(load(write(tmp_path / "m", {f"{NAME}.weight": W})), W)


def test_int8_matrices_without_scales_are_as_before(tmp_path):
    path = save(tmp_path / "w.safetensors", {"w.weight": np.ones((3, 4), np.int8)})
    assert load(path).dtype == np.int8
