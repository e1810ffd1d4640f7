"""The acts that count: parameters saved, scales, adapters, budgets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lora_bokeh import lora
from lora_bokeh.lesson.answers.facts import Facts, act, count, digits, percent
from lora_bokeh.models.parameter_budget import parameter_budget
from lora_bokeh.models.presets import find_model, published_accuracies


@act("savings")
def savings() -> Facts:
    """Find the largest rank that saves 99 % of 1024 × 1024."""
    d = k = 1024
    wanted = 0.99
    ranks = range(1, d)
    answer = max(r for r in ranks if lora.savings(d, k, r) >= wanted)
    full, large = lora.full_count(d, k), lora.parameter_count(4096, 4096, 8)
    return Facts(
        answer,
        mistakes={"one_factor": round((1 - wanted) * k)},
        data={"d": d, "k": k},
        words={
            "d": str(d),
            "k": str(k),
            "full": count(full),
            "budget": count((1 - wanted) * full),
            "per_rank": count(lora.parameter_count(d, k, 1)),
            "exact": digits((1 - wanted) * lora.break_even_rank(d, k)),
            "answer": str(answer),
            "lora": count(lora.parameter_count(d, k, answer)),
            "savings_next": percent(lora.savings(d, k, answer + 1)),
            "lora_4096": count(large),
            "full_4096": count(4096**2),
            "times_4096": count(4096**2 / large),
        },
    )


@act("glyph")
def glyph() -> Facts:
    """Find the width of B at rank 8 where ΔW of 4096 columns is drawn 256 pixels wide."""
    d, rank, side = 4096, 8, 256
    answer = rank * side / d
    return Facts(
        answer,
        tolerance=0.1 * answer,
        mistakes={"rank": rank},
        words={"side": str(side), "per_pixel": digits(d / side), "answer": digits(answer)},
    )


@act("break-even")
def break_even() -> Facts:
    """Find the rank at which the factors of 1024 × 1024 cost as much as the matrix."""
    d = k = 1024
    answer = lora.break_even_rank(d, k)
    thin = lora.break_even_rank(1536, 384)
    return Facts(
        answer,
        mistakes={"full": d},
        data={"d": d, "k": k},
        words={
            "d": str(d),
            "k": str(k),
            "full": count(lora.full_count(d, k)),
            "answer": digits(answer),
            "worst": f"{lora.parameter_count(d, k, d) / lora.full_count(d, k):.0%}".replace(
                "%", " %"
            ),
            "d_thin": "1536",
            "k_thin": "384",
            "thin": digits(thin),
            "thin_last": str(int(thin)),
        },
    )


@act("scale")
def scale() -> Facts:
    """Find what doubling r does to α/r and to α/√r."""
    alpha, rank = 16.0, 8
    before = {rule: lora.scale(alpha, rank, rule == "rslora") for rule in ("lora", "rslora")}
    after = {rule: lora.scale(alpha, 2 * rank, rule == "rslora") for rule in before}
    answer = {rule: before[rule] / after[rule] for rule in before}
    return Facts(
        answer,
        tolerance=0.02,
        mistakes={
            "lora_half": ("lora", 1 / answer["lora"]),
            "lora_root": ("lora", answer["rslora"]),
            "rslora_same": ("rslora", answer["lora"]),
            "rslora_half": ("rslora", 1 / answer["rslora"]),
        },
        data={"start": {rule: digits(s) for rule, s in before.items()}},
        words={
            "alpha": digits(alpha),
            "rank": str(rank),
            "rank_after": str(2 * rank),
            "lora_before": digits(before["lora"]),
            "lora_after": digits(after["lora"]),
            "rslora_before": digits(before["rslora"], 3),
            "rslora_after": digits(after["rslora"], 3),
            "lora": digits(answer["lora"]),
            "rslora": f"√2 = {digits(answer['rslora'])}",
            "qlora": digits(lora.scale(16, 64)),
        },
    )


@act("swap")
def swap() -> Facts:
    """Find how many adapters fill the room of one matrix."""
    d, k, rank = 4096, 4096, 8
    full, pair = lora.full_count(d, k), lora.parameter_count(d, k, rank)
    return Facts(
        full // pair,
        mistakes={"one_factor": full // (d * rank)},
        words={
            "d": str(d),
            "k": str(k),
            "rank": str(rank),
            "full": count(full),
            "lora": count(pair),
            "answer": count(full // pair),
            "share": percent(pair / full),
        },
    )


WAYS = (("q",), ("q", "v"), ("q", "k", "v", "o"))  # of spending one budget


@act("budget")
def budget() -> Facts:
    """Find the way of spending one budget that scored lowest on WikiSQL."""
    table = published_accuracies()
    model = find_model(table["model"])
    cases = {tuple(case["targets"]): case for case in table["cases"]}
    ways = [cases[targets] for targets in WAYS]
    costs = {parameter_budget(model, way["rank"], way["targets"]).trainable for way in ways}
    (cost,) = costs  # the same for all, or there is no act
    percents = [way["WikiSQL"] for way in ways]
    words = {
        "budget": count(cost),
        "model": model.name,
        "lowest": f"{min(percents):.1f}",
        "highest": f"{max(percents):.1f}",
        "single": _listed(("v",)),
        "single_rank": str(cases["v",]["rank"]),
        "single_percent": f"{cases['v',]['WikiSQL']:.1f}",
        "spread": f"±{table['spread']['WikiSQL']}",
    }
    for i, way in enumerate(ways):
        words[f"rank_{i}"] = str(way["rank"])
        words[f"targets_{i}"] = _listed(way["targets"]) + (" alone" if i == 0 else "")
        words[f"percent_{i}"] = f"{way['WikiSQL']:.1f}"
    return Facts(str(int(np.argmin(percents))), words=words)


def _listed(targets: Sequence[str]) -> str:
    *first, last = (f"W{name}" for name in targets)
    return f"{', '.join(first)} and {last}" if first else last
