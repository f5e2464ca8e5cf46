"""HTTP errors: a status, a code for programs that stays the same, and a message for people."""

from typing import Any, Self

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from handshape.errors import (
    BusyError,
    HandshapeError,
    ImageError,
    ImageFormatError,
    ImageSizeError,
    NoRecogniserError,
    OutputError,
    TrainingError,
    UnknownPhotoError,
)
from handshape.serve.request_log import REQUEST_ID

ERROR_CODES = {
    400: "bad_request",
    401: "token_required",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    409: "no_recogniser",
    413: "too_large",
    415: "unsupported_format",
    422: "unreadable",
    431: "head_too_long",
    500: "internal",
    503: "busy",
}
_STATUSES: tuple[tuple[type[HandshapeError], int], ...] = (
    (BusyError, 503),
    (OutputError, 503),
    (NoRecogniserError, 409),
    (TrainingError, 500),
    (UnknownPhotoError, 404),
    (ImageSizeError, 413),
    (ImageFormatError, 415),
    (ImageError, 422),
)
_MESSAGES = {
    404: "There is nothing at this address. The API is described at /openapi.json.",
    405: "This address does not accept this method. The Allow header lists those it accepts.",
}
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}


class ErrorBody(BaseModel):
    """An error.

    Args:
        code: One word for programs; it stays the same between versions.
        message: A sentence for people: what was wrong, what was expected, what to do.
        request_id: The answer's ``X-Request-ID``, by which the log names the request.
    """

    code: str
    message: str
    request_id: str


class HttpError(HTTPException):
    """A request that cannot be answered: an HTTP status and a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message, _HEADERS.get(status))

    @classmethod
    def of(cls, error: HandshapeError) -> Self:
        """Return the HTTP error for an error of handshape."""
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 422)
        text = str(error)
        return cls(status, f"{text[0].upper()}{text[1:]}.")

    def body(self) -> dict[str, str]:
        """Return code and message, as JSON."""
        fallback = "bad_request" if self.status_code < 500 else "internal"
        return {"code": ERROR_CODES.get(self.status_code, fallback), "message": self.detail}

    def response(self, request_id: str | None = None) -> JSONResponse:
        """Return the HTTP response.

        Args:
            request_id: Identifier of the request; by default that of the request that is answered.
        """
        identifier = request_id or REQUEST_ID.get()
        headers = {**(self.headers or {}), "X-Request-ID": identifier}
        return JSONResponse({**self.body(), "request_id": identifier}, self.status_code, headers)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return these errors as the OpenAPI document lists them."""
    return {
        status: {"model": ErrorBody, "description": ERROR_CODES[status].replace("_", " ")}
        for status in statuses
    }


def handle_errors(app: FastAPI) -> None:
    """Answer every error of an application as an `HttpError`."""

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        if not isinstance(error, HttpError):
            error = HttpError(error.status_code, _MESSAGES.get(error.status_code, error.detail))
        response = error.response()
        if error.status_code == 405 and (methods := _methods_at(app, request)):
            response.headers["Allow"] = ", ".join(methods)
        return response

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return HttpError(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}.").response()

    @app.exception_handler(HandshapeError)
    async def known(_: Request, error: HandshapeError) -> JSONResponse:
        return HttpError.of(error).response()


def _methods_at(app: FastAPI, request: Request) -> list[str]:
    """Return the methods of all routes at an address; Starlette lists only those of the first route."""
    here = [route for route in app.routes if route.matches(request.scope)[0] != Match.NONE]
    return sorted({method for route in here for method in getattr(route, "methods", ())})
