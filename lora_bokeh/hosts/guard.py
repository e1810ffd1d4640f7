"""Who may have a page: by the name it asks for, how many there are, how often one asks."""

from __future__ import annotations

import logging
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from bokeh.server.util import check_allowlist
from bokeh.settings import settings
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher
from tornado.web import RequestHandler

from lora_bokeh.text import bytes_text
from lora_bokeh.views.shared.rates import Rate

MINUTE = 60
SHARE_OF_MEMORY = 0.75
BETWEEN_NOTES = 10.0  # s: a flood is not to fill the log too
WITHOUT_PAGE = ("/static/", "/ws", "/favicon.ico")  # paths that make no session

log = logging.getLogger(__name__)


class ServerLimits(NamedTuple):
    """What all sessions together, and each of them, may take of a server.

    Attributes
    ----------
    sessions : int
        Sessions at a time.
    sessions_each : int
        Of these, from one address.
    pages_a_minute : float
        Pages that one address may ask for.
    messages_a_second : float
        Messages of one page that are answered at once; more of them wait.
    idle_minutes : float
        How long a page may be silent before its session ends; a drag is about 200.
    memory_bytes : float
        Memory of the server past which it takes no more sessions.
    """

    sessions: int = 100
    sessions_each: int = 50
    pages_a_minute: float = 120.0
    messages_a_second: float = 400.0
    idle_minutes: float = 60.0
    memory_bytes: float = math.inf


class Refused(RequestHandler):
    """A request that is refused in a sentence, whatever its method."""

    def prepare(self) -> None:
        """Say why."""
        self.set_status(int(self.path_kwargs["status"]))
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        if wait := self.path_kwargs["wait"]:
            self.set_header("Retry-After", wait)
        self.finish(self.path_kwargs["sentence"] + "\n")


class Guard(Matcher):
    """The rule before all others: it matches what is to be refused.

    Parameters
    ----------
    origins : sequence of str
        ``host:port`` by which the server is called.
    limits : ServerLimits
        The limits.
    """

    def __init__(self, origins: Sequence[str], limits: ServerLimits) -> None:
        self.limits = limits
        self.sessions: Callable[[], Sequence[Any]] = list  # those of the server, once there is one
        self.sockets: set[Any] = set()
        self._origins = set(origins)
        self._pages = Rate(limits.pages_a_minute)
        self._noted: dict[str, float] = {}

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return what :class:`Refused` is to say; None for a request that is welcome."""
        refusal = self._stranger(request) or self._too_many(request)
        if refusal is None:
            return None
        status, sentence, wait = refusal
        self.note(sentence, request.remote_ip or "")
        found = {"status": str(status), "sentence": sentence, "wait": str(math.ceil(wait) or "")}
        return {"path_kwargs": found}

    def note(self, sentence: str, address: str) -> None:
        """Log a refusal, but the same one only now and then."""
        now = time.monotonic()
        if now - self._noted.get(sentence, -math.inf) > BETWEEN_NOTES:
            self._noted = {s: t for s, t in self._noted.items() if now - t < BETWEEN_NOTES}
            self._noted[sentence] = now
            log.warning("refused %s: %s", address, sentence)

    def _stranger(self, request: HTTPServerRequest) -> tuple[int, str, float] | None:
        """Refuse a name that is not ours: a page elsewhere may have been pointed to us."""
        allowed = set(settings.allowed_ws_origin() or ()) or self._origins
        host = (request.host or "").lower()
        if host and check_allowlist(host, allowed):
            return None
        return 421, "This server is not called by that name; --allow-origin adds one.", 0

    def _too_many(self, request: HTTPServerRequest) -> tuple[int, str, float] | None:
        if request.path.startswith(WITHOUT_PAGE):
            return None
        if wait := self._pages.take(request.remote_ip):
            return 429, "Too many pages were asked for from your address; wait a minute.", wait
        addresses = Counter(map(_address, self.sessions()))
        if addresses.total() >= self.limits.sessions:
            return 503, "All places are taken; try again in a few minutes.", MINUTE
        if addresses[request.remote_ip or ""] >= self.limits.sessions_each:
            return 503, "Too many pages are open from your address; close one.", MINUTE
        if memory_held() > self.limits.memory_bytes:
            return 503, "The server has no memory left; try again in a few minutes.", MINUTE
        return None

    def end_idle(self) -> None:
        """Close the pages that have been silent for too long."""
        last = time.monotonic() - MINUTE * self.limits.idle_minutes
        for socket in [s for s in self.sockets if s.heard < last]:
            log.warning("a page of %s was idle; its session ends", socket.request.remote_ip)
            socket.close(1001, "idle")


def memory_held() -> int:
    """Return the bytes of memory this process holds; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def usual_memory() -> float:
    """Return three quarters of the memory there is, of the container if it has less."""
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return math.inf
    with suppress(OSError, ValueError):  # no container, or one without a limit
        machine = min(machine, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return SHARE_OF_MEMORY * machine


def _address(session: Any) -> str:
    context = session.document.session_context
    return str(getattr(context and context.request, "remote_ip", None) or "")


def told(limits: ServerLimits) -> str:
    """Return the limits in a line, for the log."""
    memory = "any" if limits.memory_bytes == math.inf else bytes_text(int(limits.memory_bytes))
    return (
        f"limits: {limits.sessions} sessions, {limits.sessions_each} of one address, "
        f"{limits.pages_a_minute:g} pages a minute, {limits.messages_a_second:g} messages a "
        f"second, idle for {limits.idle_minutes:g} min, {memory} of memory"
    )
