"""Interleaved timing and the peak memory of a call."""

import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

SLOW = 5.0  # seconds: a solver that takes longer is run once
PAGE = 4096


def interleaved(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Time each call once per round, in turn, so that a noisy moment hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            if seconds[name] and min(seconds[name]) > SLOW:
                continue
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def median(seconds: list[float]) -> float:
    """Return the median."""
    return statistics.median(seconds)


def peak_extra_bytes(call: Callable[[], object]) -> int:
    """Return by how much the resident memory of the process peaks above its start during a call."""
    peak = start = _resident()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, _resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        call()
    finally:
        done.set()
        watcher.join()
    return peak - start


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
