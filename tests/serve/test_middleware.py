import socket
import time
from collections.abc import Callable

import pytest
from tests.serve.conftest import Server, form, png, raw

from handshape.serve.settings import Limits, Settings

SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.mark.parametrize("path", ["/", "/v1/model", "/nothing", "/v1/predict", "/metrics", "/healthz"])
def test_guard__every_answer_has_security_headers(server: Server, path: str) -> None:
    found = server.ask("GET", path).headers
    assert SECURITY.items() <= found.items()
    policy = dict(part.split(" ", 1) for part in found["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in found["content-security-policy"]
    assert "server" not in found


def test_guard__a_body_that_is_longer_than_it_may_be(make_server_with: Callable[..., Server]) -> None:
    server = make_server_with(Settings(limits=Limits(body=2_000_000)))
    body, kind = form(("image", "a.png", bytes(3_000_000)))
    for chunked in (False, True):
        head = f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        if chunked:
            head += "Transfer-Encoding: chunked\r\n\r\n"
            data = b"%x\r\n" % len(body) + body + b"\r\n"  # and no end: the limit must not wait for it
        else:
            head += f"Content-Length: {len(body)}\r\n\r\n"
            data = body
        answer = raw(server.port, head.encode() + data)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b'"The request is too long; expected at most 2 MB; send fewer or smaller photos."' in answer
    assert server.predict(png()).status == 200


def test_guard__a_request_that_dawdles(make_server_with: Callable[..., Server]) -> None:
    server = make_server_with(Settings(limits=Limits(upload_seconds=0.3)))
    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
    answer = raw(server.port, head + b"Content-Length: 99\r\n\r\nx")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"too_slow"' in answer
    assert b"The request did not arrive in 0.3 seconds; send less, or faster." in answer


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
def test_guard__a_head_that_never_comes(make_server_with: Callable[..., Server], sent: bytes) -> None:
    server = make_server_with(Settings(limits=Limits(upload_seconds=0.3)))
    start = time.monotonic()
    assert raw(server.port, sent) == b""
    assert time.monotonic() - start < 20


def test_guard__a_second_head_that_never_comes(make_server_with: Callable[..., Server]) -> None:
    server = make_server_with(Settings(limits=Limits(upload_seconds=0.3)))
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536).endswith(b'{"status":"ok"}')
        connection.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        assert connection.recv(65536) == b""


def test_guard__too_much_at_once(make_server_with: Callable[..., Server]) -> None:
    server = make_server_with(Settings(limits=Limits(held=1_000)))
    answer = server.predict(bytes(2_000))
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "busy", "1")
    assert answer.json["message"] == "Too many requests at once; try again in a second."
    assert server.predict(b"x").status == 415  # what was held was let go


def test_guard__more_photos_than_may_wait(make_server_with: Callable[..., Server]) -> None:
    server = make_server_with(Settings(limits=Limits(waiting=2)))
    answer = server.predict(*[png()] * 3)
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "busy", "1")
    assert "photos are waiting; expected at most 2; try again in a second." in answer.json["message"]


def test_guard__photos_that_are_not_read_in_time(make_server_with: Callable[..., Server]) -> None:
    server = make_server_with(Settings(limits=Limits(answer_seconds=0)))
    answer = server.predict(png())
    assert (answer.status, answer.json["message"]) == (
        503,
        "The photos were not read in time; try again later.",
    )


def test_server__too_many_connections(make_server_with: Callable[..., Server]) -> None:
    server = make_server_with(Settings(limits=Limits(connections=3)))
    others = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
    try:
        time.sleep(0.2)
        answer = raw(server.port, b"")
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"Too many connections; try again in a second." in answer
    finally:
        for other in others:
            other.close()


def test_server__a_head_without_end(server: Server) -> None:
    answer = raw(server.port, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: " + b"a" * 70_000)
    assert answer.startswith(b"HTTP/1.1 431")
    assert b"The request's head is too long." in answer


def test_server__what_is_no_http(server: Server) -> None:
    assert raw(server.port, b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_errors__are_problems_everywhere(server: Server) -> None:
    nothing = server.ask("GET", "/nothing")
    assert (nothing.status, nothing.json) == (
        404,
        {
            "code": "not_found",
            "message": "There is nothing at this address; the API is described at /openapi.json.",
        },
    )
    wrong = server.ask("PUT", "/v1/predict")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert wrong.json == {
        "code": "method_not_allowed",
        "message": "This address does not take this method; see the Allow header.",
    }


@pytest.mark.parametrize(
    "path", ["/../settings.py", "/%2e%2e/settings.py", "/..%2fsettings.py", "//etc/passwd", "/%00"]
)
def test_page__gives_no_file_but_its_own(server: Server, path: str) -> None:
    assert server.ask("GET", path).status == 404
