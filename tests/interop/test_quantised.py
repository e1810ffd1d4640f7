"""Quantised weights: dequantised here to the very numbers that their libraries compute."""

import numpy as np
import pytest

from lora_bokeh.loading.open import difference, load, open_source
from tests.interop.models import torch

save_file = pytest.importorskip("safetensors.torch").save_file
bitsandbytes = pytest.importorskip("bitsandbytes", reason="needs bitsandbytes")
functional = bitsandbytes.functional
NAME = "model.layers.0.q_proj"
SHAPES = [(64, 96), (33, 50), (7, 128)]


def weight(shape, dtype=torch.float32):
    torch.manual_seed(0)
    return (torch.randn(shape) * torch.linspace(0.1, 3, shape[0])[:, None]).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("shape", SHAPES)
def test_four_bits(tmp_path, shape, kind, nested, dtype):
    W = weight(shape, dtype)
    codes, state = functional.quantize_4bit(W, quant_type=kind, compress_statistics=nested)
    expected = functional.dequantize_4bit(codes, state)
    parts = {f"{NAME}.weight.{k}": v for k, v in state.as_dict(packed=True).items()}
    save_file({f"{NAME}.weight": codes, **parts}, tmp_path / "model.safetensors")
    got = np.asarray(load(tmp_path)).astype(np.float32)
    np.testing.assert_allclose(got, expected.float().numpy(), rtol=1e-6, atol=0)
    assert open_source(tmp_path).notes == (f"1 weight dequantised (bitsandbytes {kind})",)


@pytest.mark.parametrize("nested", [False, True])
def test_a_layer_of_four_bits_as_it_is_saved(tmp_path, nested):
    layer = bitsandbytes.nn.Linear4bit(
        96, 64, bias=False, quant_type="nf4", compress_statistics=nested
    )
    layer.load_state_dict({"weight": weight((64, 96))})
    layer = layer.to("cpu")
    if layer.weight.quant_state is None:
        layer.weight._quantize(torch.device("cpu"))
    expected = functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    base, tuned = tmp_path / "base.safetensors", tmp_path / "tuned.safetensors"
    save_file({f"{NAME}.{k}": v for k, v in layer.state_dict().items()}, base)
    T = expected.float() + torch.outer(torch.ones(64), torch.linspace(0, 1, 96))
    save_file({f"{NAME}.weight": T}, tuned)
    (entry,) = difference(base, tuned).entries
    delta = (T - expected).float().numpy()
    np.testing.assert_allclose(entry.read(), delta, atol=1e-6)
    assert entry.rounding_error() is None


@pytest.mark.parametrize("shape", SHAPES)
def test_eight_bits(tmp_path, shape):
    codes, maxima, _ = functional.int8_vectorwise_quant(weight(shape, torch.float16))
    expected = functional.int8_vectorwise_dequant(codes, maxima)
    tensors = {f"{NAME}.weight": codes, f"{NAME}.SCB": maxima,
               f"{NAME}.weight_format": torch.tensor(0, dtype=torch.uint8)}  # fmt: skip
    save_file(tensors, tmp_path / "model.safetensors")
    got = np.asarray(load(tmp_path)).astype(np.float32)
    np.testing.assert_allclose(got, expected.float().numpy(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("scales", [(2, 2), (1, 1), (256, 1), (8, 8)])
def test_float8_in_blocks(tmp_path, scales):
    """As transformers dequantises DeepSeek's and Qwen's."""
    fp8 = pytest.importorskip("transformers.integrations.finegrained_fp8")
    W, scale = weight((256, 256)).to(torch.float8_e4m3fn), torch.rand(scales) + 0.5
    expected = fp8.Fp8Dequantize(None)._dequantize_one(W, scale, torch.float32)
    tensors = {f"{NAME}.weight": W, f"{NAME}.weight_scale_inv": scale}
    save_file(tensors, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(load(tmp_path), expected.numpy())
