"""Adapters in both directions between this library and PEFT: the same ΔW, the same answers."""

import numpy as np
import pytest

from lora_bokeh.compress.extract import Parts
from lora_bokeh.compress.save import save_extracted, save_resized
from lora_bokeh.loading.open import open_source
from lora_bokeh.ranks.choice import Choice
from lora_bokeh.ranks.knapsack import parse_budget
from tests.helpers.adapters import best
from tests.interop.models import (
    ADAPTERS,
    classifier,
    convolutions,
    deltas,
    gpt2,
    llama,
    loaded,
    nudged,
    output,
    peft,
    torch,
    tuned,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's and transformers' own
each_adapter = pytest.mark.parametrize("name", ADAPTERS)


def save(model, folder):
    model.save_pretrained(folder)
    return folder


def dense(folder):
    """Return {module: ΔW} by this library, in float64."""
    pairs = {entry.name: entry.read() for entry in open_source(folder).entries}
    return {name: p.B.astype(float) @ p.A.astype(float) * p.scale for name, p in pairs.items()}


def assert_close(found, expected, tolerance=1e-6):
    assert found.keys() == expected.keys()
    for name, W in expected.items():
        assert found[name].shape == W.shape
        assert np.linalg.norm(found[name] - W) <= tolerance * np.linalg.norm(W), name


def assert_answers(model, expected, tolerance):
    assert np.abs(output(model) - expected).max() <= tolerance * np.abs(expected).max()


def resized(tmp_path, model, choice):
    """Save what PEFT made, and write it again with other ranks."""
    return save_resized(save(model, tmp_path / "in"), tmp_path / "out", choice)


@each_adapter
def test_what_peft_wrote_is_read_as_peft_reads_it(tmp_path, name):
    model = tuned(name)
    assert_close(dense(save(model, tmp_path / "adapter")), deltas(model))


@each_adapter
@pytest.mark.parametrize("choice", [Choice(rank=2), Choice(rule="energy", threshold=0.8)])
def test_resized_adapter_gives_peft_the_delta_we_report(tmp_path, name, choice):
    before = deltas(model := tuned(name))
    result = resized(tmp_path, model, choice)
    after = deltas(loaded(name, tmp_path / "out"))
    assert_close(after, {cut.name: best(before[cut.name], cut.rank) for cut in result.cuts}, 1e-5)
    assert_close(after, dense(tmp_path / "out"))
    for cut in result.cuts:
        residual = np.linalg.norm(before[cut.name] - after[cut.name])
        norm = np.linalg.norm(before[cut.name])
        assert 1 - (residual / norm) ** 2 == pytest.approx(cut.captured_energy, abs=1e-6)


@each_adapter
def test_adapter_of_full_rank_answers_as_before(tmp_path, name):
    """Scales, magnitudes, biases and modules saved whole come along."""
    model = tuned(name)
    resized(tmp_path, model, Choice(rank=64))
    assert_answers(loaded(name, tmp_path / "out"), output(model), 1e-5)


def test_modules_that_a_budget_leaves_out_stay_as_they_were(tmp_path):
    choice = Choice(budget=parse_budget("600 params"))
    result = resized(tmp_path, tuned("rank_pattern"), choice)
    kept = {cut.name for cut in result.cuts if cut.rank}
    assert 0 < len(kept) < len(result.cuts)
    assert deltas(loaded("rank_pattern", tmp_path / "out")).keys() == kept


def extracted(tmp_path, base, model, choice, **parts):
    """Save two models, the first in shards; extract, write, and load upon the first."""
    base.save_pretrained(tmp_path / "base", max_shard_size="20KB")
    model.save_pretrained(tmp_path / "tuned")
    folders = (tmp_path / name for name in ("base", "tuned", "out"))
    result = save_extracted(*folders, choice, parts=Parts(**parts))
    return result, peft.PeftModel.from_pretrained(base, tmp_path / "out").eval()


@pytest.mark.parametrize("name", ["LoRA", "fan_in_fan_out", "embeddings", "convolutions"])
def test_merged_model_gives_its_adapter_back(tmp_path, name):
    model = tuned(name)
    expected, answer = deltas(model), output(model)
    merged = model.merge_and_unload()
    weights = {key: w.clone() for key, w in merged.state_dict().items()}
    choice = Choice(rule="energy", threshold=1 - 1e-9)
    result, again = extracted(tmp_path, ADAPTERS[name][0](), merged, choice)
    assert {cut.name for cut in result.cuts if cut.rank} == expected.keys()
    assert_close(deltas(again), expected, 1e-4)
    assert_answers(again, answer, 1e-4)
    for key, w in again.merge_and_unload().state_dict().items():
        torch.testing.assert_close(w, weights[key], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("build", [llama, classifier, convolutions])
def test_full_fine_tuning_is_kept_with_its_modules_and_biases(tmp_path, build):
    model = nudged(build())
    answer = output(model)
    result, again = extracted(tmp_path, build(), model, Choice(rank=64), save_modules=True)
    assert not any("not in the adapter" in note for note in result.before.notes)
    assert_answers(again, answer, 1e-4)


def test_conv1d_and_tied_embeddings_of_gpt2(tmp_path):
    """The output layer is tied to the input's: merged, the adapter changes both."""
    model = nudged(gpt2())
    answer = output(model)
    result, again = extracted(tmp_path, gpt2(), model, Choice(rank=64), save_modules=True)
    assert any("tie" in note for note in result.before.notes)
    assert_answers(again.merge_and_unload(), answer, 1e-4)
