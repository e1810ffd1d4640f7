"""A process that reads strangers' files, so that the one which serves pages never does.

``python -m lora_bokeh.loading.reader`` takes one JSON object a line: the path, the folder for what
is unpacked, the limits. It answers with a pickle of what :func:`open_unpacked` returns, or with the
sentence of the refusal; each answer follows its length. It may be killed at any time, and takes
no more memory than it is told: see :mod:`lora_bokeh.loading.readers`.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

from lora_bokeh.formats import safetensors  # noqa: F401 - loaded before memory is limited
from lora_bokeh.loading.open import Limits, SourceError, limited, open_unpacked

LENGTH_BYTES = 8
NICE = 5  # pages come first


def main() -> None:
    """Answer until standard input ends."""
    requests, answers = sys.stdin.buffer, _private_output()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends this
    bound(int(sys.argv[1]))
    for line in requests:
        write_answer(answers, answer(json.loads(line)))


def answer(request: dict[str, Any]) -> bytes:
    """Return the pickle of (source, None) or of (None, sentence)."""
    path = Path(request["path"])
    try:
        with limited(Limits(*request["limits"])):
            return pickle.dumps((open_unpacked(path, Path(request["folder"])), None))
    except MemoryError:
        return refusal(SourceError(path, "reading it takes more memory than a file may have here"))
    except RecursionError:
        return refusal(SourceError(path, "it is nested too deep"))
    except (OSError, ValueError, TypeError) as error:
        return refusal(error)


def refusal(error: Exception) -> bytes:
    """Return the answer to a request that is refused."""
    return pickle.dumps((None, str(error)))


def write_answer(stream: BinaryIO, content: bytes) -> None:
    """Write an answer after its length."""
    stream.write(len(content).to_bytes(LENGTH_BYTES, "little"))
    stream.write(content)
    stream.flush()


def bound(memory: int) -> None:
    """Limit this process to ``memory`` more bytes than it has, where the system can."""
    if os.name != "posix":
        return
    import resource

    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _private_output() -> BinaryIO:
    """Return standard output for answers alone; whatever else is printed goes to standard error."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return output


if __name__ == "__main__":
    main()
