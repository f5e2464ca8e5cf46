"""The web application: routes, the page, and the middleware before them."""

from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from handshape.serve.access import AccessPolicy
from handshape.serve.errors import handle_errors
from handshape.serve.limits import Limits
from handshape.serve.middleware import RequestMiddleware
from handshape.serve.model_info import add_model_route
from handshape.serve.monitoring import ServerMetrics, add_monitoring_routes
from handshape.serve.phone import Phone
from handshape.serve.predict import add_predict_route
from handshape.serve.prediction_queue import PredictionQueue
from handshape.serve.stream import Streams
from handshape.serve.teach.routes import add_teach_routes
from handshape.serve.teach.teacher import Teacher

PAGE = Path(__file__).with_name("page")
_DESCRIPTION = (
    "Predicts hand signs in photos with one recogniser, on this machine. Errors are JSON with a `code` for "
    "programs and a `message` for people. Camera frames go over the WebSocket `/v1/stream`: JPEG, PNG or "
    'WebP as binary messages, and {"mirrored": true} as text before mirror images. Each answer has the '
    "`sequence` number of its frame; a frame that is overtaken by a newer one is not answered."
)


def create_app(
    queue: PredictionQueue,
    access: AccessPolicy,
    limits: Limits,
    *,
    teacher: Teacher | None = None,
    phone: Phone | None = None,
    secure: bool = False,
) -> FastAPI:
    """Make the application of one server.

    Args:
        queue: Predicts photos; the caller closes it.
        access: Decides which requests are allowed.
        limits: Limits of requests.
        teacher: Trains on photos taken on the page; without one there are no routes for Teach.
        phone: How a phone opens the page, for Teach.
        secure: Whether the application is served over https.
    """
    app = FastAPI(
        title="handshape",
        version=version("handshape"),
        description=_DESCRIPTION,
        docs_url=None,  # FastAPI's documentation page loads scripts from other servers
        redoc_url=None,
    )
    streams = Streams(queue, limits)
    metrics = ServerMetrics(queue, streams)
    add_predict_route(app, queue, limits)
    add_model_route(app, queue, limits)
    add_monitoring_routes(app, queue, metrics)
    if teacher is not None:
        add_teach_routes(app, teacher, limits, phone)
    app.add_api_websocket_route("/v1/stream", streams.serve)
    app.router.default = _Page(PAGE)
    handle_errors(app)
    app.add_middleware(RequestMiddleware, access=access, limits=limits, metrics=metrics, secure=secure)
    return app


class _Page:
    """The page's files, at every address without a route; a mount would hide the routes' other methods."""

    def __init__(self, folder: Path) -> None:
        self._files = StaticFiles(directory=folder, html=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).close()
            return
        await self._files(scope, receive, send)
