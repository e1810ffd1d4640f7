"""The lesson's files: its words, what was published, and what was measured."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _read(name: str) -> Any:
    text = files("lora_bokeh.lesson").joinpath("data", f"{name}.json").read_text(encoding="utf-8")
    return json.loads(text)


def written() -> list[dict[str, Any]]:
    """Return the acts as they are written, with placeholders for every number."""
    return _read("acts")


def guide() -> dict[str, Any]:
    """Return the instructor's page and the glossary."""
    return _read("guide")


def published() -> dict[str, Any]:
    """Return figures that others published, each with its source."""
    return _read("published")


def measured() -> dict[str, Any]:
    """Return the singular values of two adapters, measured for the lesson."""
    return _read("measured")


def sources() -> dict[str, dict[str, str]]:
    """Return key → text and address of what the lesson cites."""
    return _read("sources")
