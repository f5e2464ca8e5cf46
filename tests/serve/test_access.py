import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.serve.conftest import Reply, Server, serving

from handshape.config.serve import ServeConfig
from handshape.errors import UsageError

if TYPE_CHECKING:
    from handshape.serve.access import AccessPolicy
    from handshape.serve.loaded_recogniser import LoadedRecogniser

TOKEN = "correct-horse-battery"
PATHS = [
    ("GET", "/"),
    ("GET", "/v1/model"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("POST", "/v1/predict"),
]


@pytest.fixture(scope="module")
def closed(loaded: "LoadedRecogniser") -> Iterator[Server]:
    """A server that requires a token."""
    from handshape.serve.access import AccessPolicy

    with serving(loaded, AccessPolicy(token=TOKEN)) as running:
        yield running


def policy(**options: object) -> "AccessPolicy":
    """The policy for some options of the command."""
    from handshape.serve.access import AccessPolicy

    return AccessPolicy.of(ServeConfig(bundle=Path("bundle"), **options))  # type: ignore[arg-type]


def is_refused(answer: Reply) -> bool:
    if answer.status != 401:
        return False
    assert answer.error == (401, "token_required")
    return answer.headers["www-authenticate"] == "Bearer"


def test_token__without_it_only_health_is_shown(closed: Server) -> None:
    assert all(is_refused(closed.ask(method, path)) for method, path in PATHS)
    assert closed.ask("GET", "/healthz").json == closed.ask("GET", "/readyz").json == {"status": "ok"}


@pytest.mark.parametrize(
    "given",
    [
        *("Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer"),
        *(f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer \xe9"),
    ],
)
def test_token__a_wrong_one(closed: Server, given: str) -> None:
    assert is_refused(closed.ask("GET", "/v1/model", Authorization=given))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_token__the_right_one(closed: Server, scheme: str) -> None:
    assert closed.ask("GET", "/v1/model", Authorization=f"{scheme} {TOKEN}").status == 200


def test_token__the_link_gives_the_page_a_cookie(closed: Server) -> None:
    welcome = closed.ask("GET", f"/?token={TOKEN}")
    assert (welcome.status, welcome.headers["location"]) == (303, "/")
    cookie = welcome.headers["set-cookie"]
    assert "httponly" in cookie.lower() and "samesite=strict" in cookie.lower() and TOKEN not in cookie
    named = cookie.split(";")[0]
    assert closed.ask("GET", "/v1/model", Cookie=named).status == 200
    assert closed.ask("GET", "/", Cookie=f"other=1; {named}").status == 200
    assert is_refused(closed.ask("GET", "/v1/model", Cookie=named[:-1]))
    assert is_refused(closed.ask("GET", "/v1/model", Cookie=f"handshape={TOKEN}"))


def test_token__the_link_works_only_for_the_page_and_only_when_right(closed: Server) -> None:
    assert is_refused(closed.ask("GET", f"/v1/model?token={TOKEN}"))
    assert is_refused(closed.ask("GET", "/?token=wrong"))


def test_token__none_is_required_by_default(server: Server) -> None:
    assert server.ask("GET", "/?token=whatever").status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *[(name, 200) for name in ("localhost", "LOCALHOST:80", "[::1]:8321", "127.0.0.1")],
        *[(name, 403) for name in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example")],
        *[(name, 403) for name in ("192.168.0.7", "[::1", "")],
    ],
)
def test_host__only_the_servers_own(server: Server, host: str, status: int) -> None:
    answer = server.ask("GET", "/v1/model", Host=host)
    assert answer.status == status
    assert status == 200 or answer.error == (403, "forbidden")


def test_host__any_ip_address_but_no_unknown_name() -> None:
    from handshape.serve.access import AccessPolicy

    access = AccessPolicy(names=frozenset({"pi.local"}), any_address=True)
    assert access.refusal("GET", "/", {"host": "192.168.0.7:8321"}) is None
    assert access.refusal("GET", "/", {"host": "pi.local"}) is None
    assert access.refusal("GET", "/", {"host": "evil.example"}) is not None


@pytest.mark.parametrize(
    "headers",
    [
        *[{"Origin": origin} for origin in ("http://evil.example", "null", "http://localhost:1", "http://[")],
        {"Origin": "file://"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
)
def test_origin__pages_of_other_sites_send_nothing(server: Server, headers: dict[str, str]) -> None:
    assert server.ask("POST", "/v1/predict", b"", **headers).error == (403, "forbidden")


def test_origin__the_own_page_does(server: Server) -> None:
    assert server.ask("POST", "/v1/predict", b"", Origin=f"http://{server.authority}").status == 422


def test_origin__nothing_is_shared_with_other_sites(server: Server) -> None:
    for method, path, status in (("GET", "/v1/model", 200), ("OPTIONS", "/v1/predict", 405)):
        answer = server.ask(method, path, Origin="http://evil.example")
        assert answer.status == status
        assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"])
def test_policy__this_machine_alone_needs_no_token(host: str) -> None:
    access = policy(host=host)
    assert access.token is None and not access.any_address
    assert access.names == {"localhost", "127.0.0.1", "::1"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "pi.example", "localhost.evil.example"])
def test_policy__elsewhere_a_new_token(host: str) -> None:
    first, second = policy(host=host), policy(host=host)
    assert first.token and second.token and len(first.token) >= 32 and first.token != second.token
    assert first.any_address and first.token not in repr(first)
    assert {socket.gethostname().lower(), host} <= first.names


def test_policy__names_of_a_proxy_require_a_token() -> None:
    access = policy(allow_hosts="Signs.example, b.example")
    assert access.token and {"signs.example", "b.example"} <= access.names


def test_policy__the_users_own_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("a-token-of-my-file\n")
    monkeypatch.setenv("HANDSHAPE_TOKEN", "a-token-of-the-environment")
    for options, token in (
        ({"token": "a-token-of-my-own"}, "a-token-of-my-own"),
        ({"token_file": file}, "a-token-of-my-file"),
        ({}, "a-token-of-the-environment"),
    ):
        access = policy(**options)
        assert (access.token, access.given) == (token, True)
    assert not policy(host="0.0.0.0", token=TOKEN).opens_page("other")


def test_policy__a_token_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = tmp_path / "short"
    short.write_text("short")
    for options in ({"token_file": short}, {"token_file": tmp_path / "none"}, {"token": "short"}):
        with pytest.raises(UsageError):
            policy(**options)
    with pytest.raises(UsageError):
        policy(token=TOKEN, token_file=short)
    monkeypatch.setenv("HANDSHAPE_TOKEN", "short")
    with pytest.raises(UsageError, match="HANDSHAPE_TOKEN"):
        policy()


def test_ticket__opens_the_page_once() -> None:
    from handshape.serve.access import AccessPolicy

    access = AccessPolicy(token=TOKEN)
    ticket = access.new_ticket()
    assert [access.opens_page(ticket) for _ in range(2)] == [True, False]
