"""Small JSON files beside the tensors: bounded in size, an object or a refusal in one sentence."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from lora_bokeh.formats.limits import check_size, limits
from lora_bokeh.formats.tensors import SourceError


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file within the limits in force."""
    limit = limits().header_bytes
    try:
        with path.open("rb") as file:
            content = file.read() if limit == math.inf else file.read(int(limit) + 1)
    except OSError as error:
        raise SourceError(path, (error.strerror or str(error)).lower()) from None
    check_size(path, "the file", len(content), limit)
    return parse_object(path, content)


def parse_object(path: Path, content: bytes | str, what: str = "the file") -> dict[str, Any]:
    """Return ``content`` as a JSON object; ``what`` names it in the refusal."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, or not UTF-8
        reason = str(error) if isinstance(error, json.JSONDecodeError) else "not text, or too deep"
        raise SourceError(path, f"{what} is not JSON ({reason})") from None
    if not isinstance(value, dict):
        raise SourceError(path, f"{what} is JSON but not an object in braces")
    return value
