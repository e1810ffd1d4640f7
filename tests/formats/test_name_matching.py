"""Two checkpoints whose names differ by a wrapper or a part: the right tensors are subtracted."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh.cli import main
from lora_bokeh.formats.module_names import live_name
from lora_bokeh.formats.name_matching import matched
from lora_bokeh.loading.difference import Names
from lora_bokeh.loading.open import SourceError, difference
from tests.helpers.adapter_files import save

RNG = np.random.default_rng(0)
BASE = {
    "model.embed_tokens.weight": (40, 16),
    "model.layers.0.self_attn.q_proj.weight": (16, 16),
    "model.layers.1.self_attn.q_proj.weight": (16, 16),
    "model.layers.0.mlp.down_proj.weight": (16, 24),
    "model.layers.1.mlp.down_proj.weight": (16, 24),
    "model.norm.weight": (16,),
    "lm_head.weight": (40, 16),
}
WRAPPERS = {
    "torch.compile": lambda n: f"_orig_mod.{n}",
    "DDP": lambda n: f"module.{n}",
    "both": lambda n: f"module._orig_mod.{n}",
    "FSDP": lambda n: "_fsdp_wrapped_module." + n.replace(".0.", ".0._fsdp_wrapped_module."),
    "checkpointing": lambda n: n.replace("mlp.", "_checkpoint_wrapped_module.mlp."),
    "PEFT": lambda n: f"base_model.model.{n}",
    "PEFT twice": lambda n: f"base_model.model.base_model.model.{n}",
    "PEFT, not merged": lambda n: n.replace("proj.", "proj.base_layer."),
    "language_model inside": lambda n: n.replace("model.", "model.language_model.", 1),
    "language_model before": lambda n: f"language_model.{n}",
    "no model": lambda n: n.removeprefix("model."),
}  # fmt: skip


@pytest.mark.parametrize("way", ["from", "to"])
@pytest.mark.parametrize("name", WRAPPERS)
def test_each_wrapper_is_seen_through(name, way):
    renamed = {WRAPPERS[name](n): shape for n, shape in BASE.items()}
    expected = {WRAPPERS[name](n): n for n in BASE}
    if way == "from":
        assert matched(BASE, renamed).base_name == expected
    else:
        assert matched(renamed, BASE).base_name == {n: w for w, n in expected.items()}


def test_layers_are_never_taken_for_each_other():
    one = {"model.layers.0.attn.q.weight": (4, 4)}
    assert matched(one, {"model.layers.1.attn.q.weight": (4, 4)}).base_name == {}
    assert matched(one, {"layers.10.attn.q.weight": (4, 4)}).base_name == {}


def test_two_of_one_ending_are_left_alone():
    """A vision tower has layers, too."""
    tuned = {f"model.{tower}.layers.0.attn.q.weight": (4, 4) for tower in ("text", "vision")}
    base = {"model.layers.0.attn.q.weight": (4, 4)}
    assert matched(base, tuned).base_name == {}
    tuned["model.vision.layers.0.attn.q.weight"] = (8, 8)
    assert matched(base, tuned).base_name == {"model.text.layers.0.attn.q.weight": next(iter(base))}
    mapped = matched(base, tuned | {"model.vision.layers.0.attn.q.weight": (4, 4)},
                     {"model.text.": "model."})  # fmt: skip
    assert mapped.base_name == {"model.text.layers.0.attn.q.weight": next(iter(base))}


def test_a_weight_alone_says_nothing():
    assert matched({"score.weight": (4, 4)}, {"classifier.weight": (4, 4)}).base_name == {}


PART = st.sampled_from(["a", "b", "layers", "0", "1", "10", "mlp", "model"])
NAME = st.lists(PART, min_size=1, max_size=5).map(lambda parts: ".".join([*parts, "w"]))


@given(st.sets(NAME), st.sets(NAME), st.integers(0, 2))
def test_what_is_matched_is_one_to_one_and_equal_names_are_equal(base, tuned, seed):
    shapes = [{n: (len(n) % (seed + 1) + 1, 2) for n in names} for names in (base, tuned)]
    found = matched(*shapes).base_name
    assert len({*found.values()}) == len(found)
    assert all(found[name] == name for name in base & tuned)
    assert all(shapes[0][other] == shapes[1][name] for name, other in found.items()
               if name != other)  # fmt: skip


def checkpoint(path, names, bump=0.0):
    tensors = {n: RNG.standard_normal(s).astype(np.float32) for n, s in names.items()}
    return save(path, {n: t + np.float32(bump) for n, t in tensors.items()})


def test_an_adapter_has_the_names_of_its_base(tmp_path):
    base = checkpoint(tmp_path / "base.safetensors", BASE)
    names = {WRAPPERS["language_model inside"](name): shape for name, shape in BASE.items()}
    tuned = checkpoint(tmp_path / "tuned.safetensors", names)
    out = tmp_path / "out"
    done = CliRunner().invoke(
        main, ["extract", str(base), str(tuned), "-o", str(out), "--rank", "1", "--save-modules"]
    )
    assert done.exit_code == 0, done.output
    text = " ".join(done.stdout.split())
    assert "6 of 6 matrices matched (100.0 % of the bytes)" in text
    assert (
        "6 names matched: 'model.language_model.' in the tuned model, 'model.' in the base" in text
    )
    config = json.loads((out / "adapter_config.json").read_text())
    assert set(config["target_modules"]) == {
        n.removesuffix(".weight") for n in BASE if "norm" not in n
    }
    assert config["modules_to_save"] == ["model.norm"]


def test_less_than_half_needs_a_word(tmp_path):
    base = checkpoint(tmp_path / "base.safetensors", BASE)
    names = {n.replace("layers.", "layers_").replace("embed", "e"): s for n, s in BASE.items()}
    tuned = checkpoint(tmp_path / "tuned.safetensors", names)
    arguments = ["extract", str(base), str(tuned), "--dry-run", "--rank", "1"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "only 1 of 6 matrices matched" in done.stderr
    assert "--map OLD=NEW" in done.stderr
    done = CliRunner().invoke(main, [*arguments, "--partial"])
    assert (done.exit_code, "1 of 6 matrices matched" in done.stdout) == (0, True)
    mapped = [*arguments, "--map", "model.layers_=model.layers.", "--map", "model.e_=model.embed_",
              "--format", "json"]  # fmt: skip
    done = CliRunner().invoke(main, mapped)
    assert json.loads(done.stdout)["coverage"]["matched"] == 6


def test_a_map_that_fits_nothing_is_a_slip(tmp_path):
    base, tuned = (checkpoint(tmp_path / f"{i}.safetensors", BASE) for i in "01")
    with pytest.raises(SourceError, match="no name of the tuned model starts with 'foo'"):
        difference(base, tuned, names=Names({"foo": "bar"}))
    done = CliRunner().invoke(main, ["inspect", str(tuned), "--base", str(base), "--map", "foo"])
    assert "--map takes OLD=NEW" in done.stderr
    done = CliRunner().invoke(main, ["inspect", str(tuned), "--partial"])
    assert "--partial needs a --base" in done.stderr


@pytest.mark.parametrize("rows", [(40, 44), (44, 40)])
def test_a_grown_vocabulary_is_compared_as_far_as_both_go(tmp_path, rows):
    names = [BASE | {"model.embed_tokens.weight": (n, 16), "lm_head.weight": (n, 16)} for n in rows]
    base, tuned = (checkpoint(tmp_path / f"{i}.safetensors", n) for i, n in enumerate(names))
    source = difference(base, tuned)
    head = source.entries[0]
    assert (head.name, head.shape, head.read().shape) == ("lm_head.weight", (40, 16), (40, 16))
    assert any(f"{rows[0]} rows in the base, {rows[1]} in the tuned" in n for n in source.notes)


@pytest.mark.parametrize(
    ("key", "name", "dead"),
    [
        ("base_model.model.q", "q", ""),
        ("base_model.model.model.layers.0.q", "model.layers.0.q", ""),
        ("_orig_mod.base_model.model.q", "q", "_orig_mod.base_model.model."),
        ("module.base_model.model.q", "q", "module.base_model.model."),
        ("base_model.model.base_model.model.q", "q", "base_model.model.base_model.model."),
        ("base_model.model._orig_mod.model.q", "model.q", "base_model.model._orig_mod."),
        ("base_model.model.layers.0._fsdp_wrapped_module.q", "layers.0.q", "_fsdp_wrapped_module."),
        ("base_model.model.module.q", "module.q", ""),
        ("q", "q", ""),
    ],
)
def test_what_makes_a_key_dead(key, name, dead):
    assert live_name(key) == (name, dead)
