"""Serve a view: one process, a view of its own for each browser tab, an orderly stop."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import panel as pn
from bokeh.settings import settings
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.routing import Rule

from lora_bokeh.hosts.guard import Guard, Refused, ServerLimits, told
from lora_bokeh.hosts.headers import security_headers
from lora_bokeh.hosts.pacing import paced
from lora_bokeh.hosts.template import TITLE, page

EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - addresses that mean all of this machine's
NOWHERE = ("192.0.2.1", 9)  # reserved for documentation (RFC 5737): routed to, never answered

log = logging.getLogger(__name__)

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


# ms: a closed tab's computation is to end soon, and a reload to find its session again.
LIFETIMES = {
    "unused_session_lifetime_milliseconds": 3000,
    "check_unused_sessions_milliseconds": 1000,
}


# A page sends its files in parts of a megabyte, and nobody may send for ever.
CONNECTIONS = {
    "websocket_max_message_size": 4 << 20,
    "http_server_kwargs": {
        "idle_connection_timeout": 60,
        "body_timeout": 30,
        "max_body_size": 1 << 20,
        "max_buffer_size": 8 << 20,
    },
}
ANY_HOST = ".*"
BETWEEN_SWEEPS = 10_000  # ms


class ServerError(OSError):
    """The server cannot listen where it was asked to; one sentence says why."""


def announce_on_stdout(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def serve(  # noqa: PLR0913 - keyword-only, each with a default
    make_view: Callable[[], Any],
    *,
    port: int = 5006,
    address: str = "127.0.0.1",
    show: bool = True,
    title: str = TITLE,
    announce: Callable[[str], object] = announce_on_stdout,
    limits: ServerLimits | None = None,
    origins: Sequence[str] = (),
    embed_in: Sequence[str] = (),
    proxied: bool = False,
) -> None:
    """Serve a view until Ctrl-C or SIGTERM.

    Only pages from this very host and port may connect, and only requests by that name are
    answered: by ``address``, by "localhost", and, when all addresses are listened on, by this
    machine's names. ``origins`` adds other names; Bokeh's own environment variable
    ``BOKEH_ALLOW_WS_ORIGIN=name:port`` takes the place of all.

    Parameters
    ----------
    make_view : callable
        Called once for each browser tab; returns the tab's view.
    port : int, default 5006
        Where to listen; 0 picks a free port.
    address : str, default "127.0.0.1"
        Where to listen; "0.0.0.0" opens the page to the whole network.
    show : bool, default True
        Whether to open a browser, where there is a display.
    title : str, default "LoRA explorer"
        Title of the browser tab.
    announce : callable
        Told in one line where the page is, as soon as the server listens.
    limits : ServerLimits, optional
        What the sessions may take.
    origins : sequence of str
        Other names of this server, "name" or "name:port", such as a proxy's.
    embed_in : sequence of str
        Origins such as "https://name" whose pages may show this one in a frame.
    proxied : bool, default False
        Whether a proxy tells the browsers' addresses, in X-Forwarded-For or X-Real-IP.

    Raises
    ------
    ServerError
        The port is taken, or the address is not one of this machine.
    """
    loop = IOLoop()
    with closing(loop), _stopped_by_signals(loop):
        port, server = _listen(
            lambda: page(make_view(), title),
            port,
            address,
            limits or ServerLimits(),
            origins,
            loop=loop,
            title=title,
            transforms=[security_headers(embed_in)],
            use_xheaders=proxied,
        )
        url = f"http://{_host(address)}:{port}/"
        announce(f"The page is at {url} (Ctrl-C stops the server)")
        if show and _has_display():
            # In a thread, because starting a browser may take seconds.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        server.start()
        loop.start()
        server.stop(wait=False)


def _listen(
    make_page: Callable[[], Any],
    port: int,
    address: str,
    limits: ServerLimits,
    names: Sequence[str],
    **options: Any,
) -> tuple[int, Any]:
    """Return the port and a Bokeh server which listens there and has not started yet."""
    if not 0 <= port < 1 << 16:
        raise ServerError(f"a port is a number from 0 to 65535, got {port}")
    try:
        port = _free_port(address, port)
        origins = [*_origins(address, port), *(name.lower() for name in names)]
        guard = Guard(origins, limits)
        with paced(guard):
            server = pn.serve(
                {"/": make_page},
                port=port,
                address=address,
                websocket_origin=origins,
                show=False,
                start=False,
                verbose=False,
                **LIFETIMES,
                **CONNECTIONS,
                **_signed(),
                **options,
            )
    except OSError as error:
        raise ServerError(_refusal(address, port, error)) from None
    _post(guard, server)
    return port, server


def _post(guard: Guard, server: Any) -> None:
    """Have the guard see each request before the server's own rules do."""
    guard.sessions = server.get_sessions
    server._tornado.add_handlers(ANY_HOST, [Rule(guard, Refused)])
    server.io_loop.add_callback(PeriodicCallback(guard.end_idle, BETWEEN_SWEEPS).start)
    log.info("%s", told(guard.limits))


def _signed() -> dict[str, Any]:
    """Return the options by which sessions begin with a page only, which the guard has seen."""
    key = settings.secret_key_bytes() or secrets.token_bytes(32)
    return {"sign_sessions": True, "secret_key": key}


def _free_port(address: str, port: int) -> int:
    """Return ``port``, or any for 0, if nobody listens on it; raise OSError otherwise.

    Bokeh has to be told the origins, and so the port, before it listens; and where it cannot, it
    leaves sockets open.
    """
    family, kind, *_, where = socket.getaddrinfo(address or None, port, type=socket.SOCK_STREAM)[0]
    with closing(socket.socket(family, kind)) as probe:
        if os.name == "posix":  # as Bokeh will; elsewhere the option would share a taken port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(where)
        return probe.getsockname()[1]


def _origins(address: str, port: int) -> list[str]:
    """Return the ``host:port`` a page may come from; Bokeh has no notation for IPv6 ones."""
    names = {"localhost", "127.0.0.1", _host(address)}
    if address in EVERYWHERE:
        names |= _own_names()
    return [f"{name.lower()}:{port}" for name in sorted(names)]


def _own_names() -> set[str]:
    """Return the names and IPv4 addresses this machine knows itself by."""
    name = socket.gethostname()
    names = {name, socket.getfqdn()}
    try:
        names.update(socket.gethostbyname_ex(name)[2])
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
            probe.connect(NOWHERE)  # sends nothing: it asks for the outgoing address
            names.add(probe.getsockname()[0])
    except OSError:
        pass  # no network, so nobody comes by those names
    return {known for known in names if known and ":" not in known}


def _host(address: str) -> str:
    """Return the host for the page's address."""
    return "localhost" if address in EVERYWHERE or ":" in address else address


def _refusal(address: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {address} is taken; stop what listens there or choose another port "
            "(0 picks a free one)"
        )
    return f"cannot listen on {address}, port {port}: {error.strerror or error}"


def _has_display() -> bool:
    """Tell a desktop from a terminal, where Python would start a text browser in our place."""
    return sys.platform in ("win32", "darwin") or any(map(os.environ.get, DISPLAYS))


@contextmanager
def _stopped_by_signals(loop: IOLoop) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end ``loop.start()`` instead of raising in the midst of it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread only
        return

    def stop(*_: Any) -> None:
        loop.add_callback_from_signal(loop.stop)

    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
