"""Extracting an adapter from two checkpoints: what it holds, what it lists, what it keeps."""

import json

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file

from lora_bokeh.compress.extract import Parts, extract
from lora_bokeh.compress.save import save_extracted
from lora_bokeh.loading.open import open_source
from lora_bokeh.ranks.choice import Choice
from lora_bokeh.ranks.knapsack import Budget
from tests.helpers.adapters import checkpoint, factors, product

PREFIX = "base_model.model."


def tensors(seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    shapes = {
        "embed_tokens.weight": (50, 8),
        "layers.0.q.weight": (8, 8),
        "layers.0.q.bias": (8,),
        "layers.0.up.weight": (20, 8),
        "layers.0.norm.weight": (8,),
        "layers.0.conv.weight": (6, 4, 3, 3),
        "position": (1, 5, 8),
    }
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}


def tuned_by(base, **changes):
    """Return the tensors with something added: name (dots as __) → array."""
    changed = {name.replace("__", "."): delta for name, delta in changes.items()}
    return {name: (w + changed[name]).astype(w.dtype) if name in changed else w
            for name, w in base.items()}  # fmt: skip


def written(tmp_path, base, tuned, choice, name="out", parts=Parts(), **options):  # noqa: B008
    """Extract, write and read again: (result, tensors, config)."""
    result = save_extracted(base, tuned, tmp_path / name, choice, parts=parts, **options)
    if result.how.form == "kohya":
        return result, load_file(tmp_path / name), None
    config = json.loads((tmp_path / name / "adapter_config.json").read_text())
    return result, load_file(tmp_path / name / "adapter_model.safetensors"), config


def two(tmp_path, base, tuned, shards=1, **config):
    folders = checkpoint(tmp_path / "base", base, **config), tmp_path / "tuned"
    return folders[0], checkpoint(folders[1], tuned, shards, **config)


@pytest.mark.parametrize("shards", [1, 3])
def test_low_rank_update_is_recovered(tmp_path, shards):
    base = tensors()
    sizes = [(8, 2, 8), (20, 1, 8), (50, 3, 8), (6, 2, 36)]
    q, up, embed, conv = (product(*factors(i, (m, r), (r, n))) for i, (m, r, n) in enumerate(sizes))
    tuned = tuned_by(base, layers__0__q__weight=q, layers__0__up__weight=up,
                     embed_tokens__weight=embed,
                     layers__0__conv__weight=conv.reshape(6, 4, 3, 3))  # fmt: skip
    folders = two(tmp_path, base, tuned, shards)
    choice = Choice(rule="energy", threshold=1 - 1e-9)
    result, arrays, config = written(tmp_path, *folders, choice)
    ranks = {cut.name: cut.rank for cut in result.cuts}
    assert ranks == {"embed_tokens": 3, "layers.0.conv": 2, "layers.0.q": 2, "layers.0.up": 1}
    for entry in open_source(tmp_path / "out").entries:
        pair = entry.read()
        delta = {"embed_tokens": embed, "layers.0.conv": conv, "layers.0.q": q, "layers.0.up": up}
        np.testing.assert_allclose(pair.todense(), delta[entry.name], atol=1e-5)
        assert entry.scale == 1
    assert arrays[f"{PREFIX}layers.0.conv.lora_A.weight"].shape == (2, 4, 3, 3)
    assert arrays[f"{PREFIX}embed_tokens.lora_embedding_A"].shape == (3, 50)
    assert config["base_model_name_or_path"] == str(folders[0])
    assert sorted(config["target_modules"]) == sorted(ranks)


def test_matrices_that_did_not_change_are_left_out_and_named(tmp_path):
    base = tensors()
    tuned = tuned_by(base, layers__0__q__weight=np.eye(8))
    result, arrays, _ = written(tmp_path, *two(tmp_path, base, tuned), Choice(rank=3))
    assert {name.rpartition(".lora")[0] for name in arrays} == {f"{PREFIX}layers.0.q"}
    note = next(n for n in result.before.notes if n.startswith("not changed"))
    assert "layers.0.up" in note
    assert [cut.rank for cut in result.cuts if cut.name == "layers.0.up"] == [0]


