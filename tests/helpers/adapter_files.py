"""Adapters as other programs write them, from modules {name: (B, A, alpha)}."""

import json

import numpy as np
from safetensors.numpy import save_file


def factors(m, n, r, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((m, r)).astype(dtype), rng.standard_normal((r, n)).astype(dtype)


def save(path, tensors, metadata=None):
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, path, metadata)
    return path


def write_config(folder, **config):
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, **config}
    config = {key: value for key, value in config.items() if value is not None}
    (folder / "adapter_config.json").write_text(json.dumps(config))


def write_peft(folder, modules, extra=None, **config):
    """A PEFT folder: lora_A is (r, in), lora_B (out, r)."""
    tensors = dict(extra or {})
    for name, (B, A, *_) in modules.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = A
        tensors[f"base_model.model.{name}.lora_B.weight"] = B
    save(folder / "adapter_model.safetensors", tensors)
    write_config(folder, **config)
    return folder


def write_kohya(folder, modules, extra=None, metadata=None):
    tensors = dict(extra or {})
    for name, (B, A, *alpha) in modules.items():
        key = "lora_unet_" + name.replace(".", "_")
        tensors[f"{key}.lora_down.weight"], tensors[f"{key}.lora_up.weight"] = A, B
        if alpha and alpha[0] is not None:
            tensors[f"{key}.alpha"] = np.array(alpha[0], np.float32)
    return save(folder / "kohya.safetensors", tensors, metadata)


DIFFUSERS = {
    "old": ("unet.{}.processor.to_q_lora.down.weight", "unet.{}.processor.to_q_lora.up.weight"),
    "middle": ("unet.{}.to_q.lora.down.weight", "unet.{}.to_q.lora.up.weight"),
    "new": ("unet.{}.to_q.lora_A.weight", "unet.{}.to_q.lora_B.weight"),
}


def write_diffusers(folder, generation, modules, extra=None, metadata=None):
    down, up = DIFFUSERS[generation]
    tensors = dict(extra or {})
    for name, (B, A, *_) in modules.items():
        tensors[down.format(name)], tensors[up.format(name)] = A, B
    return save(folder / "pytorch_lora_weights.safetensors", tensors, metadata)


def write_cloneofsimo(folder, pairs):
    tensors, metadata = {}, {"unet": '["CrossAttention"]'}
    for i, (B, A, *_) in enumerate(pairs):
        tensors[f"unet:{i}:up"], tensors[f"unet:{i}:down"] = B, A
        metadata[f"unet:{i}:rank"] = str(len(A))
    return save(folder / "cloneofsimo.safetensors", tensors, metadata)


def delta(entry):
    """Return ΔW of an entry in float64, from what it reads."""
    pair = entry.read()
    return pair.scale * (pair.B.astype(float) @ pair.A.astype(float))


def product(B, A, scale=1.0):
    return scale * (B.astype(float) @ A.astype(float))
