"""Memory and time of ``extract`` on two synthetic checkpoints of 4 GB each, in four shards.

    python tests/benchmarks/bench_extract.py [--matrices 36] [--folder DIR] [-- OPTIONS OF EXTRACT]

Writes 8.5 GB to the folder (default: a temporary one, removed at the end), runs the command in a
process of its own, and prints its peak resident memory, which counts the pages of the files that
are mapped, and seconds per matrix. Linux only: the peak is VmHWM of that process, since ru_maxrss
would count its parent's memory too.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

SHAPE = 4096, 14336
RANK = 16
SHARDS = 4
INSIDE = "--inside"


def main() -> None:
    """Make the checkpoints, extract, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--matrices", type=int, default=36)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("options", nargs="*", default=["--rank", str(RANK)])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        write_checkpoints(Path(folder), args.matrices)
        measure(Path(folder), args.matrices, args.options)


def write_checkpoints(folder: Path, count: int) -> None:
    """Write base and tuned, in bfloat16."""
    names = [f"model.layers.{i}.mlp.down_proj.weight" for i in range(count)]
    for kind in ("base", "tuned"):
        (folder / kind).mkdir()
        weight_map = {}
        for shard in range(SHARDS):
            file = f"model-{shard + 1:05}-of-{SHARDS:05}.safetensors"
            held = names[shard::SHARDS]
            weight_map |= dict.fromkeys(held, file)
            save_file(dict(matrices(held, kind)), folder / kind / file)
        index = json.dumps({"metadata": {}, "weight_map": weight_map})
        (folder / kind / "model.safetensors.index.json").write_text(index)


def matrices(names: list[str], kind: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield W, or W + ΔW with a ΔW of rank RANK whose values halve twice, rounded."""
    for name in names:
        rng = np.random.default_rng(abs(hash_of(name)))
        W = rng.standard_normal(SHAPE, np.float32) * 0.02
        if kind == "tuned":
            sigma = np.geomspace(4, 1, RANK, dtype=np.float32)
            U = rng.standard_normal((SHAPE[0], RANK), np.float32) / SHAPE[0] ** 0.5
            V = rng.standard_normal((RANK, SHAPE[1]), np.float32) / SHAPE[1] ** 0.5
            W += (U * sigma) @ V
        yield name, W.astype(ml_dtypes.bfloat16)


def hash_of(name: str) -> int:
    """Return a seed that is the same in every process."""
    return int.from_bytes(name.encode()[-24:], "little")


def measure(folder: Path, count: int, options: list[str]) -> None:
    """Run the command and print what it took."""
    command = [sys.executable, __file__, INSIDE, "extract", "base", "tuned", "-o", "adapter"]
    begin = time.perf_counter()
    done = subprocess.run(
        [*command, "--format", "json", *options], cwd=folder, stdout=subprocess.PIPE, check=True
    )
    seconds = time.perf_counter() - begin
    report, peak = done.stdout.splitlines()
    total = json.loads(report)["total"]
    size = sum(p.stat().st_size for p in (folder / "tuned").iterdir()) / 1e9
    print(f"{count} matrices of {SHAPE[0]} × {SHAPE[1]}, {size:.2f} GB each checkpoint")
    print(f"peak {int(peak) / 2**20:.2f} GiB, {seconds:.1f} s, {seconds / count:.2f} s a matrix")
    print(f"{total['captured_energy']:.6f} of the energy, {total['nbytes'] / 1e6:.1f} MB written")


def inside(arguments: list[str]) -> None:
    """Run the command here, and print the peak in kiB."""
    from lora_bokeh.cli import main as command

    command(arguments, standalone_mode=False)
    status = Path("/proc/self/status").read_text()
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


if __name__ == "__main__":
    inside(sys.argv[2:]) if sys.argv[1:2] == [INSIDE] else main()
