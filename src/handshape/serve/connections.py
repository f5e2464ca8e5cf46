"""uvicorn's connections with limits that it lacks: how many, how much beside the body, how fast, how slow."""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from handshape.serve.access import is_loopback
from handshape.serve.errors import HttpError
from handshape.serve.limits import Limits
from handshape.serve.request_log import log_refusal, new_request_id

_HEAD_BYTES = 65_536
_PIPELINED = 8
_PIECE = 4096  # bytes; one read may hold 40,000 of the smallest WebSocket messages
_POLICY_VIOLATION = 1008


def http_protocol(limits: Limits) -> type[HttpToolsProtocol]:
    """Return the protocol of HTTP connections.

    Heads, trailers and chunk headers are counted: what arrives without being body is limited. A client that
    does not read its answer is disconnected.
    """

    class Http(HttpToolsProtocol):
        _other_bytes = _header_count = 0
        _in_head = True
        _arrival: asyncio.TimerHandle | None = None
        _reading: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            # Writing pauses as soon as the client does not take what it is sent; TLS with 0 pauses for ever.
            transport.set_write_buffer_limits(high=1)
            if self._is_one_too_many():
                self._refuse(HttpError(503, "Too many connections; try again in a second."))
                return
            self._start_arrival()

        def _is_one_too_many(self) -> bool:
            if len(self.connections) > limits.connections:
                return True
            if self.client is None or is_loopback(self.client[0]):
                return False  # a proxy on this machine speaks for many clients
            clients = [getattr(one, "client", None) for one in self.connections]
            return [client and client[0] for client in clients].count(self.client[0]) > limits.share

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop(self._arrival, self._reading)
            super().connection_lost(exc)

        def handle_websocket_upgrade(self) -> None:
            self._stop(self._arrival, self._reading)
            super().handle_websocket_upgrade()

        def _start_arrival(self) -> None:
            self._stop(self._arrival)
            self._arrival = self.loop.call_later(limits.upload_seconds, self._disconnect)

        @staticmethod
        def _stop(*timers: asyncio.TimerHandle | None) -> None:
            for timer in timers:
                if timer is not None:
                    timer.cancel()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reading = self.loop.call_later(limits.read_seconds, self._disconnect, True)

        def _disconnect(self, at_once: bool = False) -> None:
            if self.cycle is not None:  # what it still sends would fail
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            if at_once:
                self.transport.abort()
            else:
                self.transport.close()

        def resume_writing(self) -> None:
            self._stop(self._reading)
            super().resume_writing()

        def data_received(self, data: bytes) -> None:
            if self._in_head and self._other_bytes == 0:
                self._start_arrival()
            self._other_bytes += len(data)
            super().data_received(data)
            if self._other_bytes > _HEAD_BYTES and self.parser is not None:
                self._refuse(HttpError(431, "The request's head is too long; expected at most 64 KiB."))

        def on_message_begin(self) -> None:
            if len(self.pipeline) >= _PIPELINED:
                raise ValueError("too many requests that wait for their turn")
            self._header_count = 0
            super().on_message_begin()

        def on_header(self, name: bytes, value: bytes) -> None:
            self._header_count += 1
            if self._header_count > limits.headers:
                raise ValueError("too many headers")
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            super().on_headers_complete()
            self._stop(self._arrival)
            self._in_head, self._other_bytes = False, 0

        def on_body(self, body: bytes) -> None:
            self._other_bytes = 0
            super().on_body(body)

        def on_message_complete(self) -> None:
            super().on_message_complete()
            self._in_head, self._other_bytes = True, 0

        def send_400_response(self, msg: str) -> None:
            if self._header_count > limits.headers:
                self._refuse(HttpError(431, f"Too many headers; expected at most {limits.headers}."))
            else:
                self._refuse(HttpError(400, "This is not valid HTTP/1.1, or too many requests at once."))

        def _refuse(self, error: HttpError) -> None:
            if self.transport.is_closing():
                return
            address, request_id = self.client[0] if self.client else "", new_request_id()
            log_refusal(error.status_code, error.detail, address=address, request_id=request_id)
            # In the midst of another answer it would be taken for a part of that.
            if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
                self.transport.write(_raw(error, request_id))
            self._disconnect()

    return Http


def stream_protocol(limits: Limits) -> type[WebSocketsSansIOProtocol]:
    """Return the protocol of WebSocket connections; one with too many messages is closed."""

    class Stream(WebSocketsSansIOProtocol):
        _second, _messages = 0.0, 0
        _reading: asyncio.TimerHandle | None = None

        def data_received(self, data: bytes) -> None:
            for start in range(0, len(data), _PIECE):
                if not self.transport.is_closing():
                    super().data_received(data[start : start + _PIECE])

        def connection_lost(self, exc: Exception | None) -> None:
            self.resume_writing()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reading = self.loop.call_later(limits.read_seconds, self.transport.abort)

        def resume_writing(self) -> None:
            if self._reading is not None:
                self._reading.cancel()
            super().resume_writing()

        async def send(self, message: Any) -> None:
            if self.close_sent and message["type"] == "websocket.send":
                raise ClientDisconnected
            await super().send(message)

        def handle_text(self, event: Any) -> None:
            if self._may_go_on():
                super().handle_text(event)

        def handle_bytes(self, event: Any) -> None:
            if self._may_go_on():
                super().handle_bytes(event)

        def handle_cont(self, event: Any) -> None:
            if self._may_go_on():
                super().handle_cont(event)

        def handle_ping(self) -> None:
            if self._may_go_on():
                super().handle_ping()

        def handle_pong(self, event: Any) -> None:
            if self._may_go_on():
                super().handle_pong(event)

        def _may_go_on(self) -> bool:
            """Count a message, and close the connection if there are too many."""
            if self.transport.is_closing() or self.conn.state is not State.OPEN:
                return False
            now = self.loop.time()
            if now - self._second >= 1:
                self._second, self._messages = now, 0
            self._messages += 1
            if self._messages <= limits.messages:
                return True
            self.conn.fail(_POLICY_VIOLATION, "Too many messages.")
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.transport.close()
            return False

    return Stream


def _raw(error: HttpError, request_id: str) -> bytes:
    """Return an answer as it goes over the wire, for a request that reaches no application."""
    answer = error.response(request_id)
    answer.headers["connection"] = "close"
    reason = HTTPStatus(answer.status_code).phrase
    lines = [f"HTTP/1.1 {answer.status_code} {reason}".encode()]
    lines += [name + b": " + value for name, value in answer.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])
