"""Weights from codes and scales: the arithmetic of each scheme, as its own library does it.

Sources: deepseek-ai/DeepSeek-V3 ``inference/fp8_cast_bf16.py`` (blocks), ComfyUI
``comfy/float.py`` (``scale_weight``), bitsandbytes ``functional.py`` (``dequantize_4bit``,
``int8_vectorwise_dequant``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

DEEPSEEKS_BLOCK = 128
INT8_STEP = 1 / 127  # bitsandbytes keeps the largest magnitude of a row, whose code is 127


def block_shape(
    shape: tuple[int, ...], scale: tuple[int, ...], stated: tuple[int, ...] | None = None
) -> tuple[int, ...] | None:
    """Return how many entries along each axis share a scale; None if the shapes do not fit.

    Parameters
    ----------
    shape, scale : tuple of int
        Of the codes and of their scales.
    stated : tuple of int, optional
        What the model's configuration says (``weight_block_size``).
    """
    if math.prod(scale) == 1:
        return shape
    if len(scale) == 1 and scale[0] == shape[0]:
        return (1, *shape[1:])  # a scale for each row
    if len(scale) != len(shape):
        return None
    if all(s in (1, n) for n, s in zip(shape, scale, strict=True)):
        return tuple(n // s for n, s in zip(shape, scale, strict=True))
    usual = (*(1 for _ in shape[:-2]), DEEPSEEKS_BLOCK, DEEPSEEKS_BLOCK)
    even = tuple(n // s if s else 0 for n, s in zip(shape, scale, strict=True))
    for block in (stated, usual, even):
        if block and len(block) == len(shape) and all(block) and _fits(shape, scale, block):
            return block
    return None


def _fits(shape: tuple[int, ...], scale: tuple[int, ...], block: tuple[int, ...]) -> bool:
    return all(-(-n // b) == s for n, s, b in zip(shape, scale, block, strict=True))


def scaled(codes: np.ndarray, scales: np.ndarray, block: tuple[int, ...]) -> np.ndarray:
    """Return codes times the scale of their block, in float32."""
    wide = np.asarray(scales).astype(np.float32)
    if wide.ndim != codes.ndim:
        wide = wide.reshape((-1, *(1 for _ in codes.shape[1:])))
    out = codes.astype(np.float32)
    if wide.size == 1:
        return out * wide.reshape(())
    for axis, (n, size) in enumerate(zip(codes.shape, block, strict=True)):
        wide = np.repeat(wide, size, axis)[(slice(None),) * axis + (slice(n),)]
    out *= wide
    return out


def int8(codes: np.ndarray, row_maxima: np.ndarray) -> np.ndarray:
    """Return bitsandbytes's 8-bit weight, in float32."""
    rows = row_maxima.astype(np.float32).reshape(-1, 1)
    return codes.astype(np.float32) * rows * np.float32(INT8_STEP)


def four_bit(
    packed: np.ndarray, parts: Mapping[str, np.ndarray], state: Mapping[str, Any]
) -> np.ndarray:
    """Return bitsandbytes's nf4 or fp4 weight in float32; two codes a byte, the high one first.

    Parameters
    ----------
    packed : ndarray
        The bytes, in whatever dtype they are stored.
    parts : mapping
        ``absmax`` and ``quant_map``; with double quantisation of the scales also
        ``nested_absmax`` and ``nested_quant_map``.
    state : mapping
        ``shape``, ``blocksize`` and with double quantisation ``nested_blocksize``,
        ``nested_offset``.
    """
    octets = np.ascontiguousarray(packed).reshape(-1).view(np.uint8)
    table = parts["quant_map"].astype(np.float32)
    shape = tuple(state["shape"])
    size = math.prod(shape)
    values = np.empty(2 * len(octets), np.float32)
    values[0::2], values[1::2] = table[octets >> 4], table[octets & 15]
    absmax = parts["absmax"].reshape(-1)
    if "nested_absmax" in parts:
        nested = parts["nested_quant_map"].astype(np.float32)[absmax]
        maxima = parts["nested_absmax"].astype(np.float32)
        absmax = _by_block(nested, maxima, state["nested_blocksize"])
        absmax = absmax + np.float32(state["nested_offset"])
    return _by_block(values[:size], absmax.astype(np.float32), state["blocksize"]).reshape(shape)


def _by_block(values: np.ndarray, scales: np.ndarray, size: int) -> np.ndarray:
    return values * np.repeat(scales, size)[: len(values)]
