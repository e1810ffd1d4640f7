"""What is needed next, asked of the memory ahead of time, in compiled code."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

STRIP = np.uintp(32)  # columns fetched at a time: few enough that one need not wait for another
LINE = 64  # bytes that come at once
INTO_L2 = 2  # the first cache is full of what is needed now


def fetch(row: np.ndarray, j: int) -> None:
    """Ask for ``row[j : j + STRIP]``; there is nothing to wait for, and no harm if it ends before.

    Parameters
    ----------
    row : ndarray of shape (n,)
        Contiguous float32 or float64.
    j : uintp
        Where to start.
    """


@overload(fetch, inline="always")
def _compiled(row: Any, j: Any) -> Any:  # noqa: ARG001 - the signatures must be the same
    def compiled(row: Any, j: Any) -> None:
        _fetch(row, j)

    return compiled


@intrinsic
def _fetch(_typing: Any, row: types.Array, j: types.Integer) -> Any:
    def emit(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        pointer = context.make_array(signature.args[0])(context, builder, values[0]).data
        byte, flag = ir.PointerType(ir.IntType(8)), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        step = LINE // (signature.args[0].dtype.bitwidth // 8)
        for line in range(0, int(STRIP), step):
            place = builder.gep(pointer, [builder.add(values[1], values[1].type(line))])
            to_read, of_data = flag(0), flag(1)
            builder.call(function, [builder.bitcast(place, byte), to_read, flag(INTO_L2), of_data])
        return context.get_dummy_value()

    return types.void(row, j), emit
