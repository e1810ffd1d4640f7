"""Us and every peer a user could pick, interleaved in one process, on a fixed list of matrices.

    python tests/benchmarks/bench_svd.py [--quick] [--only TEXT] [--rounds N] [-o FOLDER]

Prints seconds (medians), ratios, the worst relative error of σ₁ … σ_k and the peak extra memory;
writes bench_svd.json and bench_svd.html.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from cases import Case, cases, reference
from measure import first_run, interleaved, median
from peers import solvers
from report import show, write_json, write_plot
from rich.console import Console

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.spectrum import spectrum


def run(case: Case, rounds: int) -> dict:
    """Measure one case; the memory run is each solver's first, and warms it up."""
    w = case.make()
    exact = reference(w.todense() if isinstance(w, LowRank) else w, case.rank)
    found: dict[str, np.ndarray] = {}

    def solve(name: str) -> None:
        found[name] = competitors[name](w, case.rank)

    competitors = solvers(w, case.rank)
    calls = {name: partial(solve, name) for name in competitors}
    first = {name: first_run(call) for name, call in calls.items()}
    seconds = interleaved(calls, {name: taken for name, (taken, _) in first.items()}, rounds)
    rows = [
        {
            "solver": name,
            "seconds": median(seconds[name]),
            "runs": len(seconds[name]),
            "error": float(np.max(np.abs(found[name] - exact) / exact)),
            "extra_bytes": first[name][1],
        }
        for name in competitors
    ]
    return {"name": case.name, "rank": case.rank, "entries": int(np.prod(w.shape)), "rows": rows}


def main() -> None:
    """Run the cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small matrices only")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each solver (default 5)")
    parser.add_argument("-o", "--output", type=Path, default=Path(), help="folder of the files")
    options = parser.parse_args()
    console = Console()
    for dtype in (np.float32, np.float64):  # loads the compiled kernels
        spectrum(np.eye(300, dtype=dtype), 5, method="power")
    results = []
    chosen = list(cases(options.quick, options.only))
    if not chosen:
        names = ", ".join(repr(case.name) for case in cases(options.quick, ""))
        parser.error(f"no case has {options.only!r} in its name; there are {names}")
    for case in chosen:
        results.append(run(case, options.rounds))
        show(results[-1], console)
        write_json(results, options.output / "bench_svd.json")
    write_plot(results, options.output / "bench_svd.html")
    console.print(f"written: {options.output / 'bench_svd.json'}, bench_svd.html beside it")


if __name__ == "__main__":
    main()
