"""``/healthz``, ``/readyz`` and ``/metrics``."""

from fastapi import FastAPI, Response
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from starlette.types import Scope

from handshape.serve.errors import ERROR_CODES, HttpError, documented
from handshape.serve.prediction_queue import PredictionQueue
from handshape.serve.stream import Streams

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class ServerMetrics:
    """Prometheus metrics of one server, in a registry of their own."""

    def __init__(self, queue: PredictionQueue, streams: Streams) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        labels = "route", "status"
        self._requests = Counter("handshape_requests", "Requests answered.", labels, registry=registry)
        self._seconds = Histogram(
            "handshape_request_seconds",
            "Time from the head of a request to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._rejected = Counter(
            "handshape_rejected", "Requests refused, by code.", ("code",), registry=registry
        )
        run = Histogram(
            "handshape_photo_seconds", "Time to predict a photo.", buckets=_SECONDS, registry=registry
        )
        waiting = Gauge("handshape_waiting_photos", "Photos in the queue.", registry=registry)
        waiting.set_function(lambda: queue.waiting)
        Gauge("handshape_streams", "Open streams.", registry=registry).set_function(lambda: streams.open)
        queue.on_photo = run.observe

    def count_request(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        route = getattr(scope.get("route"), "path", "page" if status < 400 else "other")
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        if status >= 400:
            self._rejected.labels(ERROR_CODES.get(status, "other")).inc()

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self._registry)


def add_monitoring_routes(app: FastAPI, queue: PredictionQueue, metrics: ServerMetrics) -> None:
    """Add the routes for monitoring."""

    @app.get("/healthz", summary="Whether the server is alive", responses=documented(403))
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(
        "/readyz",
        summary="Whether the server predicts photos",
        responses=documented(403, 503),
    )
    async def readyz() -> dict[str, str]:
        if not queue.running:
            raise HttpError(503, "The server is stopping.")
        return {"status": "ok"}

    @app.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **documented(401, 403)},
    )
    async def metrics_text() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
