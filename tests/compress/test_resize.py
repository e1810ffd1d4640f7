"""Resizing an adapter: the best approximation of each rank, as reading it again shows."""

import itertools
import json

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from lora_bokeh.adapters.writing import Place, write_adapter
from lora_bokeh.compress.resize import resize
from lora_bokeh.compress.save import save_resized
from lora_bokeh.loading.open import open_source
from lora_bokeh.ranks.choice import Choice
from lora_bokeh.ranks.knapsack import Budget
from tests.helpers.adapters import SHAPES, best, factors, kohya, peft

EPS = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-6, "float64": 1e-13}


def resized(path, output, choice, **options):
    """Resize, write, and read again: (result, {module: dense ΔW of the file written})."""
    return save_resized(path, output, choice, **options), dense(output)


def dense(path):
    return {e.name: product(e.read()) for e in open_source(path).entries}


def product(pair):
    return pair.B.astype(float) @ pair.A.astype(float) * pair.scale


@given(
    rank=st.integers(1, 5),
    kinds=st.lists(st.sampled_from(list(SHAPES)), min_size=1, max_size=3),
    dtype=st.sampled_from(list(EPS)),
    alpha=st.floats(0.1, 100),
    rslora=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=40)
def test_each_pair_becomes_its_best_approximation(
    tmp_path_factory, rank, kinds, dtype, alpha, rslora, seed
):
    folder = tmp_path_factory.mktemp("resize")
    pairs = {f"layers.{i}.{kind}": factors(seed + i, *SHAPES[kind], np.dtype(dtype))
             for i, kind in enumerate(kinds)}  # fmt: skip
    ranks = {name: B.shape[1] for name, (B, _) in pairs.items()}
    peft(folder / "in", pairs, lora_alpha=alpha, use_rslora=rslora, rank_pattern=ranks)
    result, written = resized(folder / "in", folder / "out", Choice(rank=rank))
    before = dense(folder / "in")
    for cut in result.cuts:
        W, W_r = before[cut.name], best(before[cut.name], rank)
        norm = np.linalg.norm(W)
        assert cut.rank == min(rank, ranks[cut.name])
        assert cut.frobenius_norm == pytest.approx(norm)
        assert cut.residual == pytest.approx(np.linalg.norm(W - W_r), abs=1e-6 * norm)
        assert cut.captured_energy == pytest.approx(1 - (cut.residual / norm) ** 2, abs=1e-6)
        np.testing.assert_allclose(written[cut.name], W_r, rtol=0, atol=EPS[dtype] * norm)
        error = np.linalg.norm(written[cut.name] - W_r)
        assert cut.rounding_error == pytest.approx(error, rel=0.05, abs=1e-6 * norm)
    file = folder / "out" / "adapter_model.safetensors"
    assert file.stat().st_size == result.nbytes
    assert {array.dtype.name for array in load_file(file).values()} == {dtype}
    assert {e.scale for e in open_source(folder / "out").entries} == {1.0}


@pytest.mark.parametrize(("module", "fan"), [("h.0.c_attn", True), ("wte_embed", False)])
def test_orientation_of_conv1d_and_embeddings_is_kept(tmp_path, module, fan):
    peft(tmp_path / "in", {module: factors(0, (12, 3), (3, 20))}, fan_in_fan_out=fan)
    result, written = resized(tmp_path / "in", tmp_path / "out", Choice(rank=2))
    before = dense(tmp_path / "in")[module]
    assert before.shape == written[module].shape == (20, 12) == result.cuts[0].shape
    np.testing.assert_allclose(written[module], best(before, 2), atol=1e-5)
    old, new = (load_file(tmp_path / f / "adapter_model.safetensors") for f in ("in", "out"))
    assert old.keys() == new.keys()


def test_everything_else_stays_as_it_is(tmp_path):
    others = {
        "base_model.model.score.weight": np.ones((2, 5), np.float16),
        "base_model.model.q.lora_magnitude_vector": np.arange(12, dtype=np.float32),
        "base_model.model.q.bias": np.ones(12, ml_dtypes.bfloat16),
    }
    config = {"modules_to_save": ["score"], "use_dora": True, "bias": "none",
              "target_modules": ["q"], "base_model_name_or_path": "some/model"}  # fmt: skip
    peft(tmp_path / "in", {"q": factors(0, (12, 3), (3, 5))}, others, **config)
    resized(tmp_path / "in", tmp_path / "out", Choice(rank=1))
    written = load_file(tmp_path / "out" / "adapter_model.safetensors")
    for name, array in others.items():
        assert written[name].dtype == array.dtype
        np.testing.assert_array_equal(written[name], array)
    kept = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config.items() <= kept.items()
    assert (kept["r"], kept["lora_alpha"]) == (1, 1)


def test_bias_of_a_pair_takes_the_scale_along(tmp_path):
    """PEFT multiplies it by alpha/r, which is 1 afterwards."""
    name = "base_model.model.q.lora_B.bias"
    bias = np.arange(12, dtype=np.float32)
    peft(tmp_path / "in", {"q": factors(0, (12, 4), (4, 5))}, {name: bias}, lora_alpha=6)
    resized(tmp_path / "in", tmp_path / "out", Choice(rank=1))
    written = load_file(tmp_path / "out" / "adapter_model.safetensors")
    np.testing.assert_allclose(written[name], bias * 6 / 4)


