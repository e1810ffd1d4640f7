"""A real terminal, in which a command runs as it does for a person."""

import os
import pty
import signal
import subprocess
import sys
from typing import NamedTuple

TERMINAL = {"TERM": "xterm", "COLUMNS": "100"}
ALONE = {"OPENBLAS_NUM_THREADS": "1"}  # threads that wait for each other crawl on a busy machine
ERASED = b"\x1b[2K"  # a line
CURSOR = b"\x1b[?25h"  # is there again


class Ran(NamedTuple):
    code: int
    output: str
    shown: bytes  # on the terminal, which is standard error's

    @property
    def left_clean(self):
        """Whether nothing of a bar is left behind it."""
        after = self.shown.rpartition(b"matrices")[2]
        return ERASED in after and CURSOR in after


def run_in_terminal(folder, *args, interrupt_at=None):
    """Run lora-bokeh in a folder, and press Ctrl-C once something is shown."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "lora_bokeh", *args]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | TERMINAL | ALONE,
        stdout=subprocess.PIPE,
        stderr=follower,
    ) as process:
        os.close(follower)
        shown = b""
        while chunk := _read(leader):  # all the time, for a full terminal stops its writer
            shown += chunk
            if interrupt_at is not None and interrupt_at in shown:
                process.send_signal(signal.SIGINT)
                interrupt_at = None
        output = process.stdout.read().decode()
    os.close(leader)
    return Ran(process.returncode, output, shown)


def _read(leader):
    """Return what is shown next; nothing once the program has ended."""
    try:
        return os.read(leader, 1 << 16)
    except OSError:  # Linux says so when the last writer has closed
        return b""
