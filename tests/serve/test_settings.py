import socket
from pathlib import Path

import pytest

from handshape.config.serve import ServeConfig
from handshape.errors import UsageError
from handshape.serve.settings import is_loopback, settings_of

BUNDLE = Path("bundle")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"])
def test_settings_of__this_machine_alone_needs_no_token(host: str) -> None:
    settings = settings_of(ServeConfig(bundle=BUNDLE, host=host))
    assert settings.token is None and not settings.any_address
    assert settings.names == {"localhost", "127.0.0.1", "::1"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "pi.example"])
def test_settings_of__elsewhere_a_new_token(host: str) -> None:
    first, second = (settings_of(ServeConfig(bundle=BUNDLE, host=host)) for _ in range(2))
    assert first.token and second.token and len(first.token) >= 32 and first.token != second.token
    assert first.any_address
    assert {socket.gethostname().lower(), host} <= first.names


def test_settings_of__names_of_a_proxy_ask_for_a_token() -> None:
    settings = settings_of(ServeConfig(bundle=BUNDLE, allow_hosts="Signs.example, b.example"))
    assert settings.token and {"signs.example", "b.example"} <= settings.names


def test_settings_of__the_users_own_token() -> None:
    settings = settings_of(ServeConfig(bundle=BUNDLE, token="a-token-of-my-own"))
    assert settings.token == "a-token-of-my-own"


def test_is_loopback__a_name_that_only_looks_so() -> None:
    assert not is_loopback("localhost.evil.example") and not is_loopback("0.0.0.0")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 70_000}, "--port 70000; expected a whole number from 0 to 65535; change --port"),
        ({"threads": -1}, "--threads -1; expected a whole number from 0 to 256; change --threads"),
        (
            {"token": "short"},
            "--token is short or not ASCII; expected at least 16 letters and digits; leave it out",
        ),
        ({"token": "ä" * 20}, "--token is short or not ASCII"),
        (
            {"key": Path("k")},
            "one of --certificate and --key; expected both or neither; give the other one as well",
        ),
    ],
)
def test_serve_config__what_cannot_be(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as error:
        ServeConfig(bundle=BUNDLE, **options)  # type: ignore[arg-type]
    assert str(error.value).startswith(message)