def test_two_equal_checkpoints_are_refused(tmp_path):
    with pytest.raises(ValueError, match="nothing to extract"):
        written(tmp_path, *two(tmp_path, tensors(), tensors()), Choice(rank=1))
    assert not (tmp_path / "out").exists()


def test_what_is_no_matrix_is_listed_or_kept(tmp_path):
    base = tensors()
    tuned = tuned_by(base, layers__0__q__weight=np.eye(8), layers__0__q__bias=np.ones(8),
                     layers__0__norm__weight=np.ones(8), position=np.ones((1, 5, 8)))  # fmt: skip
    tuned |= {"score.weight": np.ones((3, 8), np.float16), "score.bias": np.zeros(3, np.float32)}
    folders = two(tmp_path, base, tuned)
    result, arrays, config = written(tmp_path, *folders, Choice(rank=1), "listed")
    assert len(arrays) == 2
    assert (config["modules_to_save"], config["bias"]) == (None, "none")
    note = next(n for n in result.before.notes if "--save-modules" in n)
    for name in ("layers.0.q.bias", "layers.0.norm.weight", "position", "score.weight"):
        assert name in note

    parts = Parts(save_modules=True)
    result, arrays, config = written(tmp_path, *folders, Choice(rank=1), "kept", parts)
    kept = {name: array for name, array in arrays.items() if ".lora_" not in name}
    expected = {
        f"{PREFIX}layers.0.norm.weight": tuned["layers.0.norm.weight"],
        f"{PREFIX}layers.0.q.base_layer.bias": tuned["layers.0.q.bias"],
        f"{PREFIX}score.weight": tuned["score.weight"],
        f"{PREFIX}score.bias": tuned["score.bias"],
    }
    assert kept.keys() == expected.keys()
    for name, array in expected.items():
        assert kept[name].dtype == array.dtype
        np.testing.assert_array_equal(kept[name], array)
    assert config["modules_to_save"] == ["layers.0.norm", "score"]
    assert config["bias"] == "all"
    note = next(n for n in result.before.notes if "not in the adapter" in n)
    assert note.endswith("position")


def test_include_and_exclude(tmp_path):
    base = tensors()
    folders = two(tmp_path, base, {name: w + 1 for name, w in base.items()})
    parts = Parts(include=("layers.*",), exclude=("*.up.*", "*.bias"), save_modules=True)
    result, arrays, config = written(tmp_path, *folders, Choice(rank=1), parts=parts)
    assert [cut.name for cut in result.cuts] == ["layers.0.conv", "layers.0.q"]
    assert config["modules_to_save"] == ["layers.0.norm"]
    assert not any("bias" in name for name in arrays)


def test_dtype_is_the_tuned_models_unless_asked(tmp_path):
    base, tuned = tensors(0, ml_dtypes.bfloat16), tensors(1, ml_dtypes.bfloat16)
    folders = two(tmp_path, base, tuned)
    result, arrays, _ = written(tmp_path, *folders, Choice(rank=2), "own")
    assert {a.dtype.name for a in arrays.values()} == {"bfloat16"} == {result.how.dtype}
    assert result.rounding_error > 0
    _, arrays, _ = written(tmp_path, *folders, Choice(rank=2), "other", dtype="float32")
    assert {a.dtype.name for a in arrays.values()} == {"float32"}


def test_weights_of_conv1d_are_transposed(tmp_path):
    """The config cannot tell a linear module among them, which is left to modules_to_save."""
    base = {"h.0.c_attn.weight": np.zeros((8, 24), np.float32),
            "score.weight": np.zeros((2, 8), np.float32)}  # fmt: skip
    B, A = factors(0, (8, 2), (2, 24))
    tuned = {"h.0.c_attn.weight": B @ A, "score.weight": np.ones((2, 8), np.float32)}
    folders = two(tmp_path, base, tuned, model_type="gpt2")
    _, arrays, config = written(tmp_path, *folders, Choice(rank=2), parts=Parts(save_modules=True))
    assert config["modules_to_save"] == ["score"]
    assert config["fan_in_fan_out"] is True
    assert arrays[f"{PREFIX}h.0.c_attn.lora_A.weight"].shape == (2, 8)
    pair = open_source(tmp_path / "out").entries[0].read()
    np.testing.assert_allclose(pair.todense(), B @ A, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "prefix"),
    [
        ({"_class_name": "UNet2DConditionModel"}, "lora_unet"),
        ({"architectures": ["CLIPTextModel"]}, "lora_te"),
    ],
)
def test_kohya_names_come_from_the_models_class(tmp_path, config, prefix):
    base = {"mid.q.weight": np.zeros((8, 6), np.float32)}
    folders = two(tmp_path, base, {"mid.q.weight": np.ones((8, 6), np.float32)}, **config)
    _, arrays, _ = written(tmp_path, *folders, Choice(rank=1), "out.safetensors", form="kohya")
    assert set(arrays) == {f"{prefix}_mid_q.{end}"
                           for end in ("lora_up.weight", "lora_down.weight", "alpha")}  # fmt: skip


