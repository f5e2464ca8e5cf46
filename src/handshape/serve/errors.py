"""Errors as a client reads them: a status, a code that stays the same, and a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from handshape.errors import (
    BusyError,
    HandshapeError,
    ImageError,
    ImageFormatError,
    ImageSizeError,
    NoRecogniserError,
    OutputError,
    UnknownPhotoError,
)

CODES = {
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
    500: "internal",
    503: "busy",
}
_SENTENCES = {
    404: "There is nothing at this address; the API is described at /openapi.json.",
    405: "This address does not take this method; see the Allow header.",
}


class ProblemBody(BaseModel):
    """What went wrong.

    Args:
        code: One word for programs; it stays the same.
        message: A sentence for people: what was wrong, what was expected, what to do.
    """

    code: str
    message: str


class Problem(HTTPException):
    """A request that cannot be answered.

    Args:
        status: HTTP status, one of `CODES`.
        message: What was wrong, what was expected, what to do.
        headers: Added to the answer.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, dict(headers or {}))


def problem_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the answer that tells a problem."""
    code = CODES.get(status, "bad_request" if status < 500 else "internal")
    return JSONResponse({"code": code, "message": message}, status, headers)


def problem_of(error: HandshapeError) -> Problem:
    """Return what a client is told of an error of handshape's."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 422)
    headers = {"Retry-After": "1"} if status == 503 else None
    return Problem(status, f"{str(error)[0].upper()}{str(error)[1:]}.", headers)


_STATUSES: tuple[tuple[type[HandshapeError], int], ...] = (
    (BusyError, 503),
    (OutputError, 503),
    (NoRecogniserError, 409),
    (UnknownPhotoError, 404),
    (ImageSizeError, 413),
    (ImageFormatError, 415),
    (ImageError, 422),
)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return these problems as the OpenAPI document lists them."""
    return {
        status: {"model": ProblemBody, "description": CODES[status].replace("_", " ")} for status in statuses
    }


def handle_problems(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Make every error of an application a problem.

    Args:
        app: The application.
        routes: Its routes.
    """

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        if error.status_code == 405 and (methods := _methods_at(routes, request)):
            error.headers = {"Allow": ", ".join(methods)}
        message = (
            error.detail if isinstance(error, Problem) else _SENTENCES.get(error.status_code, error.detail)
        )
        return problem_response(error.status_code, message, error.headers)

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        return problem_response(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}.")

    async def ours(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HandshapeError)
        found = problem_of(error)
        return problem_response(found.status_code, found.detail, found.headers)

    async def internal(_: Request, error: Exception) -> JSONResponse:
        return problem_response(500, "The server failed; its log says why.")

    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HandshapeError, ours)
    app.add_exception_handler(Exception, internal)


def _methods_at(routes: Sequence[BaseRoute], request: Request) -> list[str]:
    """Return the methods that an address takes; a route alone knows only its own."""
    here = [route for route in routes if route.matches(request.scope)[0] != Match.NONE]
    return sorted({method for route in here for method in getattr(route, "methods", ())})
