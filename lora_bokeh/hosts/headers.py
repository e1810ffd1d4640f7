"""Headers of served pages: what a page may load, and who may show it in a frame."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform

SCRIPT = re.compile(rb"<script(?=[\s>])", re.IGNORECASE)
HOST = re.compile(r"[\w.:\[\]-]+")  # a name that could not end the directive it stands in
NOBODY = "'none'"

# Bokeh compiles the code of its CustomJS callbacks ('unsafe-eval'); modules are blobs, which the
# polyfill of import maps fetches; each shadow root has style elements, whose text is not known
# beforehand.
POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' blob:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "object-src": "'none'",
}


def security_headers(embed_in: Sequence[str] = ()) -> Any:
    """Return what adds the headers to each response of a Tornado application.

    Parameters
    ----------
    embed_in : sequence of str
        Origins whose pages may show ours in a frame. Default: none, not even our own.
    """
    return partial(_Headers, " ".join(embed_in) or NOBODY)


def policy(host: str, nonce: str = "", ancestors: str = NOBODY) -> str:
    """Return the Content-Security-Policy of a page whose own scripts carry a nonce."""
    # Some browsers take 'self' for http alone, not for the websocket beside it.
    sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
    added = {"script-src": f" 'nonce-{nonce}'" if nonce else "", "connect-src": sockets}
    parts = [f"{name} {sources}{added.get(name, '')}" for name, sources in POLICY.items()]
    return "; ".join([*parts, f"frame-ancestors {ancestors}"])


class _Headers(OutputTransform):
    """Adds the headers to one response."""

    def __init__(self, ancestors: str, request: HTTPServerRequest) -> None:
        self._ancestors = ancestors
        self._host = request.host or ""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add them; the whole of a page is in its first chunk, and its scripts get a nonce.

        Scripts that a page's own scripts write, as the polyfill of import maps does, take theirs
        from there.
        """
        nonce = ""
        if finishing and headers.get("Content-Type", "").startswith("text/html"):
            nonce = secrets.token_urlsafe(16)
            chunk = SCRIPT.sub(f'<script nonce="{nonce}"'.encode(), chunk)
            headers["Content-Length"] = str(len(chunk))
        headers["Content-Security-Policy"] = policy(self._host, nonce, self._ancestors)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        if self._ancestors == NOBODY:
            headers["X-Frame-Options"] = "DENY"  # for browsers that know no frame-ancestors
        return status_code, headers, chunk
