"""PEFT's methods beside LoRA: those whose ΔW is a formula of the file alone are read.

AdaLoRA ΔW = s·B·(E∘A), GraLoRA blocks of small products, DeLoRA normalised products, C3A circulant
blocks, LoHa and LoKr as in :mod:`lora_bokeh.adapters.lycoris`. Every other method is refused by its
name: its ΔW depends on the base weights or on random numbers that are not in the file, or there is
no ΔW. Source: huggingface/peft ``src/peft/tuners``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from lora_bokeh.adapters import lycoris, pairing
from lora_bokeh.adapters.pairing import Scaling
from lora_bokeh.adapters.peft_config import LoraConfig, number
from lora_bokeh.adapters.update import Arrays, Factors, Formula, modules_of, update
from lora_bokeh.formats.adapter_config import AdapterConfig
from lora_bokeh.formats.module_names import live_name
from lora_bokeh.formats.source import Entry, Source
from lora_bokeh.formats.tensors import Container, SourceError
from lora_bokeh.text import listing

PATTERN = r"(?P<module>.+)\.{}(\.default)?(\.weight)?"
ADALORA_EPSILON = 1e-5  # PEFT adds it to the rank that α is divided by
DELORA_LEAST = 1e-4  # no norm is taken to be smaller
PROMPTS = {  # methods that add tokens or vectors to the input: there is no ΔW
    *("PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "CPT"),
    *("ADAPTION_PROMPT", "CARTRIDGE"),
}
MERGE = "merge it into its base model, and look at, or extract, the difference of the two"


class Made(NamedTuple):
    """A module's formula and its scale."""

    formula: Formula
    scaling: Scaling


Shapes = Mapping[str, tuple[int, ...]]
Make = Callable[[AdapterConfig, str, Shapes], Made]


class Method(NamedTuple):
    """A method that is read.

    Attributes
    ----------
    title : str
        As its authors write it.
    parts : tuple of str
        What its tensors are called.
    make : callable
        From the configuration, the module and the parts' shapes to formula and scale.
    """

    title: str
    parts: tuple[str, ...]
    make: Make


def read(container: Container, config: AdapterConfig) -> Source:
    """Return the adapter of a method that is not LoRA.

    Raises
    ------
    SourceError
        It is none of :data:`METHODS`, or its tensors are not there.
    """
    if config.method not in METHODS:
        raise SourceError(container.path, refusal(config.method))
    method = METHODS[config.method]
    modules, rest = modules_of(container, method.parts, PATTERN)
    if not modules:
        raise SourceError(
            container.path,
            f"{config.path.name} says peft_type {config.method}, but no tensor of it is here; the "
            f"file has {listing(list(container.named), 5)}",
        )
    pairs = pairing.each(modules, partial(_entry, container, config, method))
    dead = pairing.dead_prefixes(modules)
    return pairing.adapter(
        container,
        pairs,
        name="peft",
        rest=rest,
        config=config.values,
        notes=[f"{method.title}: ΔW is multiplied out, r is the rank its formula allows"],
        findings=dead,
    )


def refusal(method: str) -> str:
    """Say that a method is not read, and what to do."""
    if method in PROMPTS:
        return (
            f"an adapter of PEFT's {method}, which adds to the input and changes no weight; there "
            "is no ΔW to look at"
        )
    return (
        f"an adapter of PEFT's {method}, not of LoRA: its ΔW does not follow from the file alone; "
        f"{MERGE}"
    )


def _entry(
    container: Container, config: AdapterConfig, method: Method, key: str, parts: Mapping[str, str]
) -> Entry:
    name = live_name(key)[0]
    shapes = {part: container.named[key].info.shape for part, key in parts.items()}
    try:
        formula, scaling = method.make(config, name, shapes)
    except (KeyError, ValueError, IndexError) as error:
        if isinstance(error, SourceError):
            raise
        why = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise SourceError(container.path, f"pair {name!r}: {why}") from None
    turned = bool(config.values.get("fan_in_fan_out"))
    return update(container, name, parts, formula=formula, scaling=scaling, fan_in_fan_out=turned)


# --- the methods


def adalora(config: AdapterConfig, _: str, shapes: Shapes) -> Made:
    """ΔW = s·B·(E∘A) with s = α/(r + 1e-5), r the rank that is left."""
    (m, r), (r2, n), E = (shapes[f"lora_{part}"] for part in "BAE")
    if not (r == r2 == E[0]):
        raise ValueError(f"lora_B of {m} × {r}, lora_A of {r2} × {n} and lora_E of {E} do not fit")
    alpha = number(config.path, "lora_alpha", config.values.get("lora_alpha"))
    scale = (alpha if alpha > 0 else r) / (r + ADALORA_EPSILON)

    def factors(arrays: Arrays) -> Factors:
        return arrays["lora_B"], arrays["lora_A"] * arrays["lora_E"].reshape(-1, 1)

    return Made(_product((m, n), r, factors), Scaling(scale, alpha))


