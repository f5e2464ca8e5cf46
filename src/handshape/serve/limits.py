"""Limits of what clients may ask of a server."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of one request and of all together.

    Args:
        body: Bytes of one request, or of one frame of a stream.
        photos: Photos of one request.
        waiting: Photos in the prediction queue; further requests are refused.
        held: Bytes of all requests in memory at once.
        connections: Open connections.
        streams: Open streams of frames.
        upload_seconds: Time for a request to arrive.
        answer_seconds: Time for its photos to be predicted.
        idle_seconds: Time without a frame after which a stream is closed.
    """

    body: int = 10_000_000
    photos: int = 100
    waiting: int = 256
    held: int = 200_000_000
    connections: int = 256
    streams: int = 32
    upload_seconds: float = 20.0
    answer_seconds: float = 30.0
    idle_seconds: float = 120.0
