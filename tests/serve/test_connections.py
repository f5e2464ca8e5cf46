import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from tests.serve.conftest import Server, form, jpeg, serving, wait_until

if TYPE_CHECKING:
    from handshape.serve.loaded_recogniser import LoadedRecogniser

ENOUGH = 32_000_000  # bytes; a server that has taken so many takes them for ever
CHUNKED = b"POST /v1/predict HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
MASK = bytes(4)


def flood(port: int, start: bytes, piece: bytes) -> int:
    """Send a piece again and again, and return after how many bytes the server has disconnected."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(start)
        return send_until_closed(connection, piece)


def send_until_closed(connection: socket.socket, piece: bytes) -> int:
    sent = 0
    try:
        while sent < ENOUGH:
            connection.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    return sent


def upgraded(port: int) -> socket.socket:
    """Open a WebSocket and return its connection, to send what no library sends."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(
        b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 101") and b"x-request-id" in answer
    return connection


@pytest.mark.parametrize("host", [b"localhost", b"unknown.example"])
@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"0\r\n", b"X-A: " + b"a" * 1000 + b"\r\n"),  # trailers
        (b"0\r\nX-A: ", b"a" * 50_000),  # one trailer without end
        (b"1;", b"a" * 50_000),  # an extension of a chunk
    ],
)
def test_http__what_is_no_body_is_limited(server: Server, host: bytes, start: bytes, piece: bytes) -> None:
    assert flood(server.port, CHUNKED % host + start, piece) < ENOUGH


def test_http__more_than_100_headers_or_trailers(server: Server) -> None:
    answer = server.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 100 + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ") and b'"code":"head_too_long"' in answer
    assert b"x-request-id: " in answer.lower() and b'"request_id":"' in answer
    start = CHUNKED % b"localhost" + b"0\r\n"
    assert b"431" in server.raw(start + b"a: b\r\n" * 101 + b"\r\n")


def test_http__few_requests_wait_for_their_turn(server: Server) -> None:
    assert flood(server.port, b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500) < ENOUGH


@pytest.fixture
def endless() -> Iterator[int]:
    """The port of a server whose answers are longer than what the system keeps for a client."""
    from handshape.serve.limits import Limits
    from handshape.serve.server import listen, make_server

    app, up = FastAPI(), threading.Event()

    @app.get("/")
    async def answer() -> StreamingResponse:
        return StreamingResponse(bytes(65_536) for _ in range(1000))

    server = make_server(app, Limits(read_seconds=0.2), started=up.set)
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        assert up.wait(120)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def test_http__a_client_that_does_not_read_is_disconnected(endless: int) -> None:
    with socket.create_connection(("127.0.0.1", endless), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

        def is_gone() -> bool:
            try:
                connection.sendall(b"x")
            except OSError:
                return True
            return False

        wait_until(is_gone)


def test_http__one_address_has_a_share_of_the_connections(loaded: "LoadedRecogniser") -> None:
    from handshape.serve.access import AccessPolicy
    from handshape.serve.limits import Limits

    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has only the loopback address")
        own = probe.getsockname()[0]
    health = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(loaded, AccessPolicy(any_address=True), Limits(share=2), host="0.0.0.0") as server:
        first = [socket.create_connection((own, server.port), timeout=60) for _ in range(2)]
        for one in first:
            one.sendall(health)
            assert one.recv(65536).startswith(b"HTTP/1.1 200")
        with socket.create_connection((own, server.port), timeout=60) as third:
            assert third.recv(65536).startswith(b"HTTP/1.1 503")
        # A proxy on this machine speaks for many clients.
        near = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(4)]
        for one in near:
            one.sendall(health)
            assert one.recv(65536).startswith(b"HTTP/1.1 200")
        for one in first + near:
            one.close()


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"", b"\x82\x81" + MASK + b"x"),  # the smallest frames
        (b"", b"\x81\x81" + MASK + b"x"),  # wrong texts
        (b"", b"\x89\x80" + MASK),  # pings, whose answers are not read
        (b"\x02\x80" + MASK, b"\x00\x80" + MASK),  # parts of a message without end
    ],
)
def test_stream__too_many_messages_end_it(server: Server, start: bytes, piece: bytes) -> None:
    with upgraded(server.port) as connection:
        connection.sendall(start)
        assert send_until_closed(connection, piece * 2000) < ENOUGH
    assert server.ask("GET", "/healthz").status == 200


def test_stream__too_many_messages_say_so(server: Server) -> None:
    with upgraded(server.port) as connection:
        connection.sendall((b"\x89\x80" + MASK) * 501)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert b"Too many messages." in answer and struct.pack(">H", 1008) in answer


@pytest.mark.parametrize("linger", [b"", struct.pack("ii", 1, 0)])
def test_log__a_client_that_leaves_is_one_line(
    server: Server, caplog: pytest.LogCaptureFixture, linger: bytes
) -> None:
    body, kind = form(("image", "a.jpg", jpeg()))
    head = f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:100])
        if linger:  # ends with a reset
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    wait_until(lambda: caplog.records)
    stream = upgraded(server.port)
    stream.sendall(b"\x82\x81" + MASK + b"x")
    stream.close()
    wait_until(lambda: b"handshape_streams 0.0" in server.ask("GET", "/metrics").body)
    (line,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert line.getMessage() == "the client left before its answer" and line.exc_info is None


def test_log__text_that_is_none_before_a_close_is_no_line(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with upgraded(server.port) as connection:
        connection.sendall(b"\x81\x81" + MASK + b"\xfe" + b"\x88\x80" + MASK)
        while connection.recv(65_536):
            pass
    assert not caplog.records


def test_request_id__is_in_every_answer(server: Server, limited: Callable[..., Server]) -> None:
    for method, path in (("GET", "/"), ("GET", "/nothing"), ("POST", "/v1/predict"), ("PUT", "/v1/model")):
        answer = server.ask(method, path)
        identifier = answer.headers["x-request-id"]
        assert len(identifier) == 16
        assert answer.status < 400 or answer.json["request_id"] == identifier
    assert server.ask("GET", "/", X_Request_ID="of-a-proxy_1").headers["x-request-id"] == "of-a-proxy_1"
    assert len(server.ask("GET", "/", X_Request_ID="<b>").headers["x-request-id"]) == 16
    assert b"x-request-id: " in limited(connections=0).raw(b"").lower()
