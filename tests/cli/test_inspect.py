"""``curve`` and ``inspect`` on adapters and on differences of checkpoints."""

import csv
import io
import json

import ml_dtypes
import numpy as np
import pytest
from click.testing import CliRunner

from lora_bokeh.cli import main
from lora_bokeh.ranks.rules import RULES
from tests.helpers.adapter_files import factors, product, save, write_peft


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty folder; return what it prints."""
    monkeypatch.chdir(tmp_path)

    def run_one(*args, code=0):
        result = CliRunner().invoke(main, [str(arg) for arg in args], prog_name="lora-bokeh")
        assert result.exit_code == code, (result.output, result.exception)
        return result.stderr if code else result.stdout

    return run_one


@pytest.fixture
def adapter(tmp_path):
    """Two PEFT pairs at scale 2, rank 4."""
    modules = {f"layers.{i}.q_proj": factors(30, 20, 4, seed=i) for i in range(2)}
    write_peft(tmp_path, modules, {"base_model.model.norm.weight": np.ones(3)}, lora_alpha=8)
    return modules


def values(B, A, scale):
    return np.linalg.svd(product(B, A, scale), compute_uv=False)


# --- inspect


def test_inspect_lists_pairs_with_their_scale(run, adapter):
    answer = json.loads(run("inspect", ".", "--format", "json"))
    assert (answer["source"], answer["format"]) == (".", "peft")
    assert answer["leftovers"] == {"other tensors": ["base_model.model.norm.weight"]}
    assert answer["notes"] == [
        "1 tensor is not part of a LoRA pair: other tensors (1: base_model.model.norm.weight)"
    ]
    for row, (name, (B, A)) in zip(answer["tensors"], adapter.items(), strict=True):
        s2 = values(B, A, 2)[:4] ** 2
        shares = np.cumsum(s2) / s2.sum()
        assert row == {
            "name": name,
            "shape": [30, 20],
            "dtype": "float32",
            "nbytes": A.nbytes + B.nbytes,
            "parameters": 600,
            "break_even_rank": 12.0,
            "rank": 4,
            "scale": 2.0,
            "lora_alpha": 8,
            "rank_90": int(np.searchsorted(shares, 0.9)) + 1,
            "rank_95": int(np.searchsorted(shares, 0.95)) + 1,
            "rank_99": int(np.searchsorted(shares, 0.99)) + 1,
            "stable_rank": pytest.approx(s2.sum() / s2[0]),
        }
    table = run("inspect", ".").splitlines()
    assert table[0] == ".: 2 LoRA pairs (peft)"
    assert table[3].split()[:8] == ["layers.0.q_proj", "30", "×", "20", "4", "2", "float32", "800"]
    assert table[-2].startswith("95 % of the energy needs ")
    assert table[-1] == answer["notes"][0]


@pytest.mark.parametrize(
    ("name", "mean", "most"), [("sam_vit_b_lora_rank4", 2.0, 3), ("sam_vit_b_lora_rank16", 3.7, 8)]
)
def test_inspect_real_adapters(run, shared_data, name, mean, most):
    path = shared_data / f"{name}.safetensors"
    answer = json.loads(run("inspect", path, "--format", "json"))
    ranks = [row["rank_95"] for row in answer["tensors"]]
    assert len(ranks) == 24
    assert (round(np.mean(ranks), 1), max(ranks)) == (mean, most)
    assert "no alpha is stored: the scale is taken to be 1" in answer["notes"]
    said = f"95 % of the energy needs {mean:.1f} ranks on average, at most {most}"
    assert said in run("inspect", path)


def test_inspect_of_192_pairs(run, shared_data):
    path = shared_data / "sd15_analog_svd_rank4_cloneofsimo.safetensors"
    answer = json.loads(run("inspect", path, "--format", "json"))
    assert len(answer["tensors"]) == 192
    assert {row["rank"] for row in answer["tensors"]} == {4}


# --- curve


def test_curve_of_a_pair_has_its_scale(run, adapter):
    answer = json.loads(run("curve", ".", "--tensor", "layers.1.q_proj", "--format", "json"))
    s = values(*adapter["layers.1.q_proj"], 2)
    assert (answer["tensor"], answer["scale"]) == ("layers.1.q_proj", 2.0)
    assert (answer["shape"], answer["complete"]) == ([30, 20], False)
    assert answer["frobenius_norm"] == pytest.approx(np.linalg.norm(s))
    np.testing.assert_allclose([row["sigma"] for row in answer["ranks"]], s[:4], rtol=1e-6)
    table = run("curve", ".", "--tensor", "layers.1.q_proj")
    assert "30 × 20 float32, scale 2, " in table
    assert table.rstrip().endswith("the first 4 of 20 ranks; all other singular values are zero")


def test_a_pattern_takes_all_that_fit(run, adapter):
    answer = json.loads(run("curve", ".", "--tensor", "*.q_proj", "--format", "json"))
    assert [a["tensor"] for a in answer] == list(adapter)
    assert isinstance(json.loads(run("curve", ".", "--tensor", "*.0.*", "--format", "json")), list)
    tables = run("curve", ".", "--tensor", "*.q_proj").split("\n\n")
    assert [table.split(":")[0] for table in tables] == [f". · {name}" for name in adapter]
    rows = list(csv.reader(io.StringIO(run("curve", ".", "--tensor", "*", "--format", "csv"))))
    assert rows[0][:3] == ["tensor", "rank", "sigma"]
    assert [row[0] for row in rows[1:]] == [name for name in adapter for _ in range(4)]


def test_a_name_with_brackets_is_no_pattern(run):
    save("w.safetensors", {"a[0]": np.eye(2), "a0": np.eye(3)})
    answer = json.loads(run("curve", "w.safetensors", "--tensor", "a[0]", "--format", "json"))
    assert answer["shape"] == [2, 2]


def test_a_factor_can_be_looked_at_alone(run, adapter):
    key = "base_model.model.layers.0.q_proj.lora_A.weight"
    answer = json.loads(run("curve", ".", "--tensor", key, "--format", "json"))
    assert (answer["tensor"], answer["shape"], answer["scale"]) == (key, [4, 20], 1.0)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "2 pairs are in it, choose one by name (--tensor): layers.0.q_proj (30×20), layers"),
        (["--tensor", "*.k_proj"], "no name fits '*.k_proj'; it holds layers.0.q_proj, layers.1"),
        (["--tensor", "layers.0.q_prj"], "no tensor is named 'layers.0.q_prj'; did you mean"),
        (["--tensor", "layers.0.q_proj", "--max-rank", "21"], "max_rank must be between 1 and 20"),
        (["--base", "."], "an adapter; a difference is taken of whole weights"),
    ],
)
def test_what_is_not_found_is_one_line(run, adapter, args, message):
    error = run("curve", ".", *args, code=2)
    assert message in error
    assert error.count("\n") == 1


# --- rules


def test_every_rule_is_shown(run, adapter):
    args = ("curve", ".", "--tensor", "layers.0.q_proj", "--rules")
    rows = {row["rule"]: row for row in json.loads(run(*args, "--format", "json"))["rules"]}
    assert list(rows) == list(RULES)
    s2 = values(*adapter["layers.0.q_proj"], 2) ** 2
    energy = int(np.searchsorted(np.cumsum(s2) / s2.sum(), 0.95)) + 1
    assert (rows["energy"]["rank"], rows["energy"]["threshold"]) == (energy, 0.95)
    assert (rows["rounding_floor"]["rank"], rows["break_even"]["rank"]) == (None, 12)
    lines = run(*args).splitlines()
    assert lines[-len(RULES)].split() == [
        *("energy", "least", "k:", "Σ_{j≤k}", "σ_j²", "≥", "t·Σσ²", "0.95", str(energy))
    ]
    assert max(map(len, lines)) <= 132


# --- differences


@pytest.fixture
def checkpoints(tmp_path):
    """A base, and the same with three directions added, in bfloat16."""
    rng = np.random.default_rng(0)
    base = rng.standard_normal((40, 30)).astype(np.float32)
    tuned = base + 3 * product(*factors(40, 30, 3)).astype(np.float32)
    for name, w in (("base", base), ("tuned", tuned)):
        more = {name: np.eye(2, dtype=np.float32)}
        save(tmp_path / f"{name}.safetensors", {"q": w.astype(ml_dtypes.bfloat16), **more})


def test_curve_of_a_difference(run, checkpoints):
    args = ("curve", "tuned.safetensors", "--base", "base.safetensors", "--rules")
    answer = json.loads(run(*args, "--format", "json"))
    rows = {row["rule"]: row for row in answer["rules"]}
    assert (answer["tensor"], answer["dtype"], answer["complete"]) == ("q", "float32", True)
    assert rows["rounding_floor"]["rank"] == 3
    edge = answer["rounding_floor"]["edge"]
    assert answer["ranks"][2]["sigma"] > edge > answer["ranks"][3]["sigma"]
    assert f"rounding floor: a σ below {edge:.4g} cannot be told" in run(*args)


def test_inspect_of_a_difference(run, checkpoints):
    args = ("inspect", "tuned.safetensors", "--base", "base.safetensors")
    answer = json.loads(run(*args, "--format", "json"))
    assert [t["name"] for t in answer["tensors"]] == ["q"]
    assert answer["leftovers"] == {"only in the tuned model": ["tuned"]}
    assert answer["notes"] == [
        "1 tensor is not compared: only in the tuned model (1: tuned)",
        "1 matrix is only in the base model: base",
    ]
    assert run(*args).splitlines()[-2:] == answer["notes"]
