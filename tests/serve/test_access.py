from collections.abc import Callable

import pytest
from tests.serve.conftest import Reply, Server

from handshape.serve.access import Access
from handshape.serve.settings import Settings

TOKEN = "correct-horse-battery"


@pytest.fixture
def closed(make_server_with: Callable[..., Server]) -> Server:
    """A server that asks for a token."""
    return make_server_with(Settings(token=TOKEN))


PATHS = [
    ("GET", "/"),
    ("GET", "/v1/model"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("POST", "/v1/predict"),
]


def is_refused(answer: Reply) -> bool:
    if answer.status != 401:
        return False
    assert answer.json["code"] == "token_required"
    assert answer.json["message"].startswith("A token is required; open the link that was printed")
    assert answer.headers["www-authenticate"] == "Bearer"
    return True


def test_token__without_it_nothing_but_health_is_told(closed: Server) -> None:
    assert all(is_refused(closed.ask(method, path)) for method, path in PATHS)
    assert closed.ask("GET", "/healthz").json == {"status": "ok"}
    assert closed.ask("GET", "/readyz").json == {"status": "ok"}


@pytest.mark.parametrize(
    "given",
    [
        "Bearer wrong",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer \xe9",
    ],
)
def test_token__a_wrong_one(closed: Server, given: str) -> None:
    assert is_refused(closed.ask("GET", "/v1/model", Authorization=given))


def test_token__the_right_one(closed: Server) -> None:
    assert closed.ask("GET", "/v1/model", Authorization=f"Bearer {TOKEN}").status == 200
    assert closed.ask("GET", "/v1/model", Authorization=f"bearer {TOKEN}").status == 200


def test_token__the_link_gives_the_page_a_cookie(closed: Server) -> None:
    welcome = closed.ask("GET", f"/?token={TOKEN}")
    assert (welcome.status, welcome.headers["location"]) == (303, "/")
    cookie = welcome.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie
    named = cookie.split(";")[0]
    assert closed.ask("GET", "/v1/model", Cookie=named).status == 200
    assert closed.ask("GET", "/", Cookie=f"other=1; {named}").status == 200
    assert is_refused(closed.ask("GET", "/v1/model", Cookie=named[:-1]))
    assert is_refused(closed.ask("GET", "/v1/model", Cookie=f"handshape={TOKEN}"))


def test_token__the_link_works_only_for_the_page_and_only_when_right(closed: Server) -> None:
    assert is_refused(closed.ask("GET", f"/v1/model?token={TOKEN}"))
    assert is_refused(closed.ask("GET", "/?token=wrong"))


def test_token__none_is_asked_for_by_default(server: Server) -> None:
    assert server.ask("GET", "/?token=whatever").status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:80", 200),
        ("[::1]:8321", 200),
        ("127.0.0.1", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("192.168.0.7", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
def test_host__only_the_servers_own(server: Server, host: str, status: int) -> None:
    answer = server.ask("GET", "/v1/model", Host=host)
    assert answer.status == status
    if status == 403:
        assert answer.json["code"] == "forbidden"
        assert answer.json["message"].startswith(f"This server is not known as {host!r}; use its address")


def test_host__any_address_in_digits_but_no_strange_name() -> None:
    access = Access(Settings(names=frozenset({"pi.local"}), any_address=True))
    assert access.refusal("GET", "/", {"host": "192.168.0.7:8321"}) is None
    assert access.refusal("GET", "/", {"host": "pi.local"}) is None
    assert access.refusal("GET", "/", {"host": "evil.example"}) is not None


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "http://[", "file://"]
)
def test_origin__other_sites_pages_send_nothing(server: Server, origin: str) -> None:
    answer = server.ask("POST", "/v1/predict", b"", Origin=origin)
    assert answer.status == 403
    assert answer.json["message"] == (
        f"Requests from pages of {origin!r} are not answered; use this server's own page."
    )


def test_origin__the_own_page_does(server: Server) -> None:
    assert server.ask("POST", "/v1/predict", b"", Origin=f"http://{server.authority}").status == 422


def test_origin__a_browser_that_says_cross_site(server: Server) -> None:
    answer = server.ask("POST", "/v1/predict", b"", Sec_Fetch_Site="cross-site")
    assert answer.status == 403
    assert answer.json["message"] == (
        "Requests from other sites' pages are not answered; use this server's own page."
    )


def test_origin__nothing_is_shared_with_other_sites(server: Server) -> None:
    answer = server.ask("GET", "/v1/model", Origin="http://evil.example")
    assert not any(name.startswith("access-control") for name in answer.headers)
    preflight = server.ask("OPTIONS", "/v1/predict", Origin="http://evil.example")
    assert preflight.status == 405
    assert not any(name.startswith("access-control") for name in preflight.headers)
