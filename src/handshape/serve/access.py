"""Access control: by host name, by origin, by token."""

import hashlib
import hmac
import ipaddress
import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Self
from urllib.parse import urlsplit

from handshape.config.serve import ServeConfig
from handshape.serve.errors import HttpError

COOKIE = "handshape"
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
# Monitoring carries no token, and that the server is alive is no secret.
_WITHOUT_TOKEN = frozenset({"/healthz", "/readyz"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class AccessPolicy:
    """Allows or refuses requests by their headers.

    Args:
        token: Secret that requests must carry, or None where none is required.
        names: Host names under which the server may be addressed, in lower case.
        any_address: Whether it may be addressed by any IP address too.
        given: Whether the user gave the token, and so knows it.
    """

    token: str | None = field(default=None, repr=False)
    names: frozenset[str] = _LOCAL_NAMES
    any_address: bool = False
    given: bool = False
    _tickets: set[str] = field(default_factory=set, repr=False, compare=False)

    @classmethod
    def of(cls, config: ServeConfig) -> Self:
        """Return the policy for the options of ``handshape serve``."""
        # Under DNS rebinding a page elsewhere makes its own host name point here and sends that name. So
        # names are allowed one by one; an IP address cannot be rebound.
        names, local = _LOCAL_NAMES, is_loopback(config.host)
        if not local:
            own = socket.gethostname().lower()
            names |= {own, f"{own.split('.')[0]}.local", config.host.lower()}
        names |= {name.strip().lower() for name in (config.allow_hosts or "").split(",") if name.strip()}
        needs_token = not local or config.allow_hosts
        given = config.secret()
        token = given or (secrets.token_urlsafe(24) if needs_token else None)
        return cls(token, names, any_address=not local, given=given is not None)

    @property
    def cookie(self) -> str:
        """Value that the browser keeps instead of the token, which it does not reveal."""
        return hmac.new((self.token or "").encode(), b"page", hashlib.sha256).hexdigest()

    def refusal(self, method: str, path: str, headers: Mapping[str, str]) -> HttpError | None:
        """Return the error for a request that is refused; header names in lower case."""
        host = headers.get("host", "")
        if not self._is_known(host):
            return HttpError(
                403,
                f"This server is not known as {host[:100]!r}; use its address as it was printed, or start it "
                "with --allow-hosts.",
            )
        if method not in _SAFE_METHODS:
            origin = headers.get("origin")
            if origin is not None and _host_of(origin) != host.lower():
                return HttpError(
                    403, f"Requests from pages of {origin[:100]!r} are refused; use this server's own page."
                )
            if headers.get("sec-fetch-site") == "cross-site":
                return HttpError(
                    403, "Requests from pages of other sites are refused; use this server's own page."
                )
        if self.token is None or path in _WITHOUT_TOKEN or self._has_token(headers):
            return None
        return HttpError(
            401,
            "A token is required; open the link that was printed when the server started, or send the header "
            "'Authorization: Bearer TOKEN'.",
        )

    def new_ticket(self) -> str:
        """Return what opens the page once: other users see what a browser is started with."""
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        return ticket

    def opens_page(self, given: str) -> bool:
        """Return whether a link with this secret opens the page; a ticket does so once."""
        if given in self._tickets:
            self._tickets.discard(given)
            return True
        return self._is_token(given)

    def _is_token(self, given: str) -> bool:
        """Compare a token with the right one in constant time."""
        return self.token is not None and hmac.compare_digest(given.encode(), self.token.encode())

    def _has_token(self, headers: Mapping[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(given.strip()):
            return True
        with suppress(CookieError):
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
            return cookie is not None and hmac.compare_digest(cookie.value.encode(), self.cookie.encode())
        return False

    def _is_known(self, host: str) -> bool:
        with suppress(ValueError):
            name = urlsplit(f"//{host}").hostname
            return name in self.names or bool(self.any_address and name and ipaddress.ip_address(name))
        return False


def is_loopback(host: str) -> bool:
    """Return whether only this machine itself reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _host_of(origin: str) -> str:
    with suppress(ValueError):
        return urlsplit(origin).netloc.lower()
    return ""
