"""Bad input, each with its message: exit code 2, one line on standard error, nothing else."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file

from lora_bokeh.cli import main


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Run a command in a folder of bad inputs; return the one line with which it refuses."""
    monkeypatch.chdir(tmp_path)
    write_bad_inputs()

    def run(*args):
        result = CliRunner().invoke(main, args, prog_name="lora-bokeh")
        assert (result.exit_code, result.stdout) == (2, ""), result.exception
        assert result.stderr.startswith("lora-bokeh: ")
        assert result.stderr.count("\n") == 1
        return result.stderr.removeprefix("lora-bokeh: ").rstrip("\n")

    return run


def write_bad_inputs():
    """Write every bad input into the current folder."""
    np.save("good.npy", np.eye(4))
    np.save("cube.npy", np.zeros((2, 3, 4)))
    np.save("pickled.npy", np.array([[{}]], dtype=object))
    np.save("nan.npy", np.where(np.indices((4, 4)).sum(0) == 5, np.nan, 1.0))
    np.save("complex.npy", np.eye(2) * 1j)
    save_file({"q_proj": np.eye(4), "k_proj": np.eye(4)}, "two.safetensors")
    save_file({"u": np.eye(4), "v": np.array([[1.0, np.nan]])}, "broken.safetensors")
    texts = {"ragged.csv": "1,2,3\n4,5\n", "nan.csv": "1,2\n3,nan\n", "words.csv": "1,2\n3,four\n"}
    for name, text in texts.items():
        Path(name).write_text(text)
    Path("cut.safetensors").write_bytes(Path("two.safetensors").read_bytes()[:-10])
    Path("pickle.npy").write_bytes(pickle.dumps([[1.0]]))
    Path("empty.npy").touch()
    Path("folder").mkdir()


BAD_INPUTS = {
    "ragged.csv": "line 2 has 2 values, line 1 has 3",
    "nan.csv": "line 2, column 2 is nan; every entry must be finite",
    "words.csv": "line 2, column 2 is 'four', not a number",
    "nan.npy": "entry (row 2, column 3) is nan, counted from 0; every entry must be finite",
    "complex.npy": "the matrix must hold real numbers of at most 64 bits, got dtype complex128; "
    "take its real part or its modulus",
    "empty.npy": "the file is empty",
    "cut.safetensors": "not a sound .safetensors file (Error while deserializing header: "
    "incomplete metadata, file not fully covered); it may be cut short",
    "pickled.npy": "the file holds pickled Python objects, which could run code and are never "
    "loaded; save it as an array of numbers, np.save(path, np.asarray(w, dtype=float))",
    "missing.npy": "no such file",
    "folder": "a directory with 0 .safetensors files in it; name one file",
    "cube.npy": "the array is 3-D, of shape (2, 3, 4); save one slice of it or reshape it, for "
    "instance to (2, 12), to get a matrix",
}
BAD_INPUTS["pickle.npy"] = BAD_INPUTS["pickled.npy"]


@pytest.mark.parametrize("name", BAD_INPUTS)
@pytest.mark.parametrize("command", [["curve"], ["export", "-o", "page.html"], ["serve"]])
def test_bad_input_is_one_line(refused, name, command):
    assert refused(command[0], name, *command[1:]) == f"{name}: {BAD_INPUTS[name]}"
    assert not Path("page.html").exists()


BAD_ARGUMENTS = {
    "curve two.safetensors": "two.safetensors: 2 matrices are in it, choose one by name "
    "(--tensor): k_proj (4×4), q_proj (4×4)",
    "curve two.safetensors --tensor q_prj": "two.safetensors: no tensor is named 'q_prj'; did you "
    "mean q_proj, k_proj?",
    "curve good.npy --tensor w": "good.npy: it holds one array without a name; leave out the name "
    "'w'",
    "curve good.npy --max-rank 0": "good.npy: max_rank must be between 1 and 4, got 0",
    "curve good.npy --max-rank 5": "good.npy: max_rank must be between 1 and 4, got 5",
    "curve good.npy --max-rank x": "Invalid value for '--max-rank': 'x' is not a valid integer. "
    "See 'lora-bokeh curve --help'.",
    "curve": "Missing argument 'SOURCE'. See 'lora-bokeh curve --help'.",
    "curve good.npy --format xml": "Invalid value for '--format': 'xml' is not one of 'table', "
    "'json', 'csv'. See 'lora-bokeh curve --help'.",
    "export good.npy -o page.html --rank 0": "good.npy: rank must be between 1 and 4, got 0",
    "export good.npy -o page.html --rank 5": "good.npy: rank must be between 1 and 4, got 5",
    "export good.npy -o page.html --max-rank 0": "good.npy: max_rank must be between 1 and 4, "
    "got 0",
    "export good.npy -o none/page.html": "none/page.html: No such file or directory",
    "export good.npy -o folder": "Invalid value for '-o' / '--output': File 'folder' is a "
    "directory. See 'lora-bokeh export --help'.",
    "export two.safetensors -o page.html --rank 5": "two.safetensors: rank must be between 1 and "
    "4, got 5",
    "export two.safetensors -o page.html --max-rank 0": "two.safetensors: max_rank must be "
    "between 1 and 4, got 0",
    "export two.safetensors --base good.npy -o page.html": "two.safetensors: no matrix to compare "
    "with good.npy: only in the tuned model (2: k_proj, q_proj)",
    "export two.safetensors --base missing.npy -o page.html": "missing.npy: no such file",
    "export broken.safetensors -o page.html": "broken.safetensors: 'v': entry (row 0, column 1) "
    "is nan, counted from 0; every entry must be finite",
    "export --tensor w -o page.html": "--tensor needs a SOURCE to go with",
    "serve --base good.npy": "--base needs a SOURCE to go with",
    "serve good.npy --port 70000 --no-show": "a port is a number from 0 to 65535, got 70000",
    "serve good.npy --address 192.0.2.1 --no-show": "cannot listen on 192.0.2.1, port 5006: "
    "Cannot assign requested address",
    "inspect missing.npy": "missing.npy: no such file",
    "draw": "No such command 'draw'. See 'lora-bokeh --help'.",
}


@pytest.mark.parametrize("line", BAD_ARGUMENTS)
def test_a_bad_argument_is_one_line(refused, line):
    assert refused(*line.split()) == BAD_ARGUMENTS[line]


def test_a_hostile_file_name_stays_on_one_line(refused):
    assert refused("curve", "a\nb\x1b[2J.npy") == "a\\nb\\x1b[2J.npy: no such file"
