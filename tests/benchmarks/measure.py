"""Interleaved timing and the peak memory of a call."""

import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

SLOW = 5.0  # seconds: a solver that takes longer is run once
PAGE = 4096
REST = 0.1  # s before each run: threads of the BLAS used last wait busily for some 30 ms


def interleaved(
    calls: dict[str, Callable[[], object]], first: dict[str, float], rounds: int
) -> dict[str, list[float]]:
    """Time each call once per round, in turn, so that a noisy moment hits all alike.

    ``first`` are the seconds of an earlier run, which warmed up; of a slow solver it is the only.
    """
    seconds = {name: [first[name]] if first[name] > SLOW else [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            if first[name] > SLOW:
                continue
            time.sleep(REST)
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def median(seconds: list[float]) -> float:
    """Return the median."""
    return statistics.median(seconds)


def first_run(call: Callable[[], object]) -> tuple[float, int]:
    """Return the seconds of a call, and how far the process's memory peaks above its start."""
    peak = start = _resident()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, _resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    try:
        call()
    finally:
        seconds = time.perf_counter() - began
        done.set()
        watcher.join()
    return seconds, peak - start


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
