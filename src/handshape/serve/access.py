"""Who is let in: by host name, by origin, by token."""

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from handshape.serve.settings import Settings

COOKIE = "handshape"
# Whether the server lives is nobody's secret, and watchers carry no token.
OPEN = frozenset({"/healthz", "/readyz"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Access:
    """Decides about requests by their headers alone.

    Args:
        settings: Token and host names.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._token = settings.token.encode() if settings.token else None
        # The browser keeps this instead of the token; it changes with the token and cannot be turned back.
        self.cookie = hmac.new(self._token, b"page", hashlib.sha256).hexdigest() if self._token else ""

    def refusal(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Return status and sentence for a request that is not let in.

        Args:
            method: ``WEBSOCKET`` for one that opens a stream.
            path: Path of the request.
            headers: By lower-case name.
        """
        host = headers.get("host", "")
        if not self._is_known(host):
            return 403, (
                f"This server is not known as {host[:100]!r}; use its address as it was printed, or start it "
                "with --allow-hosts."
            )
        origin = headers.get("origin")
        if origin is not None and method not in _SAFE and _authority(origin) != host.lower():
            return (
                403,
                f"Requests from pages of {origin[:100]!r} are not answered; use this server's own page.",
            )
        if headers.get("sec-fetch-site") == "cross-site" and method not in _SAFE:
            return 403, "Requests from other sites' pages are not answered; use this server's own page."
        if self._token is None or path in OPEN or self._is_in(headers):
            return None
        return 401, (
            "A token is required; open the link that was printed when the server started, or send the header "
            "'Authorization: Bearer TOKEN'."
        )

    def is_token(self, given: str) -> bool:
        """Return whether a token is the right one, in a time that does not say how much of it is right."""
        return self._token is not None and hmac.compare_digest(given.encode(), self._token)

    def _is_in(self, headers: Mapping[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(given.strip()):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and hmac.compare_digest(cookie.value.encode(), self.cookie.encode())

    def _is_known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if not name:
            return False
        return name in self._settings.names or (self._settings.any_address and _is_address(name))


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
