"""The process around the application: sockets, connection limits, signals, a quiet end."""

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
from handshape.serve.settings import Limits

_HEAD_BYTES = 65_536
_GRACE_SECONDS = 5


def listen(host: str, port: int) -> socket.socket:
    """Take the address before anything long is done.

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
            "a free port of an address of this machine",
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
        limits: Of connections, frames and idle time.
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
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    # It warns of every damaged form: whoever sends them would fill the log.
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


def _is_news(record: logging.LogRecord) -> bool:
    # uvicorn says so of every stream that is refused with an answer, though the answer was sent.
    return "without completing handshake" not in record.getMessage()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise the signal again after a clean end, and the exit code would say failed.
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
        _head = 0  # bytes of a head that is arriving
        _patience: asyncio.TimerHandle | None = None

        def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                transport.write(_TOO_MANY)
                transport.close()
                return
            self._await_head()

        def _await_head(self) -> None:
            self._end_patience()
            self._patience = self.loop.call_later(limits.upload_seconds, self._give_up)

        def _end_patience(self) -> None:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None

        def _give_up(self) -> None:
            if not self.transport.is_closing():
                self.transport.close()

        def data_received(self, data: bytes) -> None:
            if self._head == 0:
                self._await_head()
            self._head += len(data)
            super().data_received(data)
            if self._head > _HEAD_BYTES and self.parser is not None and not self.transport.is_closing():
                self.transport.write(_LONG_HEAD)
                self.transport.close()

        def on_headers_complete(self) -> None:
            super().on_headers_complete()
            self._end_patience()
            self._head = -(2**62)  # what follows is no head

        def on_message_complete(self) -> None:
            super().on_message_complete()
            self._head = 0

    return Protocol


def _raw(status: str, code: str, message: str) -> bytes:
    body = f'{{"code":"{code}","message":"{message}"}}'
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}connection: close\r\n\r\n{body}".encode()


_TOO_MANY = _raw("503 Service Unavailable", "busy", "Too many connections; try again in a second.")
_LONG_HEAD = _raw("431 Request Header Fields Too Large", "bad_request", "The request's head is too long.")
