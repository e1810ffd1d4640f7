"""The table of models against the real architectures, built without weights by transformers."""

from collections import Counter

import pytest

from lora_bokeh.models.parameter_budget import parameter_budget
from lora_bokeh.models.presets import find_model
from tests.interop.models import peft, torch, transformers

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's and transformers' own

GPT = {"n_embd": 768, "n_layer": 12, "n_head": 12}
BERT = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}
LARGE |= {"intermediate_size": 4096}
ROBERTA = {"vocab_size": 50_265, "max_position_embeddings": 514, "type_vocab_size": 1}


def llama(hidden, inner, layers, heads, kv, vocabulary=32_000, **more):
    config = transformers.LlamaConfig(
        hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=kv, vocab_size=vocabulary, **more,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config)


def qwen(hidden, inner, layers, heads, kv, vocabulary, tied):
    config = transformers.Qwen2Config(
        hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=kv, vocab_size=vocabulary,
        tie_word_embeddings=tied,
    )  # fmt: skip
    return transformers.Qwen2ForCausalLM(config)


def gemma():
    config = transformers.Gemma2Config(
        hidden_size=3584, intermediate_size=14_336, num_hidden_layers=42, num_attention_heads=16,
        num_key_value_heads=8, head_dim=256, vocab_size=256_000,
    )  # fmt: skip
    return transformers.Gemma2ForCausalLM(config)


def phi():
    config = transformers.Phi3Config(
        hidden_size=3072, intermediate_size=8192, num_hidden_layers=32, num_attention_heads=32,
        num_key_value_heads=32, vocab_size=32_064, pad_token_id=0,
    )  # fmt: skip
    return transformers.Phi3ForCausalLM(config)


def gpt2(**sizes):
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes))


def opt():
    config = transformers.OPTConfig(
        vocab_size=50_272, hidden_size=1024, num_hidden_layers=24, ffn_dim=4096,
        num_attention_heads=16, word_embed_proj_dim=512, do_layer_norm_before=False,
    )  # fmt: skip
    return transformers.OPTForCausalLM(config)


def bert(**sizes):
    return transformers.BertModel(transformers.BertConfig(**sizes))


def roberta(**sizes):
    return transformers.RobertaModel(transformers.RobertaConfig(**ROBERTA, **sizes))


def deberta():
    config = transformers.DebertaV2Config(
        vocab_size=128_100, hidden_size=1536, num_hidden_layers=48, num_attention_heads=24,
        intermediate_size=6144, type_vocab_size=0, relative_attention=True, position_buckets=256,
        norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type=["p2c", "c2p"],
        position_biased_input=False, conv_kernel_size=3, conv_act="gelu",
    )  # fmt: skip
    return transformers.DebertaV2Model(config)


def vit():
    return transformers.ViTModel(transformers.ViTConfig(), add_pooling_layer=False)


NEW = {"vocabulary": 128_256}
ARCHITECTURES = {
    "Llama-2-7B": lambda: llama(4096, 11_008, 32, 32, 32),
    "Llama-2-13B": lambda: llama(5120, 13_824, 40, 40, 40),
    "Llama-2-70B": lambda: llama(8192, 28_672, 80, 64, 8),
    "Llama-3-8B": lambda: llama(4096, 14_336, 32, 32, 8, **NEW),
    "Llama-3-70B": lambda: llama(8192, 28_672, 80, 64, 8, **NEW),
    "Llama-3.2-1B": lambda: llama(2048, 8192, 16, 32, 8, **NEW, tie_word_embeddings=True),
    "Llama-3.2-3B": lambda: llama(3072, 8192, 28, 24, 8, **NEW, tie_word_embeddings=True),
    "Mistral-7B": lambda: llama(4096, 14_336, 32, 32, 8),
    "Qwen2.5-3B": lambda: qwen(2048, 11_008, 36, 16, 2, 151_936, True),
    "Qwen2.5-7B": lambda: qwen(3584, 18_944, 28, 28, 4, 152_064, False),
    "Gemma-2-9B": gemma,
    "Phi-3-mini": phi,
    "GPT-2": lambda: gpt2(**GPT),
    "GPT-2-medium": lambda: gpt2(n_embd=1024, n_layer=24, n_head=16),
    "GPT-2-large": lambda: gpt2(n_embd=1280, n_layer=36, n_head=20),
    "GPT-2-XL": lambda: gpt2(n_embd=1600, n_layer=48, n_head=25),
    "OPT-350m": opt,
    "BERT-base": lambda: bert(**BERT),
    "BERT-large": lambda: bert(**LARGE),
    "RoBERTa-base": lambda: roberta(**BERT),
    "RoBERTa-large": lambda: roberta(**LARGE),
    "DeBERTa-v2-XXL": deberta,
    "ViT-B/16": vit,
}


def built(name):
    """Return the architecture on torch's meta device, which holds shapes only."""
    with torch.device("meta"):
        model = ARCHITECTURES[name]()
    model.tie_weights()
    return model


def shape_of(layer):
    """Return in and out of a linear layer, or of GPT-2's, which is stored the other way round."""
    return (
        tuple(layer.weight.shape) if "Conv1D" in type(layer).__name__ else layer.weight.shape[::-1]
    )


def shapes(module):
    return [(s.d_in, s.d_out) for s in module.shapes for _ in range(s.matrices)]


def matrices(model):
    """Return path and shape of all that is linear in a model."""
    weighty = (torch.nn.Linear, transformers.pytorch_utils.Conv1D)
    named = ((p, m) for p, m in model.named_modules() if isinstance(m, weighty))
    return [(path, shape_of(module)) for path, module in named]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_parameters_are_those_of_the_architecture(name):
    assert sum(p.numel() for p in built(name).parameters()) == find_model(name).parameters


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_modules_have_the_shapes_of_the_architecture(name):
    preset, linear = find_model(name), Counter(shape for _, shape in matrices(built(name)))
    listed = Counter(shape for module in preset.modules for shape in shapes(module))
    beside = linear - listed  # a pooler, a head, projections of the embeddings
    assert listed <= linear
    assert beside.total() <= 3


@pytest.mark.parametrize(
    "name", sorted({*ARCHITECTURES} - {"ViT-B/16"})
)  # renamed in some versions
def test_modules_have_the_names_of_the_architecture(name):
    preset, found = find_model(name), matrices(built(name))
    for module in sorted(preset.modules, key=lambda module: -len(module.name)):
        mine = [(path, shape) for path, shape in found if path.endswith(f".{module.name}")]
        assert [shape for _, shape in mine] == shapes(module)
        found = [pair for pair in found if pair not in mine]  # longer names first: BERT's "dense"


@pytest.mark.parametrize(
    ("name", "rank"), [("Qwen2.5-3B", 16), ("Llama-3.2-1B", 8), ("OPT-350m", 16), ("GPT-2", 8)]
)
def test_count_is_what_peft_counts(name, rank):
    ours = parameter_budget(name, rank)
    config = peft.LoraConfig(r=rank, target_modules=[module.name for module in ours.modules],
                             fan_in_fan_out=name == "GPT-2")  # fmt: skip
    adapted = peft.get_peft_model(built(name), config, low_cpu_mem_usage=True)
    trainable, total = adapted.get_nb_trainable_parameters()
    assert trainable == ours.trainable
    assert trainable / total == pytest.approx(ours.share)
