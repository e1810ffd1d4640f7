"""The command ``budget``: its three formats agree with the library, and it refuses in one line."""

import csv
import io
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from lora_bokeh.cli import main
from lora_bokeh.models.parameter_budget import parameter_budget
from lora_bokeh.models.presets import presets


@pytest.fixture
def run():
    def run_one(*args, code=0):
        result = CliRunner().invoke(main, ["budget", *map(str, args)], prog_name="lora-bokeh")
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run_one


def test_json_is_the_library(run):
    asked = ("SD-1.5-UNet", "--rank", 4, "--targets", "q, to_k", "--optimizer", "sgd")
    answer = json.loads(run(*asked, "--dtype", "float32", "--format", "json").stdout)
    found = parameter_budget("SD-1.5-UNet", 4, ["q", "to_k"], "float32", "sgd")
    assert answer["targets"] == [module.name for module in found.modules]
    for name in ("trainable", "whole", "share", "savings", "break_even_rank", "file_bytes"):
        assert answer[name] == getattr(found, name)
    for name in ("lora", "full"):
        memory = getattr(found, name)
        assert answer["memory"][name] == {**memory._asdict(), "total": memory.total}
    assert sum(row["trainable"] for row in answer["modules"]) == found.trainable
    assert sum(row["whole"] for row in answer["modules"]) == found.whole
    assert (answer["rank"], answer["dtype"], answer["optimizer"]) == (4, "float32", "sgd")


def test_csv_has_a_row_for_each_size_of_each_module(run):
    rows = list(csv.DictReader(io.StringIO(run("sd-1.5 unet", "--format", "csv").stdout)))
    found = parameter_budget("SD-1.5-UNet")
    assert len(rows) == 3 * len(found.modules) == 12
    assert sum(int(row["trainable"]) for row in rows) == found.trainable
    assert {row["role"] for row in rows} == {"q", "v"}


def test_table_says_what_is_trained_and_what_it_costs(run):
    text = run("Llama-2-7B", "--targets", "q,v").stdout
    assert "trained: 4,194,304 of 6,742,609,920 parameters, 0.062 %" in text
    assert "adapter file: 8.39 MB in bfloat16, 8.39 MB in float16, 16.78 MB in float32" in text
    assert "99.6 % less than training these matrices whole; break-even is rank 2048" in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "q_proj 4096 → 4096 32 536,870,912 2,097,152 99.6 % 2048" in lines
    assert "in all, without activations 13.54 GB 107.81 GB" in lines
    assert "q_proj, k_proj, v_proj, o_proj 4 4,194,304" in lines


def test_past_break_even_it_says_more(run):
    text = run("--shape", "64x64", "--rank", 40).stdout
    assert "25.0 % more than training these matrices whole; break-even is rank 32" in text
    assert "−25.0 %" in text


def test_a_budget_may_be_too_small_for_other_matrices(run):
    assert "too small" in run("Llama-2-7B", "--rank", 1, "--targets", "q").stdout


def test_own_matrices(run):
    shapes = ("--shape", "10x20", "--shape", "3×4")
    answer = json.loads(run(*shapes, "--rank", 2, "--format", "json").stdout)
    assert answer["trainable"] == 2 * 30 + 2 * 7
    assert answer["targets"] == ["W1", "W2"]


def test_list(run):
    listed = json.loads(run("--list", "--format", "json").stdout)
    assert [row["model"] for row in listed] == list(presets())
    assert listed[0]["targets"]["q_proj"] == "q"
    assert all(name in run("--list").stdout for name in presets())


def test_page_is_one_file(run, tmp_path):
    path = tmp_path / "budget.html"
    said = run("gpt-2", "--rank", 4, "--targets", "all", "-o", path).stdout
    assert said == f"{path}: {path.stat().st_size / 1e6:.2f} MB\n"
    assert "Content-Security-Policy" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("lama-2-7b",), "no model is called 'lama-2-7b'; did you mean Llama-2-7B"),
        ((), "name one MODEL, or give its matrices by --shape"),
        (("GPT-2", "--shape", "4x4"), "name one MODEL, or give its matrices by --shape"),
        (("--shape", "4"), "--shape takes rows x columns, such as 4096x4096; got '4'"),
        (("--shape", "0x4"), "a shape is two whole numbers from 1"),
        (("GPT-2", "--targets", "q"), "GPT-2 has no target 'q'; it has c_attn, "),
        (("GPT-2", "--rank", "0"), "rank must be at least 1, got 0"),
        (("GPT-2", "--rank", "769", "-o", "x.html"), "rank must be between 1 and 768, got 769"),
        (("GPT-2", "-o", "/nowhere/x.html"), "/nowhere/x.html: No such file or directory"),
        (("--list", "--format", "csv"), "--list prints a table or json"),
    ],
)
def test_refusals_take_one_line(run, args, sentence):
    result = run(*args, code=2)
    assert result.stderr.startswith(f"lora-bokeh: {sentence}")
    assert result.stderr.count("\n") == 1


def test_it_loads_no_page_and_no_compiler():
    code = (
        "import sys; from lora_bokeh.cli import main\n"
        "main(['budget', 'GPT-2'], standalone_mode=False)\n"
        "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stderr.split()) & {"bokeh", "panel", "param", "numba", "scipy"}
