"""The server's log on standard error: what needs attention as text, or every request as JSON."""

import json
import logging
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from handshape.config.serve import LogFormat
from handshape.progress import printable

LOG = logging.getLogger("handshape.serve")
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The identifier of the request that is answered; sent back as ``X-Request-ID``."""

_FIELDS = ("request_id", "method", "path", "status", "ms", "address")


def new_request_id() -> str:
    """Return an identifier for a request."""
    return secrets.token_hex(8)


def log_request(
    level: int,
    message: str,
    *,
    method: str,
    path: str,
    status: int,
    seconds: float,
    address: str,
    failure: Exception | None = None,
) -> None:
    """Log the end of a request; its query, which may hold a token, is left out."""
    fields = {"method": method, "path": path, "status": status, "ms": round(1000 * seconds, 1)}
    details = {**fields, "address": address, "request_id": REQUEST_ID.get()}
    LOG.log(level, message, exc_info=failure, extra=details)


def log_refusal(status: int, message: str, *, address: str, request_id: str) -> None:
    """Log a connection that was refused before there was a whole request."""
    LOG.info(message, extra={"status": status, "address": address, "request_id": request_id})


@contextmanager
def logging_to_stderr(kind: LogFormat) -> Iterator[None]:
    """Write the log to standard error: as text what needs attention, as JSON each request too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if kind == "json" else _Text())
    root, before = logging.getLogger(), LOG.level
    root.addHandler(handler)
    LOG.setLevel(logging.INFO if kind == "json" else logging.WARNING)
    logging.captureWarnings(kind == "json")
    try:
        yield
    finally:
        logging.captureWarnings(False)
        LOG.setLevel(before)
        root.removeHandler(handler)


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the line of a record; what a client sent cannot control the terminal."""
        text = printable(super().formatMessage(record))
        details = [f"{name} {record.__dict__[name]}" for name in _FIELDS if name in record.__dict__]
        return f"{text} ({printable(', '.join(details))})" if details else text


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line of JSON."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"time": time, "level": record.levelname.lower()}
        line |= {name: record.__dict__[name] for name in _FIELDS if name in record.__dict__}
        line["message"] = record.getMessage()
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)