def kronecker(formula_of: lycoris.FormulaOf) -> Make:
    """Return the way to a LoHa or LoKr of PEFT, whose scale is α/r by the configuration."""

    def make(config: AdapterConfig, name: str, shapes: Shapes) -> Made:
        formula, dim = formula_of(shapes)
        values = {**config.values, "lora_alpha": config.values.get("alpha")}
        of_config = LoraConfig(config.path, values)
        return Made(formula, of_config.scaling(name, dim or of_config.rank_of(name)))

    return make


def gralora(config: AdapterConfig, _: str, shapes: Shapes) -> Made:
    """Blocks, k × k, each of rank r/k; plus a plain pair of hybrid_r."""
    (k, P, r), (k2, r2, Q) = shapes["gralora_A"], shapes["gralora_B"]
    if (k, r) != (k2, r2) or r % k:
        raise ValueError(f"gralora_A of {(k, P, r)} and gralora_B of {(k2, r2, Q)} do not fit")
    general = shapes.get("gralora_B_general", (0, 0))[1]
    part = r // k

    def multiplied(arrays: Arrays) -> Factors:
        # The block of outputs o and inputs n: Σ_s B[o, n·part + s, :]ᵀ · A[n, :, o·part + s]
        A = arrays["gralora_A"].reshape(k, P, k, part)  # n, p, o, s
        B = arrays["gralora_B"].reshape(k, k, part, Q)  # o, n, s, q
        wide, tall = np.zeros((k, k, part, k, P)), np.zeros((k, Q, k, k, part))
        for i in range(k):
            wide[:, i, :, i] = A[i].transpose(1, 2, 0)  # o, s, p
            tall[i, :, i] = B[i].transpose(2, 0, 1)  # q, n, s
        factors = tall.reshape(-1, k * r), wide.reshape(k * r, -1)
        if not general:
            return factors
        return (
            np.hstack([factors[0], arrays["gralora_B_general"]]),
            np.vstack([factors[1], arrays["gralora_A_general"]]),
        )

    alpha = number(config.path, "alpha", config.values.get("alpha"))
    scaling = Scaling(alpha / (r + general), alpha)
    return Made(_product((k * Q, k * P), k * r + general, multiplied), scaling)


def delora(_: AdapterConfig, __: str, shapes: Shapes) -> Made:
    """ΔW = B·diag(λ / (r·‖A_i‖·‖B^i‖))·A, its columns times the norms of the base's."""
    (m, r), (r2, n), norms = (shapes[f"delora_{part}"] for part in ("B", "A", "w_norm"))
    if r != r2 or norms != (n,):
        raise ValueError(f"delora_B of {m} × {r} and delora_A of {r2} × {n} do not fit")

    def factors(arrays: Arrays) -> Factors:
        B, A = arrays["delora_B"], arrays["delora_A"]
        lengths = np.maximum(np.linalg.norm(A, axis=1), DELORA_LEAST)
        lengths *= np.maximum(np.linalg.norm(B, axis=0), DELORA_LEAST)
        share = arrays["delora_lambda"].reshape(()) / r / lengths
        return B, share[:, None] * A * arrays["delora_w_norm"]

    return Made(_product((m, n), r, factors), Scaling(1.0, 1.0))


def c3a(_: AdapterConfig, __: str, shapes: Shapes) -> Made:
    """Circulant blocks: ΔW[p, q] = w[(q − p) mod b] / in."""
    rows, columns, b = shapes["c3a_kernel"]
    m, n = rows * b, columns * b
    places = (np.arange(b) - np.arange(b)[:, None]) % b

    def dense(arrays: Arrays) -> np.ndarray:
        blocks = arrays["c3a_kernel"][:, :, places]  # rows, columns, p, q
        return blocks.transpose(0, 2, 1, 3).reshape(m, n) / n

    return Made(Formula((m, n), min(m, n), None, dense), Scaling(1.0, 1.0))


def _product(shape: tuple[int, int], rank: int, factors: Callable[[Arrays], Factors]) -> Formula:
    return Formula(shape, rank, factors, lambda arrays: np.matmul(*factors(arrays)))


METHODS = {
    "ADALORA": Method("AdaLoRA", ("lora_A", "lora_B", "lora_E"), adalora),
    "LOHA": Method("LoHa", lycoris.LOHA, kronecker(lycoris.loha)),
    "LOKR": Method("LoKr", lycoris.LOKR, kronecker(lycoris.lokr)),
    "GRALORA": Method(
        "GraLoRA",
        ("gralora_A", "gralora_B", "gralora_A_general", "gralora_B_general"),
        gralora,
    ),
    "DELORA": Method("DeLoRA", ("delora_A", "delora_B", "delora_lambda", "delora_w_norm"), delora),
    "C3A": Method("C3A", ("c3a_kernel",), c3a),
}
