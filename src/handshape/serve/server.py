"""The process around the application: socket, connection limits, signals, a clean end."""

import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from handshape.errors import ServeError
from handshape.serve.connections import http_protocol, stream_protocol
from handshape.serve.limits import Limits

_GRACE_SECONDS = 5


def listen(host: str, port: int) -> socket.socket:
    """Bind the address, before anything that takes long.

    Args:
        host: Name or address.
        port: Port; 0 for a free one.

    Raises:
        ServeError: The address is in use, or not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise ServeError(
            f"cannot listen on {host}:{port} ({error.strerror or error})",
            "a free port on an address of this machine",
            "choose others with --port and --host",
        ) from error
    return listener


def make_server(
    app: FastAPI,
    limits: Limits,
    *,
    started: Callable[[], None],
    certificate: Path | None = None,
    key: Path | None = None,
) -> uvicorn.Server:
    """Make a server that runs until SIGINT or SIGTERM and answers the requests under way before it ends.

    Args:
        app: The application.
        limits: Limits of connections, request heads and frames.
        started: Called once requests are answered.
        certificate: TLS certificate, PEM.
        key: Its private key, PEM.

    Returns:
        The server; ``run([listener])`` serves, and setting ``should_exit`` ends it.

    Raises:
        ServeError: Certificate and key cannot be used.
    """
    config = uvicorn.Config(
        app,
        http=http_protocol(limits),
        ws=stream_protocol(limits),
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="error",
        server_header=False,
        proxy_headers=False,
        ws_max_size=limits.photo,
        ws_per_message_deflate=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_worth_logging)
    # It warns of every damaged form, so a hostile client could fill the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    try:
        config.load()
    except OSError as error:
        raise ServeError(
            f"cannot use the certificate {str(certificate)!r} ({error.strerror or error})",
            "a PEM certificate and its key",
            "check --certificate and --key",
        ) from error
    return _Server(config, started)


def _is_worth_logging(record: logging.LogRecord) -> bool:
    # uvicorn logs the one for every refused stream, although the refusal was sent, and the other with a
    # traceback for a text that a client has damaged.
    message = record.getMessage()
    return "without completing handshake" not in message and "Invalid UTF-8" not in message


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_start()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again after a clean end, which makes the exit code that of a failure.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
