"""LoHa and LoKr, of LyCORIS and of PEFT: ΔW a Hadamard or a Kronecker product of low-rank ones.

LoHa: ΔW = s·(w1_a·w1_b)∘(w2_a·w2_b), of rank at most r². LoKr: ΔW = s·(w1 ⊗ w2), of the product of
both ranks; w1 and w2 are whole or products themselves. With a core tensor t (Tucker's) the second
factor of a convolution is t·w_b, and the first is stored as (r, out). Sources:
KohakuBlueleaf/LyCORIS ``lycoris/functional``; huggingface/peft ``tuners/loha``, ``tuners/lokr``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lora_bokeh.adapters import pairing
from lora_bokeh.adapters.pairing import Scaling
from lora_bokeh.adapters.update import Arrays, Factors, Formula, modules_of, update
from lora_bokeh.formats.source import Entry, Source
from lora_bokeh.formats.tensors import Container, SourceError

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

LOHA = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2")
LOKR = ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2")
METHODS = {"LoHa": LOHA, "LoKr": LOKR}
PATTERN = r"(?P<module>.+)\.{}(\.default)?(\.weight)?"
ALPHA = ".alpha"


def read(container: Container) -> Source | None:
    """Return the adapter of LyCORIS's own files; None if its keys are not there."""
    found = {method: modules_of(container, parts, PATTERN)[0] for method, parts in METHODS.items()}
    if not any(found.values()):
        return None
    making = {
        name: (formulas, parts)
        for method, modules in found.items()
        for name, parts in modules.items()
        for formulas in (FORMULAS[method],)
    }
    pairs = pairing.each(making, lambda name, made: _entry(container, name, *made))
    used = {key for entry in pairs.entries for key in entry.keys} | pairs.broken_keys
    return pairing.adapter(
        container,
        pairs,
        name="lycoris",
        rest=[key for key in container.named if key not in used],
        config=container.metadata,
        notes=method_notes(found),
    )


def method_notes(found: Mapping[str, object]) -> list[str]:
    """Say of which method the updates are."""
    kinds = " and ".join(method for method, modules in found.items() if modules)
    return [f"{kinds}: ΔW is multiplied out, r is the rank its formula allows"]


def _entry(
    container: Container, name: str, formula_of: FormulaOf, parts: Mapping[str, str]
) -> Entry:
    formula, dim = made(container, name, formula_of, parts)
    alpha = container.named.get(name + ALPHA)
    whole = {"alpha": name + ALPHA} if alpha else {}
    scaling = pairing.stored_scaling(container, whole, dim) if dim else Scaling(1.0, None)
    entry = update(container, name, parts, formula=formula, scaling=scaling)
    return entry.with_keys(*entry.keys, *whole.values())


def made(
    container: Container, name: str, formula_of: FormulaOf, parts: Mapping[str, str]
) -> tuple[Formula, int | None]:
    """Return the formula and the r that the scale is divided by, None where there is none.

    Raises
    ------
    SourceError
        A part is missing or they do not fit together.
    """
    shapes = {part: container.named[key].info.shape for part, key in parts.items()}
    try:
        return formula_of(shapes)
    except (KeyError, ValueError, IndexError) as error:
        why = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise SourceError(container.path, f"pair {name!r}: {why}") from None


# --- LoHa


def loha(shapes: Shapes) -> tuple[Formula, int]:
    """Return the formula of shapes."""
    first = _product(shapes, "hada_w1_a", "hada_w1_b", "hada_t1")
    second = _product(shapes, "hada_w2_a", "hada_w2_b", "hada_t2")
    (m, r1, n), (m2, r2, n2) = first, second
    if (m, n) != (m2, n2):
        raise ValueError(f"the factors of {m} × {n} and {m2} × {n2} differ in shape")

    def factors(arrays: Arrays) -> Factors:
        B1, A1 = multiplied(arrays, "hada_w1_a", "hada_w1_b", "hada_t1")
        B2, A2 = multiplied(arrays, "hada_w2_a", "hada_w2_b", "hada_t2")
        B = (B1[:, :, None] * B2[:, None, :]).reshape(m, -1)
        A = (A1[:, None, :] * A2[None, :, :]).reshape(-1, n)
        return B, A

    def dense(arrays: Arrays) -> np.ndarray:
        B1, A1 = multiplied(arrays, "hada_w1_a", "hada_w1_b", "hada_t1")
        B2, A2 = multiplied(arrays, "hada_w2_a", "hada_w2_b", "hada_t2")
        return (B1 @ A1) * (B2 @ A2)

    kernel = _kernel(shapes, "hada_t1", shapes["hada_w1_b"])
    return Formula((m, n), r1 * r2, factors, dense, kernel), r1


