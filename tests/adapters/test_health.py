"""What is not as it should be in an adapter is named, all of it, and what is sound goes on."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from lora_bokeh.adapters.health import check_healthy, examined
from lora_bokeh.cli import main
from lora_bokeh.compress.save import save_resized
from lora_bokeh.loading.open import SourceError, open_source
from lora_bokeh.ranks.choice import Choice
from tests.helpers.adapter_files import (
    delta,
    factors,
    product,
    save,
    write_config,
    write_kohya,
    write_peft,
)

PREFIX = "base_model.model."
SOUND = factors(6, 5, 4)
ZERO = np.zeros((6, 4), np.float32), SOUND[1]
NAN = np.full((6, 4), np.nan, np.float32), SOUND[1]
INF = SOUND[0], np.full((4, 5), np.inf, np.float32)


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def sick(folder):
    """Write an adapter with one pair that is sound, and one of each kind that is not."""
    extra = {
        f"{PREFIX}alone.lora_A.weight": SOUND[1],
        f"{PREFIX}empty.lora_A.weight": np.ones((0, 5), np.float32),
        f"{PREFIX}empty.lora_B.weight": np.ones((6, 0), np.float32),
        f"{PREFIX}q.modules_to_save.lora_A.weight": SOUND[1],
        f"{PREFIX}q.modules_to_save.lora_B.weight": SOUND[0],
        f"_orig_mod.{PREFIX}dead.lora_A.weight": SOUND[1],
        f"_orig_mod.{PREFIX}dead.lora_B.weight": SOUND[0],
        f"_orig_mod.{PREFIX}head.weight": SOUND[1],
    }
    modules = {"q": SOUND, "zero": ZERO, "nan": NAN, "inf": INF}
    return write_peft(folder, modules, extra, target_modules=["q", "nan"])


KINDS = {
    "zero pairs": ("zero",),
    "non-finite pairs": ("inf", "nan"),
    "broken pairs": (f"{PREFIX}empty",),
    "unpaired keys": (f"{PREFIX}alone.lora_A.weight",),
    "dead prefixes": (f"_orig_mod.{PREFIX}dead",),
    "copies": (f"{PREFIX}q.modules_to_save",),
}


def test_every_kind_is_named_and_the_rest_goes_on(tmp_path):
    source = examined(open_source(sick(tmp_path)))
    assert [e.name for e in source.entries] == ["dead", "q", "zero"]
    assert {f.kind: f.names for f in source.findings} == KINDS
    assert all(finding.said in source.notes for finding in source.findings)
    np.testing.assert_allclose(delta(source.entries[1]), product(*SOUND, 2), rtol=1e-12)
    assert examined(source) is source


def test_strict_refuses_with_all_of_it(tmp_path):
    sick(tmp_path)
    assert run("inspect", tmp_path).exit_code == 0
    for command in (["inspect"], ["resize", "--dry-run", "--rank", 1]):
        done = run(command[0], tmp_path, "--strict", *command[1:])
        assert done.exit_code == 2
        assert all(
            name in done.stderr for name in ("inf, nan", "zero", "alone", "dead", "empty", "q.mod")
        )
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_sound_adapter_passes_strictly(tmp_path):
    write_peft(tmp_path, {"q": SOUND})
    assert run("inspect", tmp_path, "--strict").exit_code == 0
    check_healthy(examined(open_source(tmp_path)))


def test_what_is_written_again_is_sound(tmp_path):
    folder = tmp_path / "sick"
    folder.mkdir()
    save_resized(sick(folder), tmp_path / "out", Choice(rank=4))
    source = examined(open_source(tmp_path / "out"))
    assert [f.kind for f in source.findings] == ["zero pairs"]
    assert [e.name for e in source.entries] == ["dead", "q", "zero"]
    assert set(source.tensors) == {
        *(f"{PREFIX}{m}.lora_{p}.weight" for m in ("dead", "q", "zero") for p in "AB"),
        f"{PREFIX}head.weight",
    }
    assert source.config["target_modules"] == ["dead", "q", "zero"]


def test_zero_pairs_enter_no_mean(tmp_path):
    write_kohya(tmp_path, {"a": (*SOUND, 4), "b": (*ZERO, 4)})
    path = tmp_path / "kohya.safetensors"
    text = run("inspect", path).stdout
    assert "95 % of the energy of the 1 pairs that are not zero needs" in text
    found = json.loads(run("inspect", path, "--format", "json").stdout)
    assert [t["rank_95"] == 0 for t in found["tensors"]] == [False, True]
    assert found["health"] == [{"kind": "zero pairs", "names": ["lora_unet_b"]}]


def test_nothing_learned_is_said(tmp_path):
    write_kohya(tmp_path, {"a": (*ZERO, 4), "b": (*ZERO, 4)})
    text = run("inspect", tmp_path / "kohya.safetensors").stdout
    assert "every pair is zero, as before training" in text
    assert "there is no energy to hold" in text
    assert "on average" not in text


def test_an_adapter_without_a_sound_pair_is_refused(tmp_path):
    write_peft(tmp_path, {"a": NAN, "b": INF})
    with pytest.raises(SourceError, match=r"pair 'a'.*is nan"):
        examined(open_source(tmp_path))


# --- the scale


@pytest.mark.parametrize("alpha", [None, 12])
def test_the_scale_of_other_programs_can_be_stated(tmp_path, alpha):
    tensors = {f"{PREFIX}q.lora_A.weight": SOUND[1], f"{PREFIX}q.lora_B.weight": SOUND[0]}
    path = save(tmp_path / "pytorch_lora_weights.safetensors", tensors)
    source = open_source(path, alpha)
    assert [f.kind for f in source.findings] == ([] if alpha else ["scale unknown"])
    np.testing.assert_allclose(
        delta(source.entries[0]), product(*SOUND, alpha / 4 if alpha else 1), rtol=1e-12
    )
    option = ["--alpha", alpha] if alpha else []
    assert run("inspect", path, *option, "--strict").exit_code == (0 if alpha else 2)


def test_the_scale_of_pefts_own_has_to_be_stated(tmp_path):
    write_peft(tmp_path, {"q": SOUND})
    (tmp_path / "adapter_config.json").unlink()
    with pytest.raises(SourceError, match="state --alpha"):
        open_source(tmp_path)
    assert open_source(tmp_path, 8).entries[0].scale == 2
    done = run("resize", tmp_path, "--alpha", 8, "--rank", 4, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    made = open_source(tmp_path / "out").entries[0]
    np.testing.assert_allclose(delta(made), product(*SOUND, 2), rtol=1e-5)


def test_a_known_scale_is_not_stated_again(tmp_path):
    write_peft(tmp_path, {"q": SOUND})
    with pytest.raises(SourceError, match="its scale is known"):
        open_source(tmp_path, 3)
    done = run("curve", tmp_path, "--base", tmp_path, "--alpha", 3)
    assert "--alpha is an adapter's" in done.stderr
    path = save(tmp_path / "x.safetensors", {"q.lora_a": SOUND[1].T, "q.lora_b": SOUND[0].T})
    with pytest.raises(SourceError, match="not a finite number"):
        open_source(path, float("nan"))


def test_a_config_of_another_file_is_not_missed(tmp_path):
    write_config(tmp_path)
    path = save(tmp_path / "model.safetensors", {"w": SOUND[0]})
    assert run("inspect", path, "--strict").exit_code == 0


# --- two dtypes in one pair


def test_factors_of_two_dtypes(tmp_path):
    A = SOUND[1].astype(np.float16)
    write_peft(tmp_path, {"q": (SOUND[0], A)})
    source = open_source(tmp_path)
    assert source.entries[0].dtype == "float16, float32"
    np.testing.assert_allclose(delta(source.entries[0]), product(SOUND[0], A, 2), rtol=1e-12)
    made = save_resized(source, tmp_path / "out", Choice(rank=4))
    assert made.how.dtype == "float32"
    np.testing.assert_allclose(
        delta(open_source(tmp_path / "out").entries[0]), product(SOUND[0], A, 2), atol=1e-5
    )


# --- variants of a sharded checkpoint


@pytest.mark.parametrize("both", [False, True])
def test_the_index_of_a_variant(tmp_path, both):
    stem = "diffusion_pytorch_model"
    for variant in ("", ".fp16")[not both :]:
        files = {name: f"{stem}{variant}-{i}.safetensors" for i, name in enumerate("ab")}
        for name, file in files.items():
            save(tmp_path / file, {name: SOUND[0].astype("f2" if variant else "f4")})
        index = tmp_path / f"{stem}.safetensors.index{variant}.json"
        index.write_text(json.dumps({"weight_map": files}))
    assert [
        e.name for e in open_source(tmp_path / f"{stem}.safetensors.index.fp16.json").entries
    ] == [*"ab"]
    assert open_source(tmp_path).entries[0].dtype == ("float32" if both else "float16")