def test_kohya_stays_kohya(tmp_path):
    pairs = {
        "lora_unet_q": factors(0, (8, 4), (4, 6)),
        "lora_unet_conv": factors(1, (8, 4, 1, 1), (4, 5, 3, 3)),
        "lora_unet_locon": (*factors(2, (8, 4, 1, 1), (4, 5, 1, 1)),
                            np.random.default_rng(3).standard_normal((4, 4, 3, 3), np.float32)),
    }  # fmt: skip
    others = {"lora_unet_q.dora_scale": np.ones((1, 6), np.float32)}
    metadata = {"ss_network_dim": "4", "ss_base_model_version": "sd_v1"}
    path = kohya(tmp_path / "in.safetensors", pairs, 3.0, others, metadata)
    result, written = resized(path, tmp_path / "out.safetensors", Choice(rank=2))
    assert result.how.form == "kohya"
    for name, before in dense(path).items():
        np.testing.assert_allclose(written[name], best(before, 2), atol=1e-4)
    arrays = load_file(tmp_path / "out.safetensors")
    assert arrays["lora_unet_conv.lora_down.weight"].shape == (2, 5, 3, 3)
    assert arrays["lora_unet_locon.lora_down.weight"].shape == (2, 5, 3, 3)
    assert "lora_unet_q.dora_scale" in arrays
    assert (tmp_path / "out.safetensors").stat().st_size == result.nbytes
    config = open_source(tmp_path / "out.safetensors").config
    assert (config["ss_network_dim"], config["ss_base_model_version"]) == ("2", "sd_v1")


def test_kohya_from_peft_names_and_notes_what_it_leaves(tmp_path):
    bias = {"base_model.model.unet.q.lora_B.bias": np.ones(12, np.float32)}
    peft(tmp_path / "in", {"unet.q": factors(0, (12, 3), (3, 5))}, bias)
    result, written = resized(
        tmp_path / "in", tmp_path / "out.safetensors", Choice(rank=1), form="kohya"
    )
    np.testing.assert_allclose(
        written["lora_unet_q"], best(dense(tmp_path / "in")["unet.q"], 1), atol=1e-5
    )
    assert any("left out" in note and "lora_B.bias" in note for note in result.before.notes)


def three(folder):
    """An adapter with pairs of unequal shapes and norms."""
    pairs = {
        "layers.0.q": factors(0, (40, 4), (4, 30)),
        "layers.1.q": factors(1, (12, 4), (4, 10)),
        "layers.1.v": factors(2, (25, 4), (4, 10)),
    }
    pairs["layers.1.v"][0][:, 2:] *= 0.01
    return peft(folder, pairs)


def ranks(path, choice):
    return resize(open_source(path), choice).chosen.ranks


def test_rule_gives_each_matrix_its_own_rank(tmp_path):
    path = three(tmp_path / "in")
    result = resize(open_source(path), Choice(rule="energy", threshold=0.9))
    for cut, W in zip(result.cuts, dense(path).values(), strict=True):
        energy = np.cumsum(np.linalg.svd(W, compute_uv=False) ** 2) / np.linalg.norm(W) ** 2
        assert cut.rank == np.argmax(energy >= 0.9) + 1
        assert cut.captured_energy >= 0.9


def test_ranks_by_name_go_before_the_rule(tmp_path):
    path = three(tmp_path / "in")
    assert ranks(path, Choice(rank=3, by_name={"*.q": 1, "layers.1.q": 2})) == (1, 2, 3)
    assert ranks(path, Choice(by_name={"layers.1.*": 0})) == (4, 0, 0)
    assert ranks(path, Choice(rank=9, max_rank=2)) == (2, 2, 2)
    assert ranks(path, Choice(rank=9)) == (4, 4, 4)
    with pytest.raises(ValueError, match=r"'layers\.2\.q'"):
        ranks(path, Choice(by_name={"layers.2.q": 1}))


def test_budget_beats_every_uniform_rank_and_is_the_best(tmp_path):
    path = three(tmp_path / "in")
    source = open_source(path)
    energies = [np.linalg.svd(W, compute_uv=False) ** 2 for W in dense(path).values()]
    for uniform in (1, 2, 3):
        same = resize(source, Choice(rank=uniform))
        spent = resize(source, Choice(budget=Budget(same.nbytes, "bytes")))
        assert spent.nbytes <= same.nbytes
        assert spent.captured_energy >= same.captured_energy
        costs = [4 * sum(e.shape) for e in source.entries]
        room = np.dot(spent.chosen.ranks, costs)
        every = [rs for rs in itertools.product(range(5), repeat=3) if np.dot(rs, costs) <= room]
        most = max(sum(e[:r].sum() for e, r in zip(energies, rs, strict=True)) for rs in every)
        assert spent.captured_energy == pytest.approx(most / sum(map(np.sum, energies)))
        assert spent.chosen.exact
        assert spent.chosen.bound == pytest.approx(spent.captured_energy)


