"""Tiny models built from a configuration, nothing downloaded, and adapters of theirs by PEFT."""

import os
import warnings

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
WHY = "needs torch, transformers and peft: pip install 'lora-bokeh[interop]'"
with warnings.catch_warnings():  # theirs, while they are imported
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch", reason=WHY)
    transformers = pytest.importorskip("transformers", reason=WHY)
    peft = pytest.importorskip("peft", reason=WHY)

SPREAD = 0.2  # of the weights: enough for every part of a model to change its answer
TOKENS = torch.arange(12).reshape(2, 6)


def llama():
    config = transformers.LlamaConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, vocab_size=40, attention_bias=True, initializer_range=SPREAD,
    )  # fmt: skip
    return _seeded(transformers.LlamaForCausalLM, config)


def gpt2():
    config = transformers.GPT2Config(
        n_embd=32, n_layer=2, n_head=4, vocab_size=40, n_positions=16, initializer_range=SPREAD
    )
    return _seeded(transformers.GPT2LMHeadModel, config)


def classifier():
    config = transformers.BertConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        vocab_size=40, max_position_embeddings=16, num_labels=3, initializer_range=SPREAD,
    )  # fmt: skip
    return _seeded(transformers.BertForSequenceClassification, config)


def convolutions():
    config = transformers.ResNetConfig(
        num_channels=3, embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic"
    )
    return _seeded(transformers.ResNetModel, config)


def _seeded(kind, config):
    torch.manual_seed(0)
    return kind(config).eval()


ADAPTERS = {  # name: (model, options of LoraConfig)
    "LoRA": (llama, {"r": 4, "lora_alpha": 6, "target_modules": ["q_proj", "down_proj"]}),
    "rsLoRA": (llama, {"r": 4, "lora_alpha": 6, "use_rslora": True, "target_modules": ["v_proj"]}),
    "rank_pattern": (llama, {
        "r": 4, "lora_alpha": 8, "target_modules": "all-linear",
        "rank_pattern": {"q_proj": 3, r"layers\.1\.mlp\.up_proj": 5, "0.self_attn.o_proj": 2},
    }),
    "alpha_pattern": (llama, {
        "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "k_proj", "up_proj"],
        "alpha_pattern": {"q_proj": 3, "model.layers.0.mlp.up_proj": 5.5},
        "rank_pattern": {"k_proj": 2},
    }),
    "fan_in_fan_out": (gpt2, {
        "r": 4, "lora_alpha": 6, "target_modules": ["c_attn", "c_proj"], "fan_in_fan_out": True,
    }),
    "embeddings": (llama, {"r": 4, "lora_alpha": 6, "target_modules": ["embed_tokens", "o_proj"]}),
    "DoRA": (llama, {"r": 4, "lora_alpha": 6, "use_dora": True, "target_modules": ["q_proj"]}),
    "modules_to_save": (classifier, {
        "r": 4, "lora_alpha": 6, "target_modules": ["query", "value"],
        "modules_to_save": ["classifier"],
    }),
    "biases": (classifier, {
        "r": 4, "lora_alpha": 6, "target_modules": ["query"], "bias": "lora_only",
    }),
    "lora_bias": (classifier, {
        "r": 4, "lora_alpha": 12, "target_modules": ["query"], "lora_bias": True,
    }),
    "convolutions": (convolutions, {"r": 4, "lora_alpha": 6, "target_modules": ["convolution"]}),
}  # fmt: skip


def tuned(name):
    """Return a model of PEFT's, every trainable number of it random."""
    build, options = ADAPTERS[name]
    model = peft.get_peft_model(build(), peft.LoraConfig(**options))
    torch.manual_seed(1)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "magnitude" in key:
                parameter.mul_(1 + torch.rand_like(parameter))
            elif parameter.requires_grad:
                parameter.copy_(torch.randn_like(parameter) / 4)
    return model.eval()


def nudged(model):
    """Return the model, every number of it moved: as full fine-tuning leaves it."""
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) / 10)
    return model


def loaded(name, folder):
    """Return the same base model with the adapter of a folder."""
    return peft.PeftModel.from_pretrained(ADAPTERS[name][0](), folder).eval()


def deltas(model):
    """Return {module: ΔW} by PEFT, kernels as matrices, in float64."""
    found = {}
    for name, module in model.base_model.model.named_modules():
        if isinstance(module, peft.tuners.lora.LoraLayer):
            delta = module.get_delta_weight("default").detach().double()
            found[name] = delta.reshape(len(delta), -1).numpy()
    return found


def output(model):
    """Return what the model says to a fixed input."""
    with torch.no_grad():
        if hasattr(model.config, "vocab_size"):
            return model(TOKENS).logits.double().numpy()
        pixels = torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)
        return model(pixels).last_hidden_state.double().numpy()
