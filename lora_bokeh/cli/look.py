"""What ``curve`` and ``inspect`` look at: the chosen matrices, and the summary of each pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lora_bokeh.adapters.health import check_healthy, examined
from lora_bokeh.cli import output
from lora_bokeh.cli.output import Curve
from lora_bokeh.cli.progress import computed_spectrum, each_spectrum
from lora_bokeh.cli.source import opened
from lora_bokeh.engine.spectrum import Spectrum
from lora_bokeh.loading.open import Entry, Source, TensorInfo, list_tensors, open_tensor, select
from lora_bokeh.ranks.rule import Floor
from lora_bokeh.ranks.rules import RULES
from lora_bokeh.text import count

SHARES = (0.9, 0.95, 0.99)  # of the energy, whose ranks a summary states
USUAL = 0.95  # the share of which the summary's last line speaks


def curves(
    source: str,
    tensor: str | None,
    base: str | None,
    rules: bool,
    *,
    names: Mapping[str, Any],
    **options: Any,
) -> tuple[list[Curve], bool]:
    """Return the curves of the matrices chosen, and whether they were chosen by a pattern."""
    found = opened(source, base, **names)
    entries = (open_tensor(found),) if tensor is None else select(found, tensor)
    many = tensor is not None and [entry.name for entry in entries] != [tensor]
    return [_curve(source, entry, rules, **options) for entry in entries], many


def _curve(source: str, entry: Entry, rules: bool, **options: Any) -> Curve:
    what = source if entry.name is None else entry.name
    spectrum = computed_spectrum(what, entry.read(), **options)
    floor = entry.rounding_error()
    table = _rules(spectrum, lambda: floor) if rules else None
    return Curve(source, entry.name, spectrum, entry.scale, floor, table)


def _rules(spectrum: Spectrum, floor: Floor) -> list[dict[str, Any]]:
    """Return one row of the table of rules for each."""
    rows = []
    for name, rule in RULES.items():
        result = rule(spectrum, floor=floor)
        row = {"rule": name, "formula": rule.formula, "threshold": rule.default}
        rows.append({**row, **result._asdict()})
    return rows


class PairSummary(NamedTuple):
    """One pair: the ranks that hold SHARES of its energy, and ‖ΔW‖_F²/σ₁², None where ΔW = 0."""

    entry: Entry
    ranks: tuple[int | None, ...]
    stable_rank: float | None

    @classmethod
    def of(cls, entry: Entry, spectrum: Spectrum) -> PairSummary:
        """Summarise a spectrum."""
        if spectrum.frobenius_norm == 0:
            return cls(entry, (0,) * len(SHARES), None)
        ranks = tuple(RULES["energy"](spectrum, share).rank for share in SHARES)
        return cls(entry, ranks, RULES["stable_rank"](spectrum).value)


def inspected(
    source: str,
    base: str | None,
    output_format: str,
    names: Mapping[str, Any],
    strict: bool = False,
) -> str:
    """Return the listing of a file, an adapter or a difference, as text."""
    found = examined(opened(source, base, **names))
    if strict:
        check_healthy(found)
    if found.is_adapter:
        summaries = [PairSummary.of(*pair) for pair in each_spectrum(source, found.entries)]
        return {"table": pairs_table, "json": pairs_json}[output_format](source, found, summaries)
    if base is None:
        text = {"table": output.inspect_table, "json": output.inspect_json}
        return text[output_format](source, list_tensors(found), found.notes)
    tensors = [TensorInfo(e.name, e.shape, e.dtype, e.nbytes) for e in found.entries]
    if output_format == "table":
        notes = [str(found.coverage), *found.notes]
        return output.inspect_table(f"{source} − {base}", tensors, notes)
    objects = [output.tensor_object(tensor) for tensor in tensors]
    coverage = found.coverage and found.coverage._asdict()
    return output.as_json(
        {"source": source, "base": base, "tensors": objects, "coverage": coverage, **_rest(found)}
    )


def pairs_json(source: str, found: Source, summaries: Sequence[PairSummary]) -> str:
    """Return one JSON object with an entry for each pair."""
    tensors = [_pair_object(summary) for summary in summaries]
    return output.as_json(
        {"source": source, "format": found.format, "tensors": tensors, **_rest(found)}
    )


def _pair_object(summary: PairSummary) -> dict[str, Any]:
    e = summary.entry
    info = output.tensor_object(TensorInfo(e.name, e.shape, e.dtype, e.nbytes))
    names = (f"rank_{100 * share:.0f}" for share in SHARES)
    return {
        **info,
        "rank": e.rank,
        "scale": e.scale,
        "lora_alpha": e.lora_alpha,
        **dict(zip(names, summary.ranks, strict=True)),
        "stable_rank": summary.stable_rank,
    }


def _rest(found: Source) -> dict[str, Any]:
    leftovers = {kind: list(names) for kind, names in found.leftovers.items()}
    health = [{"kind": f.kind, "names": list(f.names)} for f in found.findings]
    return {"leftovers": leftovers, "health": health, "notes": list(found.notes)}


def pairs_table(source: str, found: Source, summaries: Sequence[PairSummary]) -> str:
    """Return a table with a row for each pair, what they need in all, and the notes."""
    shares = [f"{100 * share:.0f} %" for share in SHARES]
    table = output.table_of(
        "pair", "shape", "r", "scale", "dtype", "bytes", *shares, "stable rank", left=(0,)
    )
    for e, ranks, stable in summaries:
        table.add_row(
            str(e.name),
            f"{e.shape[0]} × {e.shape[1]}",
            str(e.rank),
            f"{e.scale:.6g}",
            e.dtype,
            f"{e.nbytes:,}",
            *map(str, ranks),
            "–" if stable is None else f"{stable:.2f}",
        )
    title = f"{source}: {count(len(summaries), 'LoRA pair')} ({found.format})"
    return output.rendered(title, table, _need(summaries), *found.notes)


def _need(summaries: Sequence[PairSummary]) -> str:
    """Return the sentence on the ranks needed for the usual share."""
    learnt = [summary for summary in summaries if summary.stable_rank is not None]
    if not learnt:
        return "ΔW is zero: there is no energy to hold"
    ranks = [summary.ranks[SHARES.index(USUAL)] or 0 for summary in learnt]
    mean = sum(ranks) / len(ranks)
    of = "" if len(learnt) == len(summaries) else f" of the {len(learnt)} pairs that are not zero"
    return (
        f"{100 * USUAL:.0f} % of the energy{of} needs {mean:.1f} ranks on average, "
        f"at most {max(ranks)}"
    )