# --- LoKr


def lokr(shapes: Shapes) -> tuple[Formula, int | None]:
    """Return the formula of shapes; the scale has no r where both matrices are whole."""
    a, r1, b = _side(shapes, "1")
    c, r2, d = _side(shapes, "2")

    def factors(arrays: Arrays) -> Factors:
        (B1, A1), (B2, A2) = _sides(arrays)
        return np.kron(B1, B2), np.kron(A1, A2)

    def dense(arrays: Arrays) -> np.ndarray:
        first, second = (B @ A for B, A in _sides(arrays))
        return np.kron(first, second)

    kernel: Shape | None = None
    w2 = shapes.get("lokr_w2", ())
    if len(w2) == 4:
        kernel = (b * w2[1], *w2[2:])
    elif "lokr_t2" in shapes:
        kernel = (b * shapes["lokr_w2_b"][1], *shapes["lokr_t2"][2:])
    inner = [shapes[f"lokr_w{i}_b"][0] for i in "21" if f"lokr_w{i}" not in shapes]
    return Formula((a * c, b * d), r1 * r2, factors, dense, kernel), next(iter(inner), None)


def _side(shapes: Shapes, i: str) -> tuple[int, int, int]:
    """Return (rows, rank, columns) of w1 or w2 as a matrix."""
    whole = shapes.get(f"lokr_w{i}")
    if whole is None:
        return _product(shapes, f"lokr_w{i}_a", f"lokr_w{i}_b", f"lokr_t{i}")
    m, n = whole[0], math.prod(whole[1:])
    return m, min(m, n), n


def _sides(arrays: Arrays) -> list[Factors]:
    return [
        _of_whole(arrays[f"lokr_w{i}"])
        if f"lokr_w{i}" in arrays
        else multiplied(arrays, f"lokr_w{i}_a", f"lokr_w{i}_b", f"lokr_t{i}")
        for i in "12"
    ]


def _of_whole(w: np.ndarray) -> Factors:
    """Return w as a product with the identity on its shorter side."""
    w = w.reshape(len(w), -1)
    m, n = w.shape
    return (np.eye(m), w) if m <= n else (w, np.eye(n))


# --- both


def _product(shapes: Shapes, a: str, b: str, t: str) -> tuple[int, int, int]:
    """Return (rows, rank, columns) of a·b, or of a·(t·b)."""
    first, second, core = shapes[a], shapes[b], shapes.get(t)
    if len(first) < 2 or len(second) < 2:
        raise ValueError(f"{a} of shape {first} and {b} of shape {second} are not both matrices")
    if core is None:
        m, r = first[0], math.prod(first[1:])
        fits, n = r == second[0], math.prod(second[1:])
    else:
        r, m = first
        fits = len(core) > 2 and core[:2] == (r, second[0])
        n = second[1] * math.prod(core[2:])
    if not fits:
        raise ValueError(f"{a} of shape {first} does not fit {b} of shape {second}")
    return m, r, n


def multiplied(arrays: Arrays, a: str, b: str, t: str) -> Factors:
    """Return the factors (rows, r) and (r, columns) of a·b, or of a·(t·b)."""
    first, second, core = arrays[a], arrays[b], arrays.get(t)
    if core is None:
        return first.reshape(len(first), -1), second.reshape(len(second), -1)
    inner = np.tensordot(core, second, axes=(1, 0))  # (r, kernel…, in)
    return first.T, np.moveaxis(inner, -1, 1).reshape(len(core), -1)


def _kernel(shapes: Shapes, t: str, second: Sequence[int]) -> tuple[int, ...] | None:
    return (second[1], *shapes[t][2:]) if t in shapes else None


FormulaOf = Callable[[Shapes], tuple[Formula, int | None]]
FORMULAS: dict[str, FormulaOf] = {"LoHa": loha, "LoKr": lokr}
