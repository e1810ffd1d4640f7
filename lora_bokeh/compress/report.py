"""The README.md of an adapter that was written: what it is, and what each rank kept."""

from __future__ import annotations

from lora_bokeh.compress.decompose import Cut
from lora_bokeh.compress.result import Result

HEAD = "---\nlibrary_name: peft\ntags:\n- lora\n---\n"
COLUMNS = ("module", "shape", "rank before", "rank", "energy kept", "residual", "bytes")


def card(result: Result) -> str:
    """Return the text, in Markdown with the front matter that model pages read."""
    source = result.before.source
    what = "the difference of two checkpoints" if source.format == "difference" else "an adapter"
    lines = [
        f"{HEAD}# LoRA adapter",
        f"Cut by SVD from {what}, `{_code(source.path.name)}`. Each ΔW = B·A is the best "
        "approximation of its rank (Eckart–Young); alpha = r, so that the scale is 1.",
        f"{summary(result)}",
        _table(result),
        "Energy is the share of ‖ΔW‖_F², residual ‖ΔW − ΔW_r‖_F.",
    ]
    notes = "\n".join(f"- {_text(note)}" for note in result.before.notes)
    return "\n\n".join([*lines, *([notes] if notes else [])]) + "\n"


def summary(result: Result) -> str:
    """Return what became of the whole, in two sentences."""
    kept = [c for c in result.cuts if c.rank]
    ranks = [c.rank for c in kept if c.frobenius_norm > 0] or [c.rank for c in kept]
    span = f"{min(ranks)}" if len(set(ranks)) == 1 else f"{min(ranks)} to {max(ranks)}"
    mean = sum(ranks) / len(ranks)
    rounding = result.rounding_error
    rounded = ""
    if rounding and result.frobenius_norm > 0:
        share = rounding / result.frobenius_norm
        rounded = f" Rounding to {result.how.dtype} moves ΔW by {share:.1e} of its norm."
    before, after = result.before.nbytes, result.nbytes
    coverage = result.before.source.coverage
    of_all = f" {coverage}." if coverage else ""
    return (
        f"{len(kept)} of {len(result.cuts)} matrices, rank {span} (mean {mean:.2f}); "
        f"{100 * result.captured_energy:.3f} % of the energy retained, residual "
        f"{result.residual:.6g} of {result.frobenius_norm:.6g}; {before:,} → {after:,} bytes "
        f"({100 * after / before:.1f} %).{of_all}{rounded}"
    )


def row(cut: Cut) -> tuple[str, ...]:
    """Return a matrix's figures under COLUMNS."""
    return (
        cut.name,
        f"{cut.shape[0]} × {cut.shape[1]}",
        "full" if cut.rank_before is None else str(cut.rank_before),
        str(cut.rank) if cut.rank else "–",
        f"{100 * cut.captured_energy:.3f} %",
        f"{cut.residual:.5g}",
        f"{cut.nbytes:,}",
    )


def _table(result: Result) -> str:
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    for cut in result.cuts:
        name, *figures = row(cut)
        rows.append((f"`{_code(name)}`", *figures))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _text(text: str) -> str:
    """Escape what Markdown would obey, and lines: names come from files."""
    one_line = "".join(c if c.isprintable() else " " for c in text)
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in one_line)


def _code(text: str) -> str:
    """Return a name fit to stand between backticks, in a table too."""
    one_line = "".join(c if c.isprintable() else " " for c in text)
    return one_line.replace("`", "'").replace("|", "\\|")
