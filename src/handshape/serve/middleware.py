"""What every request passes: access, limits of size and time, security headers, counting."""

import asyncio
import time
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handshape.serve.access import COOKIE, Access
from handshape.serve.errors import CODES, Problem, problem_response
from handshape.serve.health import Metrics
from handshape.serve.settings import Limits

_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; manifest-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": _CONTENT_POLICY,
        "permissions-policy": "camera=(self), microphone=(), geolocation=()",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-store",
    }.items()
]
_LINGER_BYTES, _LINGER_SECONDS = 50_000_000, 2.0


class Guard:
    """Wraps an application.

    Args:
        app: What answers the requests that are let through.
        access: Who is let in.
        limits: How much may be asked.
        metrics: What is counted.
        secure: Whether the server speaks https, so that its cookie must.
    """

    def __init__(
        self, app: ASGIApp, access: Access, limits: Limits, metrics: Metrics, *, secure: bool = False
    ) -> None:
        self._app, self._access, self._limits, self._metrics = app, access, limits, metrics
        self._secure, self.held = secure, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["type"] == "websocket":
            refusal = self._access.refusal("WEBSOCKET", scope["path"], headers)
            app = self._app if refusal is None else problem_response(*refusal)
            await app(scope, receive, send)
            return
        exchange = _Exchange(self, scope, headers, receive, send)
        try:
            await self._answer(scope, headers, exchange)
        finally:
            self.held -= exchange.received
            exchange.count(self._metrics)

    async def _answer(self, scope: Scope, headers: dict[str, str], exchange: "_Exchange") -> None:
        app = self._app
        refusal = self._access.refusal(scope["method"], scope["path"], headers)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        known = refusal is None or refusal[0] == 401  # by host and origin
        if known and scope["path"] == "/" and self._access.is_token(given):
            app = _Welcome(self._access.cookie, secure=self._secure)
        elif refusal is not None:
            extra = {"WWW-Authenticate": "Bearer"} if refusal[0] == 401 else None
            app = problem_response(*refusal, extra)
        await app(scope, exchange.receive, exchange.send)


class _Exchange:
    """One request and its answer."""

    def __init__(
        self, guard: Guard, scope: Scope, headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        self._guard, self._scope, self._receive, self._send = guard, scope, receive, send
        self._limits = guard._limits
        self._start = time.perf_counter()
        self._deadline = asyncio.get_running_loop().time() + self._limits.upload_seconds
        self._declared = headers.get("content-length", "")
        self._ended = not (self._declared.strip("0") or "transfer-encoding" in headers)
        self._status, self.received = 500, 0

    async def receive(self) -> Message:
        """Receive a piece of the body, unless the whole is too long or too slow."""
        if self._ended:
            return await self._receive()
        if self._declared.isdigit() and int(self._declared) > self._limits.body:
            raise self._too_long()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            seconds = f"{self._limits.upload_seconds:g} seconds"
            raise Problem(408, f"The request did not arrive in {seconds}; send less, or faster.") from error
        size = len(message.get("body", b""))
        self.received += size
        self._guard.held += size
        self._ended = not message.get("more_body", False)
        if self.received > self._limits.body:
            raise self._too_long()
        if self._guard.held > self._limits.held:
            raise Problem(503, "Too many requests at once; try again in a second.", {"Retry-After": "1"})
        return message

    async def send(self, message: Message) -> None:
        """Send a piece of the answer; where the request was not read to its end, take leave slowly."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message = {**message, "headers": [*_merged(message["headers"])]}
            if not self._ended:
                message["headers"].append((b"connection", b"close"))
        elif not self._ended and not message.get("more_body", False):
            # Closing on a client that is still sending would make it miss the answer.
            await self._send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    def count(self, metrics: Metrics) -> None:
        """Add this exchange to what is counted."""
        route = self._scope.get("route")
        path = getattr(route, "path", "page" if self._status < 400 else "other")
        metrics.requests.labels(path, str(self._status)).inc()
        metrics.seconds.labels(path).observe(time.perf_counter() - self._start)
        if self._status >= 400:
            metrics.rejected.labels(CODES.get(self._status, "other")).inc()

    async def _drain(self) -> None:
        left = _LINGER_BYTES
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while left > 0 and not self._ended:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self._ended = not message.get("more_body", False)
        except TimeoutError:
            self._ended = True

    def _too_long(self) -> Problem:
        limit = f"{self._limits.body // 1_000_000} MB"
        return Problem(
            413, f"The request is too long; expected at most {limit}; send fewer or smaller photos."
        )


class _Welcome:
    """Trades the token of the printed link for a cookie and shows the page without it in its address."""

    def __init__(self, cookie: str, *, secure: bool) -> None:
        self._cookie = f"{COOKIE}={cookie}; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000"
        self._cookie += "; Secure" if secure else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"location", b"/"), (b"set-cookie", self._cookie.encode()), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _merged(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    named = {name for name, _ in headers}
    return [*headers, *(pair for pair in _HEADERS if pair[0] not in named)]