def test_config_says_what_the_model_says(tmp_path):
    base = {"model.q.weight": np.zeros((8, 6), np.float32)}
    config = {"architectures": ["LlamaForCausalLM"], "model_type": ["odd"]}
    folders = two(tmp_path, base, {"model.q.weight": np.ones((8, 6), np.float32)}, **config)
    _, _, written_config = written(tmp_path, *folders, Choice(rank=1))
    assert written_config["task_type"] == "CAUSAL_LM"
    assert written_config["base_model_name_or_path"] == str(tmp_path / "base")


def test_rule_looks_no_further_than_it_needs_and_max_rank_lets_it(tmp_path):
    """1500 ranks are too many to compute all: the rule is asked as they come."""
    B, A = factors(0, (1500, 30), (30, 1500))
    base = {"q.weight": np.zeros((1500, 1500), np.float32)}
    folders = two(tmp_path, base, {"q.weight": B @ A})
    sources = [open_source(folder) for folder in folders]
    energy = np.cumsum(np.linalg.svd(B @ A, compute_uv=False) ** 2)
    needed = int(np.argmax(energy >= 0.9 * energy[-1])) + 1
    result = extract(*sources, Choice(rule="energy", threshold=0.9))
    assert result.chosen.ranks == (needed,)
    short = extract(*sources, Choice(rule="energy", max_rank=5))
    assert short.chosen.ranks == (5,)
    assert any("higher ranks" in note for note in short.before.notes)
    assert extract(*sources, Choice(rank=40)).chosen.ranks == (40,)


def test_rounding_floor_tells_update_from_rounding(tmp_path):
    rng = np.random.default_rng(0)
    B, A = factors(1, (200, 2), (2, 160))
    weight = rng.standard_normal((200, 160)).astype(np.float32)
    base = {"q.weight": weight.astype(ml_dtypes.bfloat16)}
    tuned = {"q.weight": (weight + 0.03 * B @ A).astype(ml_dtypes.bfloat16)}
    sources = [open_source(folder) for folder in two(tmp_path, base, tuned)]
    assert extract(*sources, Choice(rule="rounding_floor")).chosen.ranks == (2,)
    assert extract(*sources, Choice(rule="energy", threshold=0.999)).chosen.ranks > (50,)


def test_budget_is_spent_over_all_matrices(tmp_path):
    base = tensors()
    tuned = tuned_by(
        base, layers__0__q__weight=100 * np.eye(8), layers__0__up__weight=np.eye(20, 8)
    )
    folders = two(tmp_path, base, tuned)
    result, _, _ = written(tmp_path, *folders, Choice(budget=Budget(80, "parameters")))
    assert {cut.name: cut.rank for cut in result.cuts if cut.rank} == {"layers.0.q": 5}


def test_a_number_that_is_not_finite_is_named(tmp_path):
    base = tensors()
    tuned = tuned_by(base, layers__0__up__weight=np.full((20, 8), np.nan))
    with pytest.raises(ValueError, match=r"'layers\.0\.up': entry \(row 0, column 0\) is nan"):
        written(tmp_path, *two(tmp_path, base, tuned), Choice(rank=1))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["base", "tuned"]


def test_matrices_without_a_module(tmp_path):
    base = {"table": np.zeros((8, 6), np.float32)}
    with pytest.raises(ValueError, match=r"….weight"):
        written(
            tmp_path, *two(tmp_path, base, {"table": np.ones((8, 6), np.float32)}), Choice(rank=1)
        )
