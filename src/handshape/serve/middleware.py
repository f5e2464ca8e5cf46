"""Middleware around every route: access, limits, security headers, metrics, the log of requests."""

import asyncio
import logging
import re
import time
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from handshape.serve.access import COOKIE, AccessPolicy
from handshape.serve.errors import HttpError
from handshape.serve.limits import Limits
from handshape.serve.monitoring import ServerMetrics
from handshape.serve.request_log import REQUEST_ID, log_request, new_request_id

_SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; manifest-src 'self'; "
        "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_DRAIN_BYTES, _DRAIN_SECONDS = 50_000_000, 2.0
# What a proxy may send, so that its log and this one name a request alike.
_REQUEST_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
LEFT = 499
"""Status of a request whose client has left before the answer; nobody receives it."""


class RequestMiddleware:
    """Refuses requests without access, limits those that have it, secures, counts and logs all answers.

    Args:
        app: Answers the requests that are allowed.
        access: Decides who has access.
        limits: Limits of requests.
        metrics: Counts requests.
        secure: Whether the server speaks https; its cookie is then sent over https only.
    """

    def __init__(
        self, app: ASGIApp, access: AccessPolicy, limits: Limits, metrics: ServerMetrics, *, secure: bool
    ) -> None:
        self._app, self._access, self.limits, self._metrics = app, access, limits, metrics
        self._secure, self.held = secure, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        REQUEST_ID.set(given if _REQUEST_ID.fullmatch(given) else new_request_id())
        exchange = _Exchange(self, scope, headers, receive, send)
        level, message, failure = logging.INFO, "request", None
        try:
            if scope["type"] == "websocket":
                message = "stream"
                refusal = self._access.refusal("WEBSOCKET", scope["path"], headers)
                await (refusal.response() if refusal else self._app)(scope, receive, exchange.send)
            else:
                await self._answer(scope, headers, exchange)
        except (ClientDisconnect, WebSocketDisconnect):
            exchange.status, level, message = LEFT, logging.WARNING, "the client left before its answer"
        except asyncio.CancelledError:
            level, message = logging.WARNING, "the server ended before its answer"
            await exchange.fail(HttpError(503, "The server is stopping."))
        except Exception as error:
            level, message, failure = logging.ERROR, "the server failed", error
            await exchange.fail(HttpError(500, "The server failed; its log says why."))
        finally:
            self.held -= exchange.received
            seconds = time.perf_counter() - exchange.start
            if scope["type"] == "http":
                self._metrics.count_request(scope, exchange.status, seconds)
            log_request(
                level,
                message,
                method=scope.get("method", "WEBSOCKET"),
                path=scope["path"],
                status=exchange.status,
                seconds=seconds,
                address=scope["client"][0] if scope.get("client") else "",
                failure=failure,
            )

    async def _answer(self, scope: Scope, headers: Headers, exchange: "_Exchange") -> None:
        app = self._app
        refusal = self._access.refusal(scope["method"], scope["path"], headers)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        host_allowed = refusal is None or refusal.status_code == 401
        if host_allowed and scope["path"] == "/" and self._access.opens_page(given):
            app = self._cookie_instead_of_token()
        elif refusal is not None:
            app = refusal.response()
        await app(scope, exchange.receive, exchange.send)

    def _cookie_instead_of_token(self) -> Response:
        """Set the cookie, and show the page without the token in its address."""
        response = Response(status_code=303, headers={"location": "/"})
        month = 30 * 24 * 3600
        response.set_cookie(
            COOKIE, self._access.cookie, month, secure=self._secure, httponly=True, samesite="strict"
        )
        return response


_STARTS = {"http.response.start", "websocket.http.response.start", "websocket.accept"}


class _Exchange:
    """One request with its answer."""

    def __init__(
        self, middleware: RequestMiddleware, scope: Scope, headers: Headers, receive: Receive, send: Send
    ) -> None:
        self._middleware, self._receive, self._send = middleware, receive, send
        self._limits, self._scope, self._started = middleware.limits, scope, False
        self._most = self._limits.body_of(scope["path"])
        self._deadline = asyncio.get_running_loop().time() + self._limits.upload_seconds
        self._declared = headers.get("content-length", "")
        self._ended = not (self._declared.strip("0") or "transfer-encoding" in headers)
        self.start, self.status, self.received = time.perf_counter(), 500, 0

    async def receive(self) -> Message:
        """Receive a piece of the body, unless the whole is too long or too slow."""
        if self._ended:
            return await self._receive()
        if self._declared.isdigit() and int(self._declared) > self._most:
            raise self._too_long()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            seconds = f"{self._limits.upload_seconds:g} seconds"
            raise HttpError(408, f"The request did not arrive in {seconds}; send less, or faster.") from error
        size = len(message.get("body", b""))
        self.received += size
        self._middleware.held += size
        self._ended = not message.get("more_body", False)
        if self.received > self._most:
            raise self._too_long()
        if self._middleware.held > self._limits.held:
            raise HttpError(503, "Too many requests at once; try again in a second.")
        return message

    async def send(self, message: Message) -> None:
        """Send a piece of the answer, with the security headers."""
        if message["type"] in _STARTS:
            self.status, self._started = message.get("status", 101), True
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = REQUEST_ID.get()
            for name, value in _SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if not self._ended:
                headers["connection"] = "close"
        elif (
            message["type"] == "http.response.body"
            and not self._ended
            and not message.get("more_body", False)
        ):
            # A client that is still sending would miss the answer if the connection closed at once.
            await self._send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def fail(self, error: HttpError) -> None:
        """Answer with an error, unless an answer was begun."""
        self.status = error.status_code
        if not self._started and self._scope["type"] == "http":
            await error.response()(self._scope, self.receive, self.send)

    async def _drain(self) -> None:
        left = _DRAIN_BYTES
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while left > 0 and not self._ended:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self._ended = not message.get("more_body", False)
        except TimeoutError:
            self._ended = True

    def _too_long(self) -> HttpError:
        return HttpError(
            413, f"The request is too long; expected at most {self._most:,} bytes; send less at once."
        )
