"""The web application: routes, the page, and the guard before them."""

from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from handshape.serve.about import about_routes
from handshape.serve.access import Access
from handshape.serve.engine import Engine
from handshape.serve.errors import handle_problems
from handshape.serve.health import Metrics, health_routes
from handshape.serve.middleware import Guard
from handshape.serve.predict import predict_routes
from handshape.serve.settings import Settings
from handshape.serve.stream import Streams
from handshape.serve.teach.routes import teach_routes
from handshape.serve.teach.teacher import Teacher

PAGE = Path(__file__).with_name("page")
_DESCRIPTION = (
    "Reads hand signs in photos with one recogniser, on this machine. Errors are JSON with a `code` for "
    "programs and a `message` for people. Camera frames go over the WebSocket `/v1/stream`: JPEG, PNG or "
    'WebP as binary messages, and {"mirrored": true} as text before mirror images; each answer carries the '
    "`sequence` of its frame, and a frame that is overtaken by a newer one is not answered."
)


def create_app(
    engine: Engine, settings: Settings, *, teacher: Teacher | None = None, secure: bool = False
) -> FastAPI:
    """Make the application for one server.

    Args:
        engine: What reads photos; closed by whoever made it.
        settings: Who may use the server, and how much of it.
        teacher: What teaches new signs; without one there is no Teach.
        secure: Whether it is served over https.

    Returns:
        An ASGI application.
    """
    app = FastAPI(
        title="handshape",
        version=version("handshape"),
        description=_DESCRIPTION,
        docs_url=None,  # the usual documentation page loads its scripts from elsewhere
        redoc_url=None,
    )
    streams = Streams(engine, settings.limits)
    metrics = Metrics(engine, streams)
    routers = [
        predict_routes(engine, settings.limits),
        about_routes(engine, settings.limits),
        health_routes(engine, metrics),
        *([] if teacher is None else [teach_routes(teacher)]),
    ]
    for router in routers:
        app.include_router(router)
    app.add_api_websocket_route("/v1/stream", streams.serve)
    app.router.default = _Page(PAGE)
    handle_problems(app, [route for router in routers for route in router.routes])
    app.add_middleware(Guard, access=Access(settings), limits=settings.limits, metrics=metrics, secure=secure)
    return app


class _Page:
    """The page's files, at every address that no route has; a mount would hide the routes' other methods."""

    def __init__(self, folder: Path) -> None:
        self._files = StaticFiles(directory=folder, html=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).close()
            return
        await self._files(scope, receive, send)
