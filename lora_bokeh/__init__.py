"""What LoRA rank r buys for a matrix: seen, dragged, checked and carried away.

The engine is imported at once, it needs NumPy only. Everything with a page behind it is imported
on first use, so that ``import lora_bokeh`` and the command line pay for neither Bokeh nor Panel.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Not on first use: importing the module binds its name here, over the function of that name.
from lora_bokeh.spectrum import Spectrum, spectrum

if TYPE_CHECKING:
    from lora_bokeh import targets as targets
    from lora_bokeh.adapter import AdapterExplorer
    from lora_bokeh.budget import parse_budget
    from lora_bokeh.explorer import LoraExplorer, RankExplorer
    from lora_bokeh.export import save_html
    from lora_bokeh.factorization import FactorizationPlot
    from lora_bokeh.lesson.view import Lesson
    from lora_bokeh.loaders import difference, list_tensors, load, open_source
    from lora_bokeh.lora import LowRank
    from lora_bokeh.merge import MergeExplorer
    from lora_bokeh.parameters import BudgetExplorer
    from lora_bokeh.picture import save_pdf, save_png, save_svg
    from lora_bokeh.ranks import Choice
    from lora_bokeh.rules import RULES
    from lora_bokeh.saving import save_extracted, save_resized
    from lora_bokeh.server import serve
    from lora_bokeh.svd import SVDResult, truncated_svd
    from lora_bokeh.trainable import parameter_budget
    from lora_bokeh.training import Training, TrainingRun, train
    from lora_bokeh.training_explorer import TrainingExplorer
    from lora_bokeh.views import view_of
    from lora_bokeh.workbench import Workbench

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
    "AdapterExplorer": "adapter",
    "BudgetExplorer": "parameters",
    "Choice": "ranks",
    "FactorizationPlot": "factorization",
    "Lesson": "lesson.view",
    "LoraExplorer": "explorer",
    "LowRank": "lora",
    "MergeExplorer": "merge",
    "RULES": "rules",
    "RankExplorer": "explorer",
    "SVDResult": "svd",
    "Training": "training",
    "TrainingExplorer": "training_explorer",
    "TrainingRun": "training",
    "Workbench": "workbench",
    "difference": "loaders",
    "list_tensors": "loaders",
    "load": "loaders",
    "open_source": "loaders",
    "parameter_budget": "trainable",
    "parse_budget": "budget",
    "save_extracted": "saving",
    "save_html": "export",
    "save_pdf": "picture",
    "save_png": "picture",
    "save_svg": "picture",
    "save_resized": "saving",
    "serve": "server",
    "train": "training",
    "truncated_svd": "svd",
    "view_of": "views",
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
