"""What LoRA rank r buys for a matrix: seen, dragged, checked and carried away.

The engine is imported at once, it needs NumPy only. Everything with a page behind it is imported
on first use, so that ``import lora_bokeh`` and the command line pay for neither Bokeh nor Panel.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Not on first use: importing the module binds its name here, over the function of that name.
from lora_bokeh.engine.spectrum import Spectrum, spectrum

if TYPE_CHECKING:
    from lora_bokeh import targets as targets
    from lora_bokeh.compress.save import save_extracted, save_resized
    from lora_bokeh.engine.low_rank import LowRank
    from lora_bokeh.engine.svd import SVDResult, truncated_svd
    from lora_bokeh.hosts.figure_file import save_pdf, save_png, save_svg
    from lora_bokeh.hosts.html_file import save_html
    from lora_bokeh.hosts.server import serve
    from lora_bokeh.lesson.view import Lesson
    from lora_bokeh.loading.open import difference, list_tensors, load, open_source
    from lora_bokeh.models.parameter_budget import parameter_budget
    from lora_bokeh.ranks.choice import Choice
    from lora_bokeh.ranks.knapsack import parse_budget
    from lora_bokeh.ranks.rules import RULES
    from lora_bokeh.training.train import Training, TrainingRun, train
    from lora_bokeh.views.adapter.view import AdapterExplorer
    from lora_bokeh.views.budget.view import BudgetExplorer
    from lora_bokeh.views.explorer.factorization import FactorizationPlot
    from lora_bokeh.views.explorer.view import LoraExplorer, RankExplorer
    from lora_bokeh.views.for_file import view_of
    from lora_bokeh.views.merge.view import MergeExplorer
    from lora_bokeh.views.training.view import TrainingExplorer
    from lora_bokeh.views.workbench import Workbench

    __version__: str

__all__ = [
    "RULES",
    "AdapterExplorer",
    "BudgetExplorer",
    "Choice",
    "FactorizationPlot",
    "Lesson",
    "LoraExplorer",
    "LowRank",
    "MergeExplorer",
    "RankExplorer",
    "SVDResult",
    "Spectrum",
    "Training",
    "TrainingExplorer",
    "TrainingRun",
    "Workbench",
    "__version__",
    "difference",
    "list_tensors",
    "load",
    "open_source",
    "parameter_budget",
    "parse_budget",
    "save_extracted",
    "save_html",
    "save_pdf",
    "save_png",
    "save_resized",
    "save_svg",
    "serve",
    "spectrum",
    "targets",
    "train",
    "truncated_svd",
    "view_of",
]

_HOMES = {
    "AdapterExplorer": "views.adapter.view",
    "BudgetExplorer": "views.budget.view",
    "Choice": "ranks.choice",
    "FactorizationPlot": "views.explorer.factorization",
    "Lesson": "lesson.view",
    "LoraExplorer": "views.explorer.view",
    "LowRank": "engine.low_rank",
    "MergeExplorer": "views.merge.view",
    "RULES": "ranks.rules",
    "RankExplorer": "views.explorer.view",
    "SVDResult": "engine.svd",
    "Training": "training.train",
    "TrainingExplorer": "views.training.view",
    "TrainingRun": "training.train",
    "Workbench": "views.workbench",
    "difference": "loading.open",
    "list_tensors": "loading.open",
    "load": "loading.open",
    "open_source": "loading.open",
    "parameter_budget": "models.parameter_budget",
    "parse_budget": "ranks.knapsack",
    "save_extracted": "compress.save",
    "save_html": "hosts.html_file",
    "save_pdf": "hosts.figure_file",
    "save_png": "hosts.figure_file",
    "save_svg": "hosts.figure_file",
    "save_resized": "compress.save",
    "serve": "hosts.server",
    "train": "training.train",
    "truncated_svd": "engine.svd",
    "view_of": "views.for_file",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("lora-bokeh")
    elif name == "targets":
        value = import_module("lora_bokeh.targets")
    elif name in _HOMES:
        value = getattr(import_module(f"lora_bokeh.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
