"""Headers of served pages: what a page may load, and who may show it in a frame."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform

# A script in the page itself; one of another type, such as the document's JSON, is data.
INLINE = re.compile(
    rb"<script(?![^>]*\ssrc=)(?:\s+type=[\"']?(?:text/javascript|module)[\"']?)?\s*>(.*?)</script>",
    re.DOTALL | re.IGNORECASE,
)
HOST = re.compile(r"[\w.:\[\]-]+")  # a name that could not end the directive it stands in
NOBODY = "'none'"

# Bokeh compiles the code of its CustomJS callbacks ('unsafe-eval'), imports modules from blobs,
# and has a style element in each shadow root, whose text is not known beforehand.
POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
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


def policy(html: bytes, host: str, ancestors: str = NOBODY) -> str:
    """Return the Content-Security-Policy of a page.

    Scripts in the page itself run by the hashes of what the server wrote there, so a name that
    found its way into the page as a script would not run.
    """
    hashes = (hashlib.sha256(script).digest() for script in INLINE.findall(html))
    allowed = " ".join(f"'sha256-{base64.b64encode(h).decode()}'" for h in hashes)
    # Some browsers take 'self' for http alone, not for the websocket beside it.
    sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
    added = {"script-src": f" {allowed}" if allowed else "", "connect-src": sockets}
    parts = [f"{name} {sources}{added.get(name, '')}" for name, sources in POLICY.items()]
    return "; ".join([*parts, f"frame-ancestors {ancestors}"])


class _Headers(OutputTransform):
    """Adds the headers to one response."""

    def __init__(self, ancestors: str, request: HTTPServerRequest) -> None:
        self._ancestors = ancestors
        self._host = request.host

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add them; the whole of a page is in its first chunk."""
        html = headers.get("Content-Type", "").startswith("text/html")
        headers["Content-Security-Policy"] = policy(
            chunk if html and finishing else b"", self._host, self._ancestors
        )
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        if self._ancestors == NOBODY:
            headers["X-Frame-Options"] = "DENY"  # for browsers that know no frame-ancestors
        return status_code, headers, chunk
