"""The lowest versions that ``pyproject.toml`` declares, as constraints for pip.

``python tests/smoke/lowest.py > lowest.txt`` prints, for the Python that runs it, one line for each
dependency: the lowest declared version, or the next one that has a wheel for this Python. It needs
nothing but pip, so that it runs in an environment where nothing is installed yet.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
REQUIREMENT = re.compile(r"([\w-]+)>=([\d.]+)")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
WHEEL = ("install", "--dry-run", "--no-deps", "--ignore-installed", "--only-binary", ":all:")


def declared(path: Path = PYPROJECT) -> dict[str, str]:
    """Return name → lowest version of each dependency, those of the extra "figure" included."""
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    lows = {}
    for requirement in project["dependencies"] + project["optional-dependencies"]["figure"]:
        found = REQUIREMENT.fullmatch(requirement)
        if not found:
            raise SystemExit(f"{path}: {requirement!r} must be written as name>=version")
        lows[found[1]] = found[2]
    return lows


def from_low(versions: list[str], low: str) -> list[str]:
    """Return final versions from a bound on, the lowest first."""
    final = {numbers(v): v for v in versions if re.fullmatch(r"[\d.]+", v)}
    return [final[each] for each in sorted(final) if each >= numbers(low)]


def numbers(version: str) -> tuple[int, ...]:
    """Return a version's numbers without the zeros at its end, since 2.0 and 2.0.0 are one."""
    parts = [int(part) for part in version.split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def lowest(name: str, low: str) -> str:
    """Return the lowest version of a package from a bound on that has a wheel for this Python."""
    index = subprocess.run(
        [*PIP, "index", "versions", name], check=True, capture_output=True, text=True
    )
    listed = re.search(r"^Available versions: (.*)$", index.stdout, re.MULTILINE)
    for version in from_low(listed[1].split(", ") if listed else [], low):
        if (
            subprocess.run(
                [*PIP, *WHEEL, f"{name}=={version}"], capture_output=True, check=False
            ).returncode
            == 0
        ):
            return version
    raise SystemExit(f"{name} has no wheel from {low} on for Python {sys.version.split()[0]}")


if __name__ == "__main__":
    for package, bound in declared().items():
        print(f"{package}=={lowest(package, bound)}", flush=True)
