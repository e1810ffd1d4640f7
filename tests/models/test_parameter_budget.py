"""What LoRA trains of a model: every published count, and the laws the counts obey."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh.loading.open import open_source
from lora_bokeh.lora import parameter_count, savings
from lora_bokeh.models.parameter_budget import (
    ITEMSIZE,
    MOMENTS,
    full_rank,
    lora_count,
    parameter_budget,
    same_budget,
    training_memory,
    whole_count,
)
from lora_bokeh.models.presets import find_model, own_model, presets, published_accuracies

DATA = Path(__file__).parents[3] / "shared" / "data"

# Where it is stated, model, rank, targets, trained beside the adapter (a new head), the count.
PUBLISHED = [
    ("LoRA paper, table 4", "GPT-3-175B", 1, "q,v", 0, 4_718_592),
    ("LoRA paper, table 4", "GPT-3-175B", 8, "q,v", 0, 37_748_736),
    ("LoRA paper, table 5", "GPT-3-175B", 8, "q", 0, 18_874_368),
    ("LoRA paper, table 5", "GPT-3-175B", 4, "q,v", 0, 18_874_368),
    ("LoRA paper, table 5", "GPT-3-175B", 2, "q,k,v,o", 0, 18_874_368),
    ("LoRA paper, table 2", "RoBERTa-base", 8, "q,v", 0, 294_912),
    ("LoRA paper, table 2", "RoBERTa-large", 8, "q,v", 0, 786_432),
    ("microsoft/LoRA", "RoBERTa-base", 8, "q,v", 592_899, 887_811),
    ("microsoft/LoRA", "DeBERTa-v2-XXL", 16, "q,v", 0, 4_718_592),
    ("PEFT README", "Qwen2.5-3B", 16, "q_proj,v_proj", 0, 3_686_400),
    ("PEFT quicktour", "Llama-3.2-1B", 8, "q_proj", 0, 524_288),
    ("PEFT model configuration", "OPT-350m", 16, "q_proj,v_proj", 0, 1_572_864),
    ("PEFT LoRA reference", "ViT-B/16", 16, "query,value", 77_669, 667_493),
    ("PEFT conversion", "Llama-3.2-3B", 8, "q,v", 0, 2_293_760),
    ("PEFT conversion", "Llama-3.2-3B", 16, "q,v", 0, 4_587_520),
    ("PEFT conversion", "Llama-3.2-3B", 32, "q,v", 0, 9_175_040),
    ("PEFT conversion", "Llama-3.2-3B", 64, "q,v", 0, 18_350_080),
    ("an adapter of GPT-2", "GPT-2", 8, "c_attn", 0, 294_912),
    ("adapters of Stable Diffusion", "SD-1.5-UNet", 4, "q,k,v,o", 0, 797_184),
    ("worked by hand", "Llama-2-7B", 8, "q,v", 0, 4_194_304),
    ("worked by hand", "Llama-2-7B", 8, "all", 0, 19_988_480),
    ("worked by hand", "Llama-3-8B", 16, "all-linear", 0, 41_943_040),
]

# Model, rank, targets, trained beside the adapter, copies of that kept, and what PEFT prints:
# all parameters, and the share of them that is trained.
PRINTED = [
    ("Qwen2.5-3B", 16, "q,v", 0, 3_089_625_088, 0.1193),
    ("Llama-3.2-1B", 8, "q", 0, 1_236_338_688, 0.0424),
    ("OPT-350m", 16, "q,v", 0, 332_769_280, 0.472659014678278),
]


@pytest.mark.parametrize(("where", "model", "rank", "targets", "head", "count"), PUBLISHED)
def test_published_count(where, model, rank, targets, head, count):
    assert parameter_budget(model, rank, targets.split(",")).trainable + head == count


@pytest.mark.parametrize(("model", "rank", "targets", "head", "total", "percent"), PRINTED)
def test_total_and_share_are_those_that_peft_prints(model, rank, targets, head, total, percent):
    found = parameter_budget(model, rank, targets.split(","))
    assert found.model.parameters + found.trainable + head == total
    digits = len(str(percent).split(".")[1])
    assert round(100 * found.share, digits) == pytest.approx(percent, abs=1e-15)


def test_vision_total_is_the_one_that_peft_prints():
    """It counts the new head twice: as it was, and as it is trained."""
    found = parameter_budget("ViT-B/16", 16, ["query", "value"])
    assert found.model.parameters + found.trainable + 2 * 77_669 == 86_543_818


@pytest.mark.parametrize(
    ("d", "rank", "count", "saved"),
    [(64, 8, 1024, 0.75), (4096, 8, 65_536, 0.99609375), (1024, 5, 10_240, 0.990234375)],
)
def test_published_count_of_one_matrix(d, rank, count, saved):
    found = parameter_budget(own_model((d, d)), rank)
    assert (found.trainable, found.savings, found.whole) == (count, saved, d * d)


def test_rank_for_99_percent_of_1024_squared_is_5():
    share = [parameter_budget(own_model((1024, 1024)), rank).savings for rank in (5, 6)]
    assert share[0] >= 0.99 > share[1]
    assert share[1] == pytest.approx(0.98828, abs=5e-6)


def test_real_adapter_of_the_unet():
    path = DATA / "sd15_analog_svd_rank4_cloneofsimo.safetensors"
    if not path.exists():
        pytest.skip("needs the real adapters of ../shared/data")
    stored = [e.shape for e in open_source(path).entries if str(e.name).startswith("unet")]
    found = parameter_budget("SD-1.5-UNet", 4, ["q", "k", "v", "o"])
    shapes = [(s.d_out, s.d_in) for m in found.modules for s in m.shapes for _ in range(s.matrices)]
    attention = [shape for shape in stored if shape in shapes]  # the rest is of the feed-forward
    assert sorted(attention) == sorted(shapes)
    assert found.trainable == sum(parameter_count(*shape, 4) for shape in attention)


def transformer_count(model):
    """Count a decoder of the Llama kind from its dimensions: two norms a layer, one at the end."""
    vocabulary = {"Llama-2": 32_000, "Mistral": 32_000, "Llama-3": 128_256}
    size = next(n for name, n in vocabulary.items() if model.name.startswith(name))
    tied = "3.2" in model.name
    layers, hidden, _ = model.modules[0].shapes[0]
    embeddings = size * hidden * (1 if tied else 2)
    return embeddings + whole_count(model.modules) + (2 * layers + 1) * hidden


@pytest.mark.parametrize(
    "name",
    [
        *("Llama-2-7B", "Llama-2-13B", "Llama-2-70B", "Mistral-7B"),
        *("Llama-3-8B", "Llama-3-70B", "Llama-3.2-1B", "Llama-3.2-3B"),
    ],
)
def test_parameters_are_those_of_the_architecture(name):
    assert transformer_count(find_model(name)) == find_model(name).parameters


def gpt_count(model):
    """Count a GPT-2 from its dimensions: biases, norms with biases, tied embeddings."""
    layers, hidden, _ = model.modules[0].shapes[0]
    inner = model.modules[-1].shapes[0].d_in
    biases = layers * (3 * hidden + hidden + inner + hidden)
    norms = (2 * layers + 1) * 2 * hidden
    context = 2048 if "GPT-3" in model.name else 1024
    return (50_257 + context) * hidden + whole_count(model.modules) + biases + norms


@pytest.mark.parametrize("name", ["GPT-2", "GPT-2-medium", "GPT-2-large", "GPT-2-XL", "GPT-3-175B"])
def test_parameters_are_those_of_a_gpt(name):
    if name == "GPT-3-175B":
        assert find_model(name).parameters == pytest.approx(175e9, rel=0.003)
    assert gpt_count(find_model(name)) == find_model(name).parameters


@pytest.mark.parametrize("model", presets().values(), ids=list(presets()))
def test_preset_is_sound(model):
    names = [module.name for module in model.modules]
    assert len(set(names)) == len(names)
    assert 0.25 < whole_count(model.modules) / model.parameters < 1 or "UNet" in model.name
    assert find_model(model.name.lower().replace("-", " ")) is model
    assert model.usual()
    assert model.source


@pytest.mark.parametrize(("name", "model"), [("gpt2", "GPT-2"), ("mistral", "Mistral-7B")])
def test_a_model_by_the_beginning_of_its_name(name, model):
    assert find_model(name).name == model


def test_published_accuracies_spend_one_budget():
    table = published_accuracies()
    model = find_model(table["model"])
    spent = [lora_count(model.choose(case["targets"]), case["rank"]) for case in table["cases"]]
    assert set(spent) == {table["parameters"]}
    assert [case["WikiSQL"] for case in table["cases"] if case["rank"] < 8] == [71.4, 73.7, 73.7]


# --- targets


@pytest.mark.parametrize(
    ("model", "targets", "names"),
    [
        ("Llama-2-7B", None, ["q_proj", "v_proj"]),
        ("GPT-2", None, ["c_attn"]),
        ("Phi-3-mini", None, ["qkv_proj"]),
        ("BERT-base", ["v", "query"], ["query", "value"]),
        ("GPT-2", ["c_proj"], ["attn.c_proj", "mlp.c_proj"]),
        ("BERT-base", ["output.dense"], ["output.dense"]),
        ("BERT-base", ["dense"], ["attention.output.dense", "intermediate.dense", "output.dense"]),
        ("SD-1.5-UNet", ["to_q"], ["attn1.to_q", "attn2.to_q"]),
    ],
)
def test_targets_by_their_usual_names(model, targets, names):
    assert [module.name for module in find_model(model).choose(targets)] == names


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"model": "Lama2 7b"}, "no model is called 'Lama2 7b'; did you mean Llama-2-7B"),
        ({"model": "?"}, "known are Llama-2-7B, "),
        ({"model": "BERT"}, "no model is called 'BERT'; did you mean BERT-base or BERT-large"),
        ({"model": "GPT-2", "targets": ["q"]}, "GPT-2 has no target 'q'; it has c_attn, "),
        ({"model": "GPT-2", "targets": []}, "choose at least one target of GPT-2: c_attn"),
        ({"model": "GPT-2", "rank": 0}, "rank must be at least 1, got 0"),
        ({"model": "GPT-2", "dtype": "int3"}, "dtype must be one of bfloat16, .* got 'int3'"),
        ({"model": "GPT-2", "optimizer": "lion"}, "optimizer must be one of adam, sgd, got 'lion'"),
    ],
)
def test_refusals(arguments, sentence):
    with pytest.raises(ValueError, match=sentence.replace("?", r"\?")):
        parameter_budget(**arguments)


@pytest.mark.parametrize("shapes", [(), ((0, 4),), ((4, 4), (4, -1))])
def test_own_matrices_have_a_size(shapes):
    with pytest.raises(ValueError, match="a shape is two whole numbers from 1"):
        own_model(*shapes)


# --- laws

shapes = st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), min_size=1, max_size=5)
ranks = st.integers(1, 6000)


@given(shapes, ranks)
def test_count_is_that_of_the_matrices_one_by_one(shapes, rank):
    found = parameter_budget(own_model(*shapes), rank)
    assert found.trainable == sum(parameter_count(d, k, rank) for d, k in shapes)
    assert found.whole == sum(d * k for d, k in shapes)
    assert (found.savings < 0) == (found.trainable > found.whole)
    assert found.break_even_rank == pytest.approx(found.whole * rank / found.trainable)


@given(st.integers(1, 5000), st.integers(1, 5000), ranks)
def test_one_matrix_is_the_arithmetic_of_lora(d, k, rank):
    found = parameter_budget(own_model((d, k)), rank)
    assert found.savings == pytest.approx(savings(d, k, rank))
    assert found.share == pytest.approx(found.trainable / (d * k + found.trainable))


@given(st.sampled_from(sorted(presets())), ranks)
def test_same_budget_is_never_exceeded_and_never_a_rank_short(name, rank):
    model = find_model(name)
    most = full_rank(model.usual())
    budget = parameter_budget(model, min(rank, most)).trainable
    cases = same_budget(model, budget)
    assert any(case.trainable == budget for case in cases)
    for case in cases:
        modules = model.choose(case.targets)
        assert case.trainable == lora_count(modules, case.rank) <= budget
        assert lora_count(modules, case.rank + 1) > budget or case.rank == full_rank(modules)


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.sampled_from(sorted(MOMENTS)))
def test_memory_grows_with_what_is_trained_and_frozen(trained, frozen, optimizer):
    for dtype, size in ITEMSIZE.items():
        memory = training_memory(trained, frozen, dtype, optimizer)
        assert memory.total == sum(memory)
        assert (memory.frozen, memory.weights) == (size * frozen, size * trained)
        assert memory.moments == 4 * MOMENTS[optimizer] * trained


@pytest.mark.parametrize("dtype", ITEMSIZE)
def test_adam_takes_16_bytes_a_parameter(dtype):
    """12 and 4 in mixed precision (ZeRO, section 3.1), four times 4 in float32."""
    assert training_memory(10, 0, dtype, "adam").total == 160
