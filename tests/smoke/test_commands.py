"""The commands, as a shell runs them; numbers against LAPACK's."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from lora_bokeh import truncated_svd


@pytest.fixture
def run(tmp_path):
    """Run ``run("curve", "w.npy")`` in a folder that holds a matrix; return what it prints."""
    np.save(tmp_path / "w.npy", np.random.default_rng(0).standard_normal((40, 30)))

    def run_one(*words: str) -> str:
        command = [sys.executable, "-W", "error", "-m", "lora_bokeh", *words]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run_one


def test_curve(run, tmp_path):
    ranks = json.loads(run("curve", "w.npy", "--format", "json"))["ranks"]
    values = np.linalg.svd(np.load(tmp_path / "w.npy"), compute_uv=False)
    assert [each["sigma"] for each in ranks] == pytest.approx(values, rel=1e-12)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--version"], "lora-bokeh"),
        (["inspect", "w.npy"], "40 × 30"),
        (["budget", "llama-2-7b"], "LoRA"),
        (["train", "w.npy", "--rank", "4"], "floor"),
    ],
)
def test_says(words, said, run):
    assert said in run(*words)


def test_a_page_that_is_exported_is_drawn(run, tmp_path, open_tab, try_out):
    run("export", "w.npy", "-o", "w.html")
    try_out(open_tab(tmp_path / "w.html", reduced_motion="reduce").page)


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_a_figure_is_drawn(ending, run, tmp_path):
    run("figure", "w.npy", "-o", f"w.{ending}")
    assert (tmp_path / f"w.{ending}").stat().st_size > 5000


def test_a_page_is_served(tmp_path, run, serve_command, open_tab, try_out):
    address = serve_command("lora_bokeh", "serve", tmp_path / "w.npy", "--no-show", "--port", "0")
    try_out(open_tab(address, reduced_motion="reduce").page)


@pytest.mark.parametrize("method", ["power", "lapack"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_those_of_lapack(method, dtype):
    rng = np.random.default_rng(1)
    W = (rng.standard_normal((300, 40)) @ rng.standard_normal((40, 200))).astype(dtype)
    values = np.linalg.svd(W.astype(np.float64), compute_uv=False)[:8]
    found = truncated_svd(W, 8, method=method)
    assert found.s == pytest.approx(values, rel=1e-5 if dtype == np.float32 else 1e-11)
