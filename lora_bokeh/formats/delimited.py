"""``.csv``: rows of numbers as text, one matrix row to a line.

The separator is the first of semicolon, tab and comma that stands in the first row, else blanks.
Blank lines and lines that start with ``#`` are skipped, as is a first row without any number in
it (column names). A header made of numbers cannot be told from data and is read as data.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from lora_bokeh.formats.limits import LIFT, check_size, limits
from lora_bokeh.formats.tensors import SourceError, Stored, TensorInfo

SEPARATORS = ";\t,"


def tensors(path: Path) -> list[Stored]:
    """Return the one matrix of the file, as float64."""
    advice = f"save the matrix as .npy; {LIFT}"
    check_size(path, "its text", path.stat().st_size, limits().text_bytes, advice)
    w = _parse(path)
    return [Stored(TensorInfo(None, w.shape, str(w.dtype), w.nbytes), partial(np.asarray, w))]


def _parse(path: Path) -> np.ndarray:
    """Return the matrix of shape (rows, columns), every entry finite."""
    values, numbers, width = array("d"), array("Q"), 0
    for number, fields in _rows(path):
        width = width or len(fields)
        if len(fields) != width:
            raise SourceError(
                path, f"line {number} has {len(fields)} values, line {numbers[0]} has {width}"
            )
        values.extend(_floats(path, number, fields))
        numbers.append(number)
    if not values:
        raise SourceError(path, "there is no row of numbers in it")
    w = np.frombuffer(values).reshape(-1, width)
    _check_finite(path, w, numbers)
    return w


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number from 1, fields) of each row of numbers."""
    separator, first = None, True
    for number, line in _lines(path):
        text = line.strip(" \r\n")
        if not text.strip() or text.startswith("#"):
            continue
        if first:
            separator = next((s for s in SEPARATORS if s in text), None)
        fields = text.split(separator)
        if not (first and not any(map(_is_number, fields))):
            yield number, fields
        first = False


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines, in bounded memory whatever the file is made of."""
    with path.open(encoding="utf-8-sig") as file:
        number, most = 0, int(min(limits().line_characters, sys.maxsize))
        try:
            while line := file.readline(most):
                number += 1
                if len(line) == most:
                    raise SourceError(
                        path, f"line {number} is longer than {most:,} characters; use .npy"
                    )
                yield number, line
        except UnicodeDecodeError:
            raise SourceError(path, f"not text in UTF-8 (after line {number})") from None


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _floats(path: Path, number: int, fields: list[str]) -> list[float]:
    try:
        return list(map(float, fields))
    except ValueError:
        column, field = next((j, f) for j, f in enumerate(fields, 1) if not _is_number(f))
        found = f"{field.strip():.40}"
        what = f"{found!r}, not a number" if found else "empty"
        raise SourceError(path, f"line {number}, column {column} is {what}") from None


def _check_finite(path: Path, w: np.ndarray, numbers: array) -> None:
    """Refuse nan and inf here, where the line is still known."""
    finite = np.isfinite(w)
    if finite.all():
        return
    row, column = np.argwhere(~finite)[0]
    raise SourceError(
        path,
        f"line {numbers[row]}, column {column + 1} is {w[row, column]}; every entry must be finite",
    )
