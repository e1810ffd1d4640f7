"""What the README shows is what happens: its transcript, its Python, its files."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*(?:e[-+]\d+)?")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def transcript() -> list[tuple[str, str]]:
    """Return (command, output) in order."""
    parts = re.split(r"^\$ (.*)\n", "".join(blocks("console")), flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(text)]


def words(text: str) -> list[str]:
    return NUMBER.sub("#", text).split()


def test_transcript_is_what_the_commands_print(tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    assert len(transcript()) >= 4
    for command, expected in transcript():
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "COLUMNS": "80", "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        shown = [line.replace("─", "") for line in (done.stdout, expected)]
        assert words(shown[0]) == words(shown[1])
        # Rounding residues differ from one BLAS to the next, and so do a file's last bytes.
        assert numbers(shown[0]) == pytest.approx(numbers(shown[1]), rel=0.02, abs=1e-7)


def test_python_is_true(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = "\n".join(block for block in blocks("python") if ">>>" in block)
    test = doctest.DocTestParser().get_doctest(session, {}, "README", "README.md", 0)
    assert doctest.DocTestRunner().run(test).failed == 0
    assert (tmp_path / "w.html").stat().st_size > 1e6


def test_notebook_block_runs():
    code = next(block for block in blocks("python") if "pn.extension" in block)
    scope = {"W": [[2.0, 0.0], [0.0, 1.0]]}
    exec(compile(code, "README.md", "exec"), scope)
    assert scope["explorer"].rank == 2


def test_links_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link]
    assert len(links) >= 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_both_commands_are_one_line_each():
    commands = [block.strip() for block in blocks("sh")]
    assert [command.count("\n") for command in commands] == [0, 0]
    assert commands[0].endswith("lora-bokeh serve")
    assert commands[1].endswith("pytest")
