"""The commands that write: resize and extract, from the options to the files."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file

from lora_bokeh.cli import main
from tests.helpers.adapters import checkpoint, factors, kohya, peft


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with an adapter, kohya's file, and two checkpoints."""
    monkeypatch.chdir(tmp_path)
    pairs = {"layers.0.q": factors(0, (12, 4), (4, 10)), "layers.1.q": factors(1, (12, 4), (4, 10))}
    peft(tmp_path / "adapter", pairs)
    kohya(tmp_path / "kohya.safetensors", {"lora_unet_q": factors(0, (12, 4), (4, 10))})
    base = {"q.weight": np.zeros((12, 10), np.float32), "norm.weight": np.ones(12, np.float32)}
    checkpoint(tmp_path / "base", base)
    B, A = factors(2, (12, 2), (2, 10))
    checkpoint(tmp_path / "tuned", {"q.weight": B @ A, "norm.weight": 2 * base["norm.weight"]})
    return tmp_path


def run(*args):
    return CliRunner().invoke(main, args, prog_name="lora-bokeh")


def succeeded(*args):
    result = run(*args)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout


def refused(*args):
    result = run(*args)
    assert (result.exit_code, result.stdout) == (2, ""), result.exception
    assert result.stderr.startswith("lora-bokeh: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_resize_writes_a_folder_and_says_what_it_kept(here):
    text = succeeded("resize", "adapter", "-o", "out", "--rank", "2")
    assert names(here / "out") == ["README.md", "adapter_config.json", "adapter_model.safetensors"]
    assert "layers.1.q" in text
    assert "out: written" in text
    total = next(line for line in text.splitlines() if "of the energy retained" in line)
    readme = (here / "out" / "README.md").read_text()
    assert total in readme
    assert "| `layers.1.q` | 12 × 10 | 4 | 2 |" in readme


def test_json_has_every_figure(here):
    text = succeeded("resize", "adapter", "-o", "out", "--rule", "energy", "--format", "json")
    report = json.loads(text)
    assert (report["source"], report["output"], report["format"]) == ("adapter", "out", "peft")
    norms = [m["frobenius_norm"] for m in report["matrices"]]
    lost = [m["residual"] for m in report["matrices"]]
    total = report["total"]
    assert total["frobenius_norm"] == pytest.approx(np.linalg.norm(norms))
    assert total["captured_energy"] == pytest.approx(
        1 - (np.linalg.norm(lost) / np.linalg.norm(norms)) ** 2
    )
    assert total["nbytes"] == (here / "out" / "adapter_model.safetensors").stat().st_size
    assert total["nbytes_before"] == (here / "adapter" / "adapter_model.safetensors").stat().st_size
    assert total["parameters"] == sum(m["rank"] * sum(m["shape"]) for m in report["matrices"])
    assert all(m["captured_energy"] >= 0.95 for m in report["matrices"])


def test_dry_run_writes_nothing_and_counts_the_same(here):
    before = names(here)
    dry = json.loads(succeeded("resize", "adapter", "--dry-run", "--rank", "1", "--format", "json"))
    assert names(here) == before
    wet = json.loads(succeeded("resize", "adapter", "-o", "out", "--rank", "1", "--format", "json"))
    assert dry["output"] is None
    assert dry["total"]["nbytes"] == wet["total"]["nbytes"]
    assert dry["total"]["rounding_error"] is None
    assert [m["rank"] for m in dry["matrices"]] == [m["rank"] for m in wet["matrices"]]


def test_format_chooses_what_is_written_and_what_is_printed(here):
    args = ("resize", "kohya.safetensors", "--rank", "2", "--format", "json")
    report = json.loads(succeeded(*args, "-o", "own.safetensors"))
    assert report["format"] == "kohya"
    assert "lora_unet_q.alpha" in load_file(here / "own.safetensors")
    report = json.loads(succeeded(*args, "-o", "out", "--format", "peft"))
    assert report["format"] == "peft"
    assert (here / "out" / "adapter_config.json").exists()


def test_budget_is_kept_and_proven(here):
    budget = (here / "adapter" / "adapter_model.safetensors").stat().st_size - 200
    args = ("resize", "adapter", "-o", "out", "--budget", f"{budget}B")
    assert "no other ranks whose factors take as many bytes retain more" in succeeded(*args)
    assert (here / "out" / "adapter_model.safetensors").stat().st_size <= budget
    report = json.loads(succeeded(*args, "--format", "json", "--force"))
    assert report["total"]["proven_best"] is True
    assert report["total"]["energy_bound"] == pytest.approx(report["total"]["captured_energy"])


def test_ranks_by_name_and_from_a_file(here):
    (here / "ranks.json").write_text('{"layers.0.q": 1, "layers.*": 3}')
    args = ("resize", "adapter", "--dry-run", "--format", "json", "--ranks", "ranks.json")
    ranks = [m["rank"] for m in json.loads(succeeded(*args))["matrices"]]
    assert ranks == [1, 3]
    args = (*args, "--rank-of", "layers.0.q=4", "--max-rank", "2")
    assert [m["rank"] for m in json.loads(succeeded(*args))["matrices"]] == [2, 2]


def test_adapter_can_be_replaced_by_itself_resized(here):
    for source in ("adapter", "kohya.safetensors"):
        succeeded("resize", source, "-o", source, "--rank", "1", "--force")
        again = json.loads(
            succeeded("resize", source, "--dry-run", "--rank", "9", "--format", "json")
        )
        assert {m["rank_before"] for m in again["matrices"]} == {1}
    assert not [name for name in names(here) if name.startswith(".")]


def test_extract(here):
    args = ("extract", "base", "tuned", "--rule", "energy", "--threshold", "0.999999")
    text = succeeded(*args, "-o", "out")
    assert "norm.weight" in text
    assert load_file(here / "out" / "adapter_model.safetensors").keys() == {
        "base_model.model.q.lora_A.weight",
        "base_model.model.q.lora_B.weight",
    }
    report = json.loads(
        succeeded(*args, "-o", "out", "--force", "--save-modules", "--format", "json")
    )
    assert [(m["rank_before"], m["rank"]) for m in report["matrices"]] == [(None, 2)]
    kept = load_file(here / "out" / "adapter_model.safetensors")
    np.testing.assert_array_equal(kept["base_model.model.norm.weight"], 2 * np.ones(12))


BAD = [
    ("resize adapter --rank 2", "say where to write it"),
    ("resize adapter -o out", "say which ranks"),
    ("resize adapter -o out --rank 0", "rank must be between 1"),
    ("resize adapter -o out --rank 1 --rule energy", "rank and rule"),
    ("resize adapter -o out --rank 1 --threshold 0.5", "say which rule"),
    ("resize adapter -o out --rule energy --threshold 2", "threshold of 'energy'"),
    ("resize adapter -o out --rule nothing", "no rule is named 'nothing'"),
    ("resize adapter -o out --rule rounding_floor", "only a difference"),
    ("resize adapter -o out --budget lots", "a budget is a size"),
    ("resize adapter -o out --budget ''", "a budget is a size"),
    ("resize adapter -o out --budget 9B", "too small"),
    ("resize adapter -o out --rank-of q", "NAME=R"),
    ("resize adapter -o out --rank-of nothing=2", "no matrix is named 'nothing'"),
    ("resize adapter -o out --rank-of *=0", "no adapter to write"),
    ("resize adapter -o out --ranks none.json", "none.json: no such file"),
    ("resize adapter -o out --ranks list.json", "not an object"),
    ("resize adapter -o out --ranks text.json", "must be an integer"),
    ("resize adapter -o adapter --rank 1", "adapter: it exists already; --force"),
    ("resize adapter -o full --rank 1 --force", "thesis.tex"),
    ("resize adapter -o nowhere/out --rank 1", "no folder"),
    ("resize adapter -o out.safetensors --rank 1", "PEFT's format is a folder"),
    ("resize adapter -o out --rank 1 --format kohya", "one file"),
    ("resize adapter -o out.safetensors --rank 1 --format kohya", "'layers.0.q' has no name"),
    ("resize adapter -o out --rank 1 --format json --format table", "exclude each other"),
    ("resize nothing -o out --rank 1", "nothing: no such file"),
    ("resize base -o out --rank 1", "no LoRA pairs"),
    ("resize cut.safetensors -o out --rank 1", "not a sound .safetensors file"),
    ("resize huge -o out --rank 2 --dtype float16", "too large for float16"),
    ("resize nan -o out --rank 2", "is nan"),
    ("extract base adapter -o out --rank 1", "an adapter"),
    ("extract base base -o out --rank 1", "nothing to extract"),
    ("extract base kohya.safetensors -o out --rank 1", "an adapter"),
    ("extract base tuned -o out --rank 1 --include x*", "no matrix to compare"),
    ("extract base tuned -o out --rank 1 --format kohya", "one file"),
]


@pytest.mark.parametrize(("line", "message"), BAD, ids=[line for line, _ in BAD])
def test_refusals_are_one_line_and_leave_nothing(here, line, message):
    (here / "full").mkdir()
    (here / "full" / "thesis.tex").touch()
    (here / "list.json").write_text("[1]")
    (here / "text.json").write_text('{"layers.0.q": "2"}')
    (here / "cut.safetensors").write_bytes((here / "kohya.safetensors").read_bytes()[:-9])
    B, A = factors(0, (12, 4), (4, 10))
    peft(here / "huge", {"q": (1e10 * B, A)}, lora_alpha=1e10)
    peft(here / "nan", {"q": (np.nan * B, A)})
    before = sorted(here.rglob("*"))
    args = [arg.strip("'") for arg in line.split()]
    assert message.lower() in refused(*args).lower()
    assert sorted(here.rglob("*")) == before
