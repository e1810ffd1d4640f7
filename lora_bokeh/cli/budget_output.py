"""What the command ``budget`` prints: a parameter budget as tables, as JSON or CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from lora_bokeh.cli import output
from lora_bokeh.lora import break_even_rank, full_count, parameter_count, savings
from lora_bokeh.models.parameter_budget import Memory, ParameterBudget, same_budget
from lora_bokeh.models.presets import Model, Module, Shape
from lora_bokeh.text import bytes_text

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    *("module", "role", "in", "out", "matrices", "whole", "trainable", "savings"),
    "break_even_rank",
)
OPTIMIZERS = {"adam": "Adam", "sgd": "SGD with momentum"}


def _sizes(found: ParameterBudget) -> Iterator[tuple[Module, Shape]]:
    yield from ((module, shape) for module in found.modules for shape in module.shapes)


def _rows(found: ParameterBudget) -> Iterator[tuple[Any, ...]]:
    """Yield one row of COLUMNS for each size of each module."""
    for module, (matrices, d_in, d_out) in _sizes(found):
        whole, lora = full_count(d_out, d_in), parameter_count(d_out, d_in, found.rank)
        yield (
            *(module.name, module.role, d_in, d_out, matrices, matrices * whole, matrices * lora),
            *(savings(d_out, d_in, found.rank), break_even_rank(d_out, d_in)),
        )


def budget_csv(found: ParameterBudget) -> str:
    """Return a header and a line for each size of each module."""
    return output.as_csv([COLUMNS, *_rows(found)])


def budget_json(found: ParameterBudget) -> str:
    """Return one JSON object, numbers in full precision."""
    others = same_budget(found.model, found.trainable)
    return output.as_json(
        {
            "model": found.model.name,
            "parameters": found.model.parameters,
            "source": found.model.source,
            **{name: getattr(found, name) for name in ("rank", "dtype", "optimizer")},
            "targets": [module.name for module in found.modules],
            "trainable": found.trainable,
            "whole": found.whole,
            "share": found.share,
            "savings": found.savings,
            "break_even_rank": found.break_even_rank,
            "file_bytes": found.file_bytes,
            "memory": {name: _memory(getattr(found, name)) for name in ("lora", "full")},
            "modules": [dict(zip(COLUMNS, row, strict=True)) for row in _rows(found)],
            "same_budget": [case._asdict() for case in others],
        }
    )


def _memory(memory: Memory) -> dict[str, int]:
    return {**memory._asdict(), "total": memory.total}


def budget_table(found: ParameterBudget) -> str:
    """Return what is trained, what that holds while training, and what else it would buy."""
    model, n = found.model, found.trainable
    sizes = (f"{bytes_text(size)} in {dtype}" for dtype, size in found.file_bytes.items())
    return output.rendered(
        f"{model.name}: {model.parameters:,} parameters, LoRA of rank {found.rank}",
        _modules_table(found),
        f"trained: {n:,} of {model.parameters + n:,} parameters, {_percent(found.share, 3)}",
        f"adapter file: {', '.join(sizes)}",
        _verdict(found),
        "",
        _memory_table(found),
        "",
        _same_table(found),
    )


def _verdict(found: ParameterBudget) -> str:
    rank = f"break-even is rank {found.break_even_rank:.5g}"
    if found.savings < 0:
        return f"{_percent(-found.savings)} more than training these matrices whole; {rank}"
    return f"{_percent(found.savings)} less than training these matrices whole; {rank}"


def _modules_table(found: ParameterBudget) -> Table:
    headings = ("module", "in → out", "matrices", "whole", "LoRA", "saved", "break-even rank")
    table = output.table_of(*headings, left=(0,))
    for name, _, d_in, d_out, matrices, whole, lora, saved, rank in _rows(found):
        size = f"{d_in} → {d_out}"
        counts = (str(matrices), f"{whole:,}", f"{lora:,}")
        table.add_row(name, size, *counts, _percent(saved), f"{rank:.5g}")
    return table


def _memory_table(found: ParameterBudget) -> Table:
    table = output.table_of("bytes while training", "LoRA", "whole model", left=(0,))
    names = {
        "frozen": f"frozen weights, {found.dtype}",
        "weights": f"trained weights, {found.dtype}",
        "gradients": f"gradients, {found.dtype}",
        "moments": f"{OPTIMIZERS[found.optimizer]}, float32",
        "copy": "float32 copy of trained weights",
        "total": "in all, without activations",
    }
    for key, name in names.items():
        memories = (getattr(memory, key) for memory in (found.lora, found.full))
        table.add_row(name, *map(bytes_text, memories))
    return table


def _same_table(found: ParameterBudget) -> Table:
    table = output.table_of("the same budget on", "rank", "LoRA", left=(0,))
    for names, rank, trainable in same_budget(found.model, found.trainable):
        bought = (str(rank), f"{trainable:,}") if rank else ("–", "too small")
        table.add_row(", ".join(names), *bought)
    return table


def models_json(models: Iterable[Model]) -> str:
    """Return a list of the models, with name and role of each matrix."""
    return output.as_json([_model_object(model) for model in models])


def _model_object(model: Model) -> dict[str, Any]:
    return {
        "model": model.name,
        "parameters": model.parameters,
        "targets": {module.name: module.role for module in model.modules},
        "source": model.source,
    }


def models_table(models: Iterable[Model]) -> str:
    """Return a table with a row for each model."""
    table = output.table_of("model", "parameters", "targets", "dimensions from", left=(0, 2, 3))
    for model in models:
        names = ", ".join(module.name for module in model.modules)
        table.add_row(model.name, f"{model.parameters:,}", names, model.source)
    return output.rendered(table)


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %".replace("-", "−")
