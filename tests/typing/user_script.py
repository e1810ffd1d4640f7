"""Uses every public name as a user's own code does; only type checkers read it.

``.ci/package`` has mypy (strict) and pyright check it against the wheel that is installed.
"""

from pathlib import Path

import numpy as np

import lora_bokeh
from lora_bokeh import (
    RULES,
    AdapterExplorer,
    BudgetExplorer,
    Choice,
    FactorizationPlot,
    Lesson,
    LoraExplorer,
    LowRank,
    MergeExplorer,
    RankExplorer,
    Spectrum,
    SVDResult,
    Training,
    TrainingExplorer,
    TrainingRun,
    Workbench,
    difference,
    list_tensors,
    load,
    open_source,
    parameter_budget,
    parse_budget,
    save_extracted,
    save_html,
    save_pdf,
    save_png,
    save_resized,
    save_svg,
    serve,
    spectrum,
    targets,
    train,
    truncated_svd,
    view_of,
)


def numbers(W: np.ndarray) -> float:
    what: Spectrum = spectrum(W, max_rank=4, tol=1e-9)
    svd: SVDResult = truncated_svd(W, rank=2, method="lapack")
    product: np.ndarray = svd.U * svd.s @ svd.Vh
    learned: Training = train(W, rank=2, optimizer="adam", steps=10)
    run = TrainingRun(W, 2, learning_rate=0.01)
    run.advance(20)
    floor: float = run.training.floor
    pair = LowRank(learned.B, learned.A, scale=2.0)
    energy: float = what.captured_energy(1)
    ranks: dict[str, int | None] = {name: rule(what).rank for name, rule in RULES.items()}
    counted: int = parameter_budget("Llama-2-7B", rank=8, targets=["q_proj"]).trainable
    print(ranks, product.shape, pair.shape)
    residual: float = what.frobenius_residual(2)
    return energy + floor + residual + counted


def files(path: Path) -> None:
    for tensor in list_tensors(path):
        matrix: np.ndarray | LowRank = load(path, tensor=tensor.name)
        print(tensor.name, tensor.shape, matrix.shape)
    source = open_source(path)
    tuned = difference("base.safetensors", source, include=["*.q"])
    print(len(source.entries), len(tuned.entries))
    result = save_resized(path, "small", Choice(budget=parse_budget("10kB")), dtype="float16")
    save_extracted("base", "tuned", "adapter", Choice(rank=8), form="peft", force=True)
    print(result.captured_energy)


def pages(W: np.ndarray) -> None:
    explorer = LoraExplorer(W, rank=2, metric="spectral")
    plot = FactorizationPlot(d=4096, rank=explorer.param.rank)
    single = RankExplorer(W, rank=1)
    merge = MergeExplorer(W, rank=1, alpha=2.0)
    training = TrainingExplorer(targets.noise((8, 8)), rank=2)
    for view in (explorer, plot, single, merge, training, BudgetExplorer(), Lesson(seed=7)):
        save_html(view, "w.html", title="a page")
    written: str = save_svg(explorer, "w.svg", figure="curve")
    print(written, save_png(explorer, "w.png", scale=2), save_pdf(explorer, Path("w.pdf")))
    print(view_of("w.npy"), AdapterExplorer("adapter"), lora_bokeh.__version__)
    serve(lambda: Workbench(explorer), port=0, show=False)
