"""Tensors of an adapter that are no LoRA pair: each is given a kind, none goes unnamed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from lora_bokeh.text import count, listing

OTHER_METHODS = {  # LyCORIS's and PEFT's whose update is not B·A, by what tensors are called
    "LoHa": r"\.hada_[wt][12](_[ab])?(\.|$)",
    "LoKr": r"\.lokr_(w[12](_[ab])?|t2)(\.|$)",
    "OFT": r"\.b?oft_\w+(\.|$)",
    "GLoRA": r"^(lora|lycoris)_.*\.[ab][12]\.weight$",
    "IA³": r"\.(on_input|ia3_l)(\.|$)",
    "VeRA": r"\.vera_lambda_[bd](\.|$)",
}
# What no checkpoint calls a matrix of its own: a factor, whoever wrote it.
LORA_FACTOR = re.compile(r"(?i)(^|[._])lora\d*[._]|[._]lora\d*$|lora_(a|b|up|down|mid|embedding)")
KINDS = (  # the first that is found in a name is its kind
    ("DoRA magnitudes", r"\.lora_magnitude_vector(\.|$)|\.dora_scale$"),
    ("biases of lora_B", r"\.lora_B\.(default\.)?bias$"),
    *((f"{method} factors", pattern) for method, pattern in OTHER_METHODS.items()),
    ("differences of norms", r"\.[wb]_norm$"),
    ("whole differences", r"\.(diff|diff_b)$"),
    ("learned embeddings", r"^<.*>$"),
    ("alphas without a pair", r"\.alpha$"),
    ("malformed LoRA keys", rf"{LORA_FACTOR.pattern}|:(up|down)$"),
    ("biases", r"\.bias$"),
    ("other tensors", ""),
)
MODULES_TO_SAVE = "modules_to_save"


def by_kind(
    names: Iterable[str], modules_to_save: Iterable[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Return {kind: names}; ``modules_to_save`` are names of modules trained whole."""
    saved = tuple(modules_to_save)
    kinds = defaultdict(list)
    for name in names:
        kinds[_kind(name, saved)].append(name)
    return {kind: tuple(found) for kind, found in kinds.items()}


def _kind(name: str, saved: tuple[str, ...]) -> str:
    kind = next(kind for kind, pattern in KINDS if re.search(pattern, name))
    whole = any(f".{module}." in f".{name}" for module in saved)
    return MODULES_TO_SAVE if whole and kind in ("biases", "other tensors") else kind


def notes(leftovers: Mapping[str, tuple[str, ...]], what: str) -> list[str]:
    """Return one sentence that counts and names the leftovers, or none."""
    if not leftovers:
        return []
    kinds = [f"{kind} ({len(names)}: {listing(names)})" for kind, names in leftovers.items()]
    number = sum(map(len, leftovers.values()))
    verb = "is" if number == 1 else "are"
    return [f"{count(number, 'tensor')} {verb} {what}: {'; '.join(kinds)}"]