def test_budget_of_parameters(tmp_path):
    result = resize(open_source(three(tmp_path / "in")), Choice(budget=Budget(150, "parameters")))
    assert result.parameters[1] <= 150 < result.parameters[0]


def test_budget_leaves_out_what_does_not_pay_but_not_what_has_company(tmp_path):
    path = three(tmp_path / "in")
    least = Choice(budget=Budget(40, "parameters"))
    assert 0 in ranks(path, least)
    dora = {f"base_model.model.{n}.lora_magnitude_vector": np.ones(m, np.float32)
            for n, m in (("layers.0.q", 40), ("layers.1.v", 25))}  # fmt: skip
    pairs = {n: factors(0, (m, 2), (2, 10)) for n, m in (("layers.0.q", 40), ("layers.1.v", 25))}
    path = peft(tmp_path / "dora", pairs, dora, use_dora=True)
    with pytest.raises(ValueError, match="too small"):
        ranks(path, least)
    assert ranks(path, Choice(budget=Budget(90, "parameters"))) == (1, 1)
    with pytest.raises(ValueError, match=r"'layers\.0\.q' has DoRA magnitudes"):
        ranks(path, Choice(by_name={"*": 0}))


def test_modules_left_out_are_not_targeted(tmp_path):
    path = three(tmp_path / "in")
    resized(path, tmp_path / "out", Choice(by_name={"layers.0.q": 0}))
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["target_modules"] == ["layers.1.q", "layers.1.v"]


def test_zero_pair_keeps_a_rank(tmp_path):
    B, A = factors(0, (12, 3), (3, 10))
    peft(tmp_path / "in", {"q": (B * 0, A), "v": (B, A)})
    result, written = resized(tmp_path / "in", tmp_path / "out", Choice(rule="energy"))
    assert (result.cuts[0].rank, result.cuts[0].captured_energy) == (1, 1.0)
    assert not written["q"].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 1, "rule": "energy"}, "rank and rule"),
        ({"rule": "nothing"}, "no rule is named 'nothing'"),
        ({"rank": 1, "threshold": 0.5}, "a threshold is a rule's"),
        ({"rank": 0}, "rank must be between 1"),
        ({"by_name": {"q": -1}}, "the rank of 'q' must be between 0"),
    ],
)
def test_choices_that_are_none(options, message):
    with pytest.raises(ValueError, match=message):
        Choice(**options)


def test_what_cannot_be_resized(tmp_path):
    np.save(tmp_path / "w.npy", np.eye(3))
    with pytest.raises(ValueError, match=r"w\.npy: there are no LoRA pairs in it"):
        resize(open_source(tmp_path / "w.npy"), Choice(rank=1))
    path = peft(tmp_path / "in", {"q": factors(0, (12, 3), (3, 10))}, init_lora_weights="pissa")
    with pytest.raises(ValueError, match="pissa"):
        resize(open_source(path), Choice(rank=1))
    three(tmp_path / "three")
    with pytest.raises(ValueError, match="rounding floor"):
        resize(open_source(tmp_path / "three"), Choice(rule="rounding_floor"))


def test_factors_are_needed_to_write(tmp_path):
    result = resize(open_source(three(tmp_path / "in")), Choice(rank=1))
    with pytest.raises(ValueError, match="spool"):
        write_adapter(Place(tmp_path / "out", *result.how), result.adapter, str)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["sd15_analog_svd_rank4_cloneofsimo", "sam_vit_b_lora_rank16"])
def test_real_adapter_keeps_the_energy_that_is_reported(shared_data, tmp_path, name):
    path = shared_data / f"{name}.safetensors"
    result = save_resized(path, tmp_path / "out", Choice(rule="energy", threshold=0.95))
    written = {e.name: e for e in open_source(tmp_path / "out").entries}
    before, lost = {}, {}
    for entry in open_source(path).entries:
        W = product(entry.read())
        left = W - product(written[entry.name].read())
        before[entry.name], lost[entry.name] = np.vdot(W, W), np.vdot(left, left)
    for cut in result.cuts:
        kept = 1 - lost[cut.name] / before[cut.name]
        assert kept == pytest.approx(cut.captured_energy, abs=1e-4)
    kept = 1 - sum(lost.values()) / sum(before.values())
    assert kept == pytest.approx(result.captured_energy, abs=1e-4)
    assert result.captured_energy >= 0.95


def test_place_that_is_taken_is_kept_unless_forced(tmp_path):
    path = peft(tmp_path / "adapter", {"q": factors(0, (6, 3), (3, 5))})
    save_resized(path, tmp_path / "out", Choice(rank=2))
    with pytest.raises(ValueError, match="it exists already"):
        save_resized(path, tmp_path / "out", Choice(rank=1))
    assert open_source(tmp_path / "out").entries[0].rank == 2
    result = save_resized(open_source(path), tmp_path / "out", Choice(rank=1), force=True)
    assert open_source(tmp_path / "out").entries[0].rank == result.chosen.ranks[0] == 1
