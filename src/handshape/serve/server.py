"""The process around the application: socket, connection limits, signals, a clean end."""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from handshape.errors import ServeError
from handshape.serve.limits import Limits

_HEAD_BYTES = 65_536
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
        http=_protocol(limits),
        lifespan="off",
        access_log=False,
        log_level="error",
        server_header=False,
        proxy_headers=False,
        ws_max_size=limits.body,
        ws_max_queue=2,
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
    # uvicorn logs this for every refused stream, although the refusal was sent.
    return "without completing handshake" not in record.getMessage()


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


def _protocol(limits: Limits) -> type[HttpToolsProtocol]:
    """Return uvicorn's HTTP protocol with limits that it lacks: connections, and size and time of heads."""

    class Protocol(HttpToolsProtocol):
        _head_bytes = 0
        _in_head = True
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                transport.write(_TOO_MANY)
                transport.close()
                return
            self._start_timer()

        def _start_timer(self) -> None:
            self._stop_timer()
            self._timer = self.loop.call_later(limits.upload_seconds, self.transport.close)

        def _stop_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()

        def data_received(self, data: bytes) -> None:
            if self._in_head and self._head_bytes == 0:
                self._start_timer()
            self._head_bytes += len(data)
            super().data_received(data)
            too_long = self._in_head and self._head_bytes > _HEAD_BYTES
            if too_long and self.parser is not None and not self.transport.is_closing():
                self.transport.write(_LONG_HEAD)
                self.transport.close()

        def on_headers_complete(self) -> None:
            super().on_headers_complete()
            self._stop_timer()
            self._in_head = False

        def on_message_complete(self) -> None:
            super().on_message_complete()
            self._in_head, self._head_bytes = True, 0

    return Protocol


def _raw(status: str, code: str, message: str) -> bytes:
    body = f'{{"code":"{code}","message":"{message}"}}'
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}connection: close\r\n\r\n{body}".encode()


_TOO_MANY = _raw("503 Service Unavailable", "busy", "Too many connections; try again in a second.")
_LONG_HEAD = _raw("431 Request Header Fields Too Large", "bad_request", "The request's head is too long.")
