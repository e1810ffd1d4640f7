"""The progress bar: on a terminal's standard error, nowhere else."""

import io
import sys

import numpy as np
import pytest

from lora_bokeh import LoraExplorer, spectrum
from lora_bokeh.cli import progress
from tests.helpers.adapters import checkpoint, factors, peft, product
from tests.helpers.terminal import run_in_terminal

MATRIX = np.random.default_rng(0).standard_normal((1200, 1100))
MATRICES = 16
WRITING = [("resize", "adapter"), ("extract", "base", "tuned")]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Call it in the test: pytest sets standard error anew when a test begins."""

    def install() -> Terminal:
        monkeypatch.setenv("COLUMNS", "100")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stderr", Terminal())
        return sys.stderr

    return install


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """An adapter and two checkpoints, on each of which a command works for a second or so."""
    folder = tmp_path_factory.mktemp("models")
    names = [f"layers.{i}.q" for i in range(MATRICES)]
    pair = factors(0, (4096, 128), (128, 4096), np.float16)
    peft(folder / "adapter", dict.fromkeys(names, pair))
    before = np.random.default_rng(0).standard_normal((512, 512), np.float32)
    change = product(*factors(0, (512, 3), (3, 512))).astype(np.float32)
    for name, weight in (("base", before), ("tuned", before + change)):
        checkpoint(folder / name, {f"{name}.weight": weight for name in names})
    return folder


def test_bar_counts_the_ranks_and_the_result_is_the_same(terminal):
    screen = terminal()
    computed = progress.computed_spectrum("w.npy", MATRIX, max_rank=4)
    np.testing.assert_array_equal(computed.s, spectrum(MATRIX, 4).s)
    assert "w.npy" in screen.getvalue()
    assert "4/4" in screen.getvalue()


def test_bar_of_a_view_ends_with_it(terminal):
    terminal()
    view = LoraExplorer(MATRIX, max_rank=4)
    progress.wait_for(view, "w.npy")
    assert len(view.spectrum.s) == 4


def test_silence_where_standard_error_is_no_terminal(capsys):
    progress.computed_spectrum("w.npy", np.eye(3))
    assert capsys.readouterr() == ("", "")


def test_command_shows_it_on_a_real_terminal(tmp_path):
    np.save(tmp_path / "w.npy", MATRIX)
    ran = run_in_terminal(tmp_path, "curve", "w.npy", "--max-rank", "4")
    assert ran.code == 0
    assert "captured energy" in ran.output
    assert b"ranks" in ran.shown


@pytest.mark.parametrize("command", WRITING)
def test_matrices_are_counted_and_named_and_the_bar_goes(models, tmp_path, command):
    ran = run_in_terminal(models, *command, "-o", tmp_path / "out", "--rank", "3")
    assert (ran.code, ran.output.splitlines()[-1]) == (0, f"{tmp_path / 'out'}: written")
    for text in (f"{MATRICES}/{MATRICES}", f"{command[-1]} · layers."):
        assert text.encode() in ran.shown
    assert ran.left_clean


@pytest.mark.parametrize("command", WRITING)
def test_interrupt_leaves_nothing(models, tmp_path, command):
    under_way = f"/{MATRICES}".encode()
    args = (*command, "-o", tmp_path / "out", "--rank", "8")
    ran = run_in_terminal(models, *args, interrupt_at=under_way)
    assert (ran.code, ran.output) == (130, "")
    assert ran.left_clean
    assert list(tmp_path.iterdir()) == []
