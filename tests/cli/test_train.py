"""``train`` on the command line: the same numbers as the library, said in three ways."""

import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner

from lora_bokeh import targets, train
from lora_bokeh.cli import main
from tests.helpers import naive
from tests.helpers.adapter_files import factors, product, write_peft

W = targets.noise((8, 8), seed=0)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty folder; return what it prints."""
    monkeypatch.chdir(tmp_path)

    def run_one(*args, code=0):
        result = CliRunner().invoke(main, ["train", *map(str, args)], prog_name="lora-bokeh")
        assert result.exit_code == code, (result.output, result.exception)
        return result.stderr if code else result.stdout

    return run_one


def test_json_holds_every_step_of_the_twin(run):
    said = json.loads(run("--rank", 2, "--format", "json", "--steps", 900))
    twin = naive.train(W, 2, 900, 0.01)
    np.testing.assert_allclose([row["loss"] for row in said["steps"]], twin, rtol=1e-6)
    floor = np.sum(naive.singular_values(W)[2:] ** 2) / 64
    assert said["floor"] == pytest.approx(floor, rel=1e-6)
    assert said["gradient_norms"]["A"] == 0 < said["gradient_norms"]["B"]
    assert (said["shape"], said["rank"], said["scale"], said["diverged"]) == ([8, 8], 2, 1, None)


def test_table_tells_each_tenth(run):
    lines = run("--rank", 2, "--learning-rate", 0.03).splitlines()
    training = train(W, 2, learning_rate=0.03)
    rows = [line.split() for line in lines if line.strip()[:1].isdigit()]
    assert [int(row[0]) for row in rows] == list(range(0, 1001, 100))
    assert [float(row[1]) for row in rows] == pytest.approx(training.loss[::100], rel=1e-6)
    assert f"{training.floor:.7g}" in lines[1]
    assert "‖∂L/∂A‖ = 0" in lines[-1]


def test_csv_of_a_file(run):
    np.save("w.npy", W[:, :5].astype(np.float32))
    options = ("--rank", 1, "--optimizer", "sgd", "--lora-alpha", 2, "--steps", 7, "--seed", 3)
    rows = list(csv.DictReader(io.StringIO(run("w.npy", *options, "--format", "csv"))))
    training = train(W[:, :5].astype(np.float32), 1, optimizer="sgd", lora_alpha=2, steps=7, seed=3)
    assert [float(row["loss"]) for row in rows] == list(training.loss)
    assert [float(row["above_floor"]) for row in rows] == list(training.above_floor())


def test_a_pair_is_trained_towards_its_product(run, tmp_path):
    B, A, *_ = pair = factors(30, 20, 4)
    write_peft(tmp_path, {"layer.q_proj": pair}, lora_alpha=8)
    said = json.loads(run(tmp_path, "--rank", 4, "--steps", 0, "--format", "json"))
    assert said["steps"][0]["loss"] == pytest.approx(np.mean(product(B, A, 2.0) ** 2), rel=1e-5)
    assert said["tensor"] == "layer.q_proj"


def test_divergence_and_standstill_are_said(run):
    said = run("--optimizer", "sgd", "--learning-rate", 100)
    end = train(W, 2, optimizer="sgd", learning_rate=100).diverged
    assert f"diverged at step {end}: the learning rate is too high" in said
    assert "nan" not in said
    options = ("--optimizer", "sgd", "--learning-rate", 100, "--format", "json")
    steps = json.loads(run(*options))["steps"]
    assert [row["loss"] is None for row in steps] == [row["step"] >= end for row in steps]
    assert "both gradients are zero" in run("--init", "zeros", "--steps", 3)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--rank", 9], "rank must be between 1 and 8, got 9"),
        (["--learning-rate", 0], "learning_rate must be a positive number, got 0"),
        (["--steps", -1], "steps must be between 0 and"),
        (["--tensor", "q"], "--tensor needs a SOURCE"),
        (["none.npy"], "none.npy: no such file"),
    ],
)
def test_bad_input_is_one_line(run, args, message):
    said = run(*args, code=2)
    assert message in said
    assert said.count("\n") == 1
