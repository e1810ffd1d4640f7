"""Strangers' files, read by a few processes: bounded in number, in time and in memory."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from lora_bokeh.formats.source import Source
from lora_bokeh.loading.open import Limits, SourceError
from lora_bokeh.loading.reader import LENGTH_BYTES

FILES_EACH = 50  # that a process reads before another takes its place
QUEUE = 8  # files that may wait for each process

Result = TypeVar("Result")


class Bounds(NamedTuple):
    """What reading one file may take.

    Attributes
    ----------
    seconds : float
        Of time.
    memory : int
        Bytes of the process that reads, beyond what it starts with.
    limits : Limits
        What the file may make of itself.
    """

    seconds: float = 20.0
    memory: int = 1 << 30
    limits: Limits = Limits(unpacked_bytes=256 << 20, tensors=20_000)


class BusyError(RuntimeError):
    """Too many files are waiting to be read; the sentence says so."""


class Readers:
    """A few processes that read files, and as many threads that wait for them.

    A process is started when it is first needed. One that takes too long or too much memory is
    ended, and the next file has a new one.

    Parameters
    ----------
    number : int, optional
        Processes at most. Default: half of the cores, so that pages are served meanwhile.
    bounds : Bounds, optional
        What one file may take.
    """

    def __init__(self, number: int | None = None, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self.number = number or max(1, (os.cpu_count() or 1) // 2)
        self._idle: list[_Process] = []
        self._lock = threading.Lock()
        self._waiting = threading.BoundedSemaphore(self.number * (1 + QUEUE))
        self._threads = ThreadPoolExecutor(self.number, "lora_bokeh reader")

    def submit(self, job: Callable[[], Result]) -> Future[Result]:
        """Have a job done by one of the threads.

        Raises
        ------
        BusyError
            Too many wait for theirs.
        """
        if not self._waiting.acquire(blocking=False):
            raise BusyError("the server is reading other files; drop it again in a minute")
        future = self._threads.submit(job)
        future.add_done_callback(lambda _: self._waiting.release())
        return future

    def read(self, path: Path, folder: Path) -> Source:
        """Return what is in a file, all of it to be read in place; see ``open_unpacked``.

        Raises
        ------
        ValueError
            The file is refused, or takes more time or memory than it may.
        """
        process = self._process()
        try:
            found, refusal = process.ask(path, folder, self.bounds)
        finally:
            self._put_back(process)
        if refusal is not None:
            raise ValueError(refusal)
        return found

    def close(self) -> None:
        """End the processes, also those that are reading."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            for process in self._idle:
                process.end()
            self._idle.clear()

    def _process(self) -> _Process:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Process(self.bounds.memory)

    def _put_back(self, process: _Process) -> None:
        with self._lock:
            if process.usable and len(self._idle) < self.number:
                self._idle.append(process)
                return
        process.end()


class _Process:
    """One process, which answers one request after the other."""

    def __init__(self, memory: int) -> None:
        self._done = 0
        self._late = False
        self._popen = subprocess.Popen(  # noqa: S603 - this very package
            [sys.executable, "-m", "lora_bokeh.loading.reader", str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Threads of BLAS would take address space, and there is nothing for them to do.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": _python_path()},
        )
        self.end = weakref.finalize(self, _end, self._popen)  # at the latest with this object

    @property
    def usable(self) -> bool:
        """Whether it may have another file."""
        return self._done < FILES_EACH and not self._late and self._popen.poll() is None

    def ask(self, path: Path, folder: Path, bounds: Bounds) -> tuple[Any, str | None]:
        """Return (source, None) or (None, sentence)."""
        request = {"path": str(path), "folder": str(folder), "limits": bounds.limits}
        timer = threading.Timer(bounds.seconds, self._end_late)
        timer.daemon = True
        timer.start()
        try:
            self._send(json.dumps(request).encode() + b"\n")
            answer = self._receive()
        finally:
            timer.cancel()
        self._done += 1
        if answer is not None:
            return pickle.loads(answer)  # noqa: S301 - of our own process, never of a file
        why = f"more than {bounds.seconds:g} s" if self._late else "more memory than it may"
        return None, str(SourceError(path, f"reading it takes {why}"))

    def _end_late(self) -> None:
        self._late = True
        self._popen.kill()

    def _send(self, request: bytes) -> None:
        assert self._popen.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._popen.stdin.write(request)
            self._popen.stdin.flush()
        except OSError:
            pass  # it has ended: there will be no answer

    def _receive(self) -> bytes | None:
        """Return an answer; None where the process ended before it."""
        assert self._popen.stdout is not None  # noqa: S101 - it is a pipe
        head = self._popen.stdout.read(LENGTH_BYTES)
        length = int.from_bytes(head, "little")
        answer = self._popen.stdout.read(length)
        return answer if len(head) == LENGTH_BYTES and len(answer) == length else None


def _python_path() -> str:
    """Return where the process finds this package, whatever folder it starts in."""
    return os.pathsep.join(filter(None, sys.path))


def _end(popen: subprocess.Popen[bytes]) -> None:
    """End a process, at once."""
    popen.kill()
    popen.wait()
    for stream in (popen.stdin, popen.stdout):
        if stream is not None:
            with suppress(OSError):  # what was not sent yet is of no use
                stream.close()
