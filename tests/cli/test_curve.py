"""The command line: what it prints equals NumPy's numbers; what it refuses takes one line."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from lora_bokeh.cli import main, output, progress
from lora_bokeh.engine.spectrum import spectrum
from lora_bokeh.loading.open import TensorInfo

COLUMNS = ["rank", "sigma", "frobenius_residual", "spectral_residual", "captured_energy"]
COMMAND = [sys.executable, "-m", "lora_bokeh"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)

    def run_one(*args, code=0):
        result = CliRunner().invoke(main, [str(arg) for arg in args], prog_name="lora-bokeh")
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run_one


def shell(*args, **options):
    return subprocess.run(
        [*COMMAND, *map(str, args)], capture_output=True, text=True, check=False, **options
    )


# --- curve


@pytest.fixture
def published(tmp_path):
    """The 4×4 matrix W_ij = 4 − i − j: σ = √24 ± 2, rank 2."""
    i, j = np.indices((4, 4))
    np.savetxt(tmp_path / "w.csv", 4 - i - j, delimiter=",", fmt="%d")
    return "w.csv"


def test_curve_of_the_published_matrix(run, published):
    answer = json.loads(run("curve", published, "--format", "json").stdout)
    one, two = answer["ranks"][:2]
    assert round(one["frobenius_residual"], 6) == 2.898979
    assert round(one["captured_energy"], 5) == 0.84993
    assert two["frobenius_residual"] < 1e-12
    np.testing.assert_allclose([one["sigma"], two["sigma"]], np.sqrt(24) + np.array([2, -2]))
    assert {key: answer[key] for key in list(answer)[:7]} == {
        "source": "w.csv",
        "tensor": None,
        "shape": [4, 4],
        "dtype": "float64",
        "scale": 1.0,
        "frobenius_norm": pytest.approx(np.sqrt(56)),
        "complete": True,
    }
    assert list(answer)[7:] == ["ranks"]
    assert [list(row) for row in answer["ranks"]] == [COLUMNS] * 4
    table = run("curve", published).stdout
    assert "2.898979" in table
    assert "0.84993" in table


@pytest.mark.parametrize("name", ["minilm_l6_layer0_query.npy", "minilm_l6_layer0_ffn.npy"])
def test_curve_of_real_matrices_equals_lapack(run, shared_data, name):
    path = shared_data / name
    answer = json.loads(run("curve", path, "--format", "json").stdout)
    s = np.linalg.svd(np.load(path).astype(np.float64), compute_uv=False)
    assert answer["complete"]
    sigma = [row["sigma"] for row in answer["ranks"]]
    np.testing.assert_allclose(sigma, s, rtol=0, atol=1e-6 * s[0])
    tail = np.sqrt(np.append(np.cumsum(s[::-1] ** 2)[::-1], 0))
    columns = {name: [row[name] for row in answer["ranks"]] for name in COLUMNS}
    np.testing.assert_allclose(columns["frobenius_residual"], tail[1:], atol=1e-6 * s[0])
    np.testing.assert_allclose(columns["spectral_residual"], [*s[1:], 0], atol=1e-6 * s[0])
    np.testing.assert_allclose(columns["captured_energy"], 1 - (tail[1:] / tail[0]) ** 2, atol=1e-6)


def test_csv_and_json_hold_the_same_numbers(run):
    np.save("w.npy", np.random.default_rng(0).standard_normal((5, 9)))
    rows = list(csv.reader(io.StringIO(run("curve", "w.npy", "--format", "csv").stdout)))
    answer = json.loads(run("curve", "w.npy", "--format", "json").stdout)
    assert rows[0] == COLUMNS
    assert [[float(x) for x in row] for row in rows[1:]] == [
        list(row.values()) for row in answer["ranks"]
    ]


def test_the_tensor_and_its_dtype_are_named(run):
    save_file({"w": np.eye(3, dtype=np.float16), "bias": np.ones(3)}, "w.safetensors")
    answer = json.loads(run("curve", "w.safetensors", "--format", "json").stdout)
    assert (answer["tensor"], answer["dtype"]) == ("w", "float16")
    assert run("curve", "w.safetensors").stdout.startswith("w.safetensors · w: 3 × 3 float16")


def test_max_rank_and_seed(run):
    np.save("w.npy", np.eye(6))
    answer = json.loads(
        run("curve", "w.npy", "--max-rank", 2, "--seed", 7, "--format", "json").stdout
    )
    assert len(answer["ranks"]) == 2
    assert answer["complete"] is False
    assert "the first 2 of 6 ranks" in run("curve", "w.npy", "--max-rank", 2).stdout


def test_a_long_table_is_a_selection_unless_all_is_asked_for(run):
    np.save("w.npy", np.random.default_rng(0).standard_normal((200, 150)))
    short, long = run("curve", "w.npy").stdout, run("curve", "w.npy", "--all").stdout
    assert max(map(len, short.splitlines())) <= 80
    assert "of 150 ranks; --all shows every one" in short
    assert len(long.splitlines()) == 150 + 3
    assert short.splitlines()[-2] == long.splitlines()[-1]  # the last rank is always there


@given(last=st.integers(1, 5000))
def test_the_selection_is_ranks_in_order(last):
    ranks = output._spread(last)
    assert ranks[0] == 1
    assert ranks[-1] == last
    assert len(ranks) <= output.TABLE_ROWS
    assert (np.diff(ranks) > 0).all()


# --- inspect


def test_inspect_lists_what_is_inside(run):
    save_file(
        {"conv": np.ones((2, 3, 4), np.float32), "q": np.ones((4096, 4), np.float16)},
        "w.safetensors",
    )
    answer = json.loads(run("inspect", "w.safetensors", "--format", "json").stdout)
    assert answer == {
        "source": "w.safetensors",
        "tensors": [
            {
                "name": "conv",
                "shape": [2, 3, 4],
                "dtype": "float32",
                "nbytes": 96,
                "parameters": 24,
                "break_even_rank": None,
            },
            {
                "name": "q",
                "shape": [4096, 4],
                "dtype": "float16",
                "nbytes": 32768,
                "parameters": 16384,
                "break_even_rank": pytest.approx(16384 / 4100),
            },
        ],
    }
    table = run("inspect", "w.safetensors").stdout
    assert "w.safetensors: 2 tensors" in table
    for text in ("2 × 3 × 4", "4096 × 4", "16,384", "3.9961"):
        assert text in table


def test_names_from_files_cannot_steer_the_terminal():
    long = "base_model.model.layers.0.self_attn.q_proj.lora_A.weight" * 3
    tensors = [TensorInfo(name, (1,), "int8", 1) for name in ("\x1b[31m[red]\n", long)]
    table = output.inspect_table("w.safetensors", tensors)
    assert "\\x1b[31m[red]\\n" in table
    assert long in table  # one line, never cut, where there is no terminal


# --- the pages


def test_export_writes_a_page(run, published):
    printed = run("export", published, "-o", "page.html", "--rank", 2, "--metric", "spectral")
    assert printed.stdout.startswith("page.html: ")
    assert "<title>w.csv</title>" in Path("page.html").read_text(encoding="utf-8")


def test_export_of_the_example_needs_no_source(run):
    run("export", "-o", "page.html")
    assert "two directions + noise" in Path("page.html").read_text(encoding="utf-8")


def held_by(page):
    """Return the names of the matrices in the list of an exported page."""
    text = Path(page).read_text(encoding="utf-8")
    return sorted(set(re.findall(r"heap\.\d", text)))


def test_export_of_a_checkpoint_lists_its_matrices_and_computes_each(run):
    weights = {f"heap.{i}": np.diag([3.0, 2.0, 1.0 + i]) for i in range(3)}
    save_file(weights, "model.safetensors")
    run("export", "model.safetensors", "-o", "page.html", "--rank", 2)
    assert held_by("page.html") == ["heap.0", "heap.1", "heap.2"]
    np.savez("model.npz", **weights)
    run("export", "model.npz", "-o", "arrays.html")
    assert held_by("arrays.html") == ["heap.0", "heap.1", "heap.2"]
    run("export", "model.safetensors", "-o", "one.html", "--tensor", "heap.1")
    assert held_by("one.html") == ["heap.1"]


def test_export_of_a_difference(run):
    base = {f"heap.{i}": np.eye(3, dtype=np.float32) for i in range(2)}
    save_file(base, "base.safetensors")
    save_file({name: 2 * w for name, w in base.items()}, "tuned.safetensors")
    run("export", "tuned.safetensors", "--base", "base.safetensors", "-o", "page.html")
    text = Path("page.html").read_text(encoding="utf-8")
    assert "<title>tuned.safetensors − base.safetensors</title>" in text
    assert held_by("page.html") == ["heap.0", "heap.1"]
    one = ("tuned.safetensors", "--base", "base.safetensors", "--tensor", "heap.1")
    run("export", *one, "-o", "one.html")
    assert held_by("one.html") == ["heap.1"]


# --- as a process


def test_python_m_and_no_traceback(tmp_path):
    done = shell("curve", "missing.npy", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "lora-bokeh: missing.npy: no such file\n"


def test_help_and_version_of_everything(run):
    assert "Usage: lora-bokeh" in run().stdout
    assert run("--version").stdout == "lora-bokeh 0.1.0\n"
    for command in main.commands:
        assert f"Usage: lora-bokeh {command}" in run(command, "--help").stdout


def test_a_terminal_without_unicode_gets_escapes(tmp_path, published):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = shell("curve", published, cwd=tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2.898979" in done.stdout


def test_a_closed_pipe_is_quiet(tmp_path, published):
    reader, writer = os.pipe()
    os.close(reader)  # as `head` does when it has read enough
    command = [*COMMAND, "curve", published]
    done = subprocess.run(command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_ctrl_c_is_quiet(run, monkeypatch):
    def interrupted(*_, **__):
        signal.raise_signal(signal.SIGINT)

    np.save("w.npy", np.eye(2))
    monkeypatch.setattr(progress, "svd_steps", interrupted)
    assert run("curve", "w.npy", code=130).stderr.strip() == ""


@pytest.mark.parametrize("command", ["curve", "inspect"])
def test_curve_and_inspect_import_no_page_and_no_compiler(tmp_path, published, command):
    code = (
        "import sys; from lora_bokeh.cli import main\n"
        f"main(['{command}', '{published}'], standalone_mode=False)\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.splitlines()[-1].split())
    assert not imported & {"bokeh", "panel", "param", "numba", "tornado", "safetensors"}


def test_the_table_agrees_with_the_library():
    w = np.random.default_rng(1).standard_normal((7, 4))
    table = output.curve_table(output.Curve("w", None, spectrum(w)))
    expected = spectrum(w)
    rows = [line.split() for line in table.splitlines()[3:]]
    np.testing.assert_allclose([float(row[1]) for row in rows], expected.s, rtol=1e-6)
    np.testing.assert_allclose(
        [float(row[4]) for row in rows], expected.captured_energy(), atol=1e-5
    )
