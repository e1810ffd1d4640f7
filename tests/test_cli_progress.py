"""The progress bar: on a terminal's standard error, nowhere else."""

import io
import os
import pty
import subprocess
import sys

import numpy as np
import pytest

from lora_bokeh import LoraExplorer, cli_progress, spectrum

MATRIX = np.random.default_rng(0).standard_normal((1200, 1100))


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


def test_bar_counts_the_ranks_and_the_result_is_the_same(terminal):
    screen = terminal()
    computed = cli_progress.computed_spectrum("w.npy", MATRIX, max_rank=4)
    np.testing.assert_array_equal(computed.s, spectrum(MATRIX, 4).s)
    assert "w.npy" in screen.getvalue()
    assert "4/4" in screen.getvalue()


def test_bar_of_a_view_ends_with_it(terminal):
    terminal()
    view = LoraExplorer(MATRIX, max_rank=4)
    cli_progress.wait_for(view, "w.npy")
    assert len(view.spectrum.s) == 4


def test_silence_where_standard_error_is_no_terminal(capsys):
    cli_progress.computed_spectrum("w.npy", np.eye(3))
    assert capsys.readouterr() == ("", "")


def test_command_shows_it_on_a_real_terminal(tmp_path):
    np.save(tmp_path / "w.npy", MATRIX)
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "lora_bokeh", "curve", "w.npy", "--max-rank", "4"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=follower
    ) as process:
        os.close(follower)
        shown = read_all(leader)
        assert b"captured energy" in process.stdout.read()
    assert process.returncode == 0
    assert b"ranks" in shown


def read_all(leader: int) -> bytes:
    """Read a terminal while it is written to, for a full one stops its writer."""
    shown = b""
    try:
        while chunk := os.read(leader, 1 << 16):
            shown += chunk
    except OSError:  # Linux says so when the last writer has closed
        pass
    os.close(leader)
    return shown
