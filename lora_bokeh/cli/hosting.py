"""What ``serve`` and ``lesson`` make of their options: limits, a desk for uploads, a log."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from lora_bokeh.ranks.knapsack import parse_budget
from lora_bokeh.text import printable

if TYPE_CHECKING:
    from lora_bokeh.hosts.guard import ServerLimits
    from lora_bokeh.views.for_file import Views

HERE = ("127.0.0.1", "localhost", "::1")
IDLE_MINUTES = 60.0  # where others may connect; one's own page may stay open over night


def serve_to(make: Any, title: str, options: Mapping[str, Any]) -> None:
    """Serve views with the options of the command line, see ``cli_options.serving_options``."""
    from lora_bokeh.hosts.server import serve
    from lora_bokeh.jobs import spectrum

    log_to_stderr(options["log_level"])
    alone = _alone(options)
    spectrum.allow(math.inf if alone else options["compute_time"])
    serve(
        make,
        port=options["port"],
        address=options["address"],
        show=not options["no_show"],
        title=title,
        announce=click.echo,
        limits=_limits(options, alone),
        origins=options["origins"],
        embed_in=options["embed_in"],
        proxied=options["proxied"],
    )


def _alone(options: Mapping[str, Any]) -> bool:
    """Tell whether nobody but the people of this machine may connect."""
    return options["address"] in HERE and not options["origins"] and not options["proxied"]


def _limits(options: Mapping[str, Any], alone: bool) -> ServerLimits:
    from lora_bokeh.hosts.guard import ServerLimits, usual_memory

    memory = options["max_memory"]
    return ServerLimits(
        sessions=options["max_sessions"],
        sessions_each=options["max_sessions_each"],
        pages_a_minute=options["page_rate"],
        messages_a_second=options["message_rate"],
        idle_minutes=options["idle"] or (math.inf if alone else IDLE_MINUTES),
        memory_bytes=usual_memory() if memory is None else _size("--max-memory", memory),
    )


def with_uploads(made: Views, options: Mapping[str, Any]) -> Any:
    """Return a maker of views with a place to drop files on, see ``uploading_options``."""
    from lora_bokeh.loading.readers import Bounds
    from lora_bokeh.views.upload import UploadLimits
    from lora_bokeh.views.workbench import Desk, Workbench

    uploads = UploadLimits(
        file_bytes=_size("--max-upload", options["max_upload"]),
        files=options["max_uploads"],
        a_minute=options["upload_rate"],
        total_bytes=_size("--max-stored", options["max_stored"]),
    )
    bounds = Bounds(options["read_time"], _size("--read-memory", options["read_memory"]))
    largest = _size("--max-matrix", options["max_matrix"])
    desk = Desk(uploads, bounds, options["compute_time"], largest)
    return lambda: Workbench(made.make(), desk)


def _size(option: str, text: str) -> int:
    """Return a number of bytes, such as 256MiB."""
    budget = parse_budget(text)
    if budget.unit != "bytes":
        raise ValueError(f"{option} takes bytes, such as 256MiB; got {text!r}")
    return budget.amount


class _Printable(logging.Formatter):
    """Writes nothing that a terminal would obey."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as lines."""
        return "\n".join(map(printable, super().format(record).split("\n")))


def log_to_stderr(level: str) -> None:
    """Log what this package and the server below it have to say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Printable("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger("lora_bokeh").setLevel(level.upper())
