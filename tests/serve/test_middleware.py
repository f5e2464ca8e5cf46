import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
from tests.serve.conftest import Server, form, png

SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("path", ["/", "/v1/model", "/nothing", "/v1/predict", "/metrics", "/healthz"])
def test_middleware__every_answer_has_security_headers(server: Server, path: str) -> None:
    found = server.ask("GET", path).headers
    assert SECURITY.items() <= found.items()
    policy = dict(part.split(" ", 1) for part in found["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in found["content-security-policy"]
    assert "server" not in found


@pytest.mark.parametrize("chunked", [False, True])
def test_middleware__a_body_that_is_too_long(limited: Callable[..., Server], chunked: bool) -> None:
    server = limited(body=2_000_000)
    body, kind = form(("image", "a.png", bytes(3_000_000)))
    length, data = f"Content-Length: {len(body)}", body
    if chunked:  # and no end: the limit must not wait for it
        length, data = "Transfer-Encoding: chunked", b"%x\r\n" % len(body) + body + b"\r\n"
    head = f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{length}\r\n\r\n"
    answer = server.raw(head.encode() + data)
    assert answer.startswith(b"HTTP/1.1 413") and b'"code":"too_large"' in answer
    assert server.predict(png()).status == 200


def test_middleware__a_request_that_takes_too_long() -> None:
    from handshape.serve.access import AccessPolicy
    from handshape.serve.app import create_app
    from handshape.serve.limits import Limits
    from handshape.serve.prediction_queue import PredictionQueue

    queue, sent, calls = PredictionQueue(None), list[dict[str, Any]](), iter(range(9))
    app = create_app(queue, AccessPolicy(), Limits(upload_seconds=0.01))
    headers = [(b"host", b"localhost"), (b"content-length", b"99"), (b"content-type", b"image/png")]
    scope = {"type": "http", "method": "POST", "path": "/v1/predict", "query_string": b"", "headers": headers}

    async def receive() -> dict[str, Any]:
        if next(calls) == 0:
            await asyncio.Event().wait()  # for ever
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    queue.close()
    assert sent[0]["status"] == 408 and b'"code":"too_slow"' in sent[1]["body"]


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
def test_server__a_head_that_never_comes(limited: Callable[..., Server], data: bytes) -> None:
    assert limited(upload_seconds=0.3).raw(data) == b""


def test_server__a_second_head_that_never_comes(limited: Callable[..., Server]) -> None:
    server = limited(upload_seconds=1)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(HEALTH)
        assert connection.recv(65536).endswith(b'{"status":"ok"}')
        connection.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        assert connection.recv(65536) == b""


def test_middleware__too_much_at_once(limited: Callable[..., Server]) -> None:
    server = limited(held=1_000)
    answer = server.predict(bytes(2_000))
    assert answer.error == (503, "busy") and answer.headers["retry-after"] == "1"
    assert server.predict(b"x").status == 415  # the bytes of the first request are no longer held


@pytest.mark.parametrize("limits", [{"waiting": 2}, {"answer_seconds": 0}])
def test_middleware__more_photos_than_it_can_predict(
    limited: Callable[..., Server], limits: dict[str, int]
) -> None:
    answer = limited(**limits).predict(*[png()] * 3)
    assert answer.error == (503, "busy") and answer.headers["retry-after"] == "1"


def test_server__too_many_connections(limited: Callable[..., Server]) -> None:
    server = limited(connections=3)
    others = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(3)]
    try:
        for other in others:  # an answer shows that the server has taken the connection
            other.sendall(HEALTH)
            assert other.recv(65536).startswith(b"HTTP/1.1 200")
        answer = server.raw(b"")
        assert answer.startswith(b"HTTP/1.1 503") and b'"code":"busy"' in answer
    finally:
        for other in others:
            other.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: " + b"a" * 70_000, b"431"),
        (b"\x16\x03\x01 hello\r\n\r\n", b"400"),
    ],
)
def test_server__a_head_without_end_and_no_http(server: Server, data: bytes, status: bytes) -> None:
    assert server.raw(data).startswith(b"HTTP/1.1 " + status)


def test_errors__have_codes_everywhere(server: Server) -> None:
    assert server.ask("GET", "/nothing").error == (404, "not_found")
    wrong = server.ask("PUT", "/v1/predict")
    assert wrong.error == (405, "method_not_allowed") and wrong.headers["allow"] == "POST"


def test_page__gives_no_file_but_its_own(server: Server) -> None:
    for path in ("/../limits.py", "/%2e%2e/limits.py", "/..%2flimits.py", "//etc/passwd", "/%00"):
        assert server.ask("GET", path).status == 404
