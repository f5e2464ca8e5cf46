"""``/healthz``, ``/readyz`` and ``/metrics``: for whoever watches over the server."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from pydantic import BaseModel

from handshape.serve.engine import Engine
from handshape.serve.errors import documented, problem_response
from handshape.serve.stream import Streams

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_PHOTOS = (1, 2, 3, 4, 6, 8)


class Metrics:
    """What is counted, in a registry of its own.

    Args:
        engine: Whose queue is looked at.
        streams: Whose number is told.
    """

    def __init__(self, engine: Engine, streams: Streams) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.requests = Counter(
            "handshape_requests", "Requests answered.", ("route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "handshape_request_seconds",
            "Time from a request's head to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.rejected = Counter(
            "handshape_rejected", "Requests refused, by code.", ("code",), registry=self.registry
        )
        self._batch = Histogram(
            "handshape_batch_photos", "Photos read at once.", buckets=_PHOTOS, registry=self.registry
        )
        self._run = Histogram(
            "handshape_batch_seconds", "Time of the network.", buckets=_SECONDS, registry=self.registry
        )
        engine.on_batch = self.count_batch
        self.registry.register(_EngineCollector(engine, streams))

    def count_batch(self, photos: int, seconds: float) -> None:
        """Add a batch to what is counted."""
        self._batch.observe(photos)
        self._run.observe(seconds)


class _EngineCollector(Collector):
    """What the engine can tell when it is asked."""

    def __init__(self, engine: Engine, streams: Streams) -> None:
        self._engine, self._streams = engine, streams

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily("handshape_waiting_photos", "Photos that wait.", self._engine.depth)
        yield GaugeMetricFamily("handshape_streams", "Open streams.", self._streams.open)


class StatusBody(BaseModel):
    """That all is well.

    Args:
        status: ``ok``.
    """

    status: str


def health_routes(engine: Engine, metrics: Metrics) -> APIRouter:
    """Return the routes for whoever watches over the server."""
    router = APIRouter()

    @router.get("/healthz", summary="Is the server alive?", responses=documented(403))
    async def healthz() -> StatusBody:
        return StatusBody(status="ok")

    @router.get(
        "/readyz", summary="Does it read photos?", response_model=StatusBody, responses=documented(403, 503)
    )
    async def readyz() -> Response:
        if engine.ready:
            return JSONResponse({"status": "ok"})
        return problem_response(503, "The server is stopping.", {"Retry-After": "5"})

    @router.get(
        "/metrics",
        summary="Counts and times for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **documented(401, 403)},
    )
    async def metrics_text() -> Response:
        return Response(
            generate_latest(metrics.registry), media_type="text/plain; version=0.0.4; charset=utf-8"
        )

    return router
