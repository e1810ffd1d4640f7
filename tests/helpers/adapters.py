"""Adapters and checkpoints made by hand, as files of each format."""

import json

import numpy as np
from safetensors.numpy import save_file

SHAPES = {  # of B and A
    "linear": ((12, 3), (3, 10)),
    "wide": ((5, 4), (4, 30)),
    "conv": ((6, 3, 1, 1), (3, 4, 3, 3)),
}


def factors(seed, B_shape, A_shape, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(B_shape).astype(dtype), rng.standard_normal(A_shape).astype(dtype)


def flat(factor):
    """Return a factor, or a kernel as a matrix, in float64."""
    return factor.reshape(len(factor), -1).astype(np.float64)


def product(B, A):
    return flat(B) @ flat(A)


def best(dense, r):
    """Eckart–Young, by LAPACK."""
    U, s, Vh = np.linalg.svd(dense, full_matrices=False)
    return (U[:, :r] * s[:r]) @ Vh[:r]


def peft(folder, pairs, others=None, **config):
    """Write a PEFT folder of {module: (B, A)}; of a module that ends in "embed" an embedding's."""
    tensors = dict(others or {})
    for module, (B, A) in pairs.items():
        names = ("lora_embedding_{}",) if module.endswith("embed") else ("lora_{}.weight",)
        tensors[f"base_model.model.{module}.{names[0].format('B')}"] = B
        tensors[f"base_model.model.{module}.{names[0].format('A')}"] = A
    folder.mkdir()
    save_file(tensors, folder / "adapter_model.safetensors")
    first = next(iter(pairs.values()))[0]
    config = {"peft_type": "LORA", "r": first.shape[1], "lora_alpha": 6} | config
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def kohya(path, pairs, alpha=2.0, others=None, metadata=None):
    """Write kohya's file of {module: (up, down) or (up, down, mid)}."""
    tensors = dict(others or {})
    for module, (up, down, *mid) in pairs.items():
        tensors |= {f"{module}.lora_up.weight": up, f"{module}.lora_down.weight": down}
        tensors |= {f"{module}.lora_mid.weight": m for m in mid}
        tensors[f"{module}.alpha"] = np.array(alpha, dtype=up.dtype)
    save_file(tensors, path, metadata)
    return path


def checkpoint(folder, tensors, shards=1, **config):
    """Write a folder as transformers saves a model, in as many shards."""
    folder.mkdir()
    names = sorted(tensors)
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    else:
        files = [f"model-{i + 1:05}-of-{shards:05}.safetensors" for i in range(shards)]
        weight_map = {name: files[i % shards] for i, name in enumerate(names)}
        for file in files:
            save_file({n: tensors[n] for n in names if weight_map[n] == file}, folder / file)
        index = json.dumps({"metadata": {}, "weight_map": weight_map})
        (folder / "model.safetensors.index.json").write_text(index)
    if config:
        (folder / "config.json").write_text(json.dumps(config))
    return folder
