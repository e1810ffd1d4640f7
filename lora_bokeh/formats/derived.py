"""Tensors computed from stored ones when they are read: turned, sliced, multiplied out.

A format whose factors are stored in another order, or as products, hands these on; whoever reads
a pair sees B of shape (out, r) and A of shape (r, in), whatever the file holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from lora_bokeh.formats.tensors import Container, Stored


def derived(
    like: Stored, name: str, shape: tuple[int, ...], read: Callable[[], np.ndarray]
) -> Stored:
    """Return a tensor under another name and shape, of the dtype and bytes of a stored one."""
    return Stored(like.info._replace(name=name, shape=shape), read)


def turned(stored: Stored) -> Stored:
    """Return a tensor with its last two axes exchanged."""
    *rest, m, n = stored.info.shape
    read = stored.read
    return Stored(stored.info._replace(shape=(*rest, n, m)), lambda: np.swapaxes(read(), -1, -2))


def piece(
    stored: Stored, name: str, shape: tuple[int, ...], cut: Callable[[np.ndarray], np.ndarray]
) -> Stored:
    """Return a part of a tensor, with its share of the bytes."""
    info = stored.info
    whole = int(np.prod(info.shape, dtype=object)) or 1
    nbytes = info.nbytes * int(np.prod(shape, dtype=object)) // whole
    return Stored(info._replace(name=name, shape=shape, nbytes=nbytes), partial(_cut, stored, cut))


def _cut(stored: Stored, cut: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return cut(stored.read())


def with_tensors(container: Container, tensors: Iterable[Stored]) -> Container:
    """Return a container which also has these tensors; of a name it had before, the new one."""
    named = {stored.info.name: stored for stored in (*container.stored, *tensors)}
    return container._replace(stored=tuple(named.values()))
