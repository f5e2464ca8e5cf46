"""Limits of what clients may ask of a server."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of one request, of one connection, and of all together.

    Args:
        body: Bytes of a request with photos.
        photo: Bytes of a photo for Teach, or of one frame of a stream.
        message: Bytes of a request without photos.
        photos: Photos of one request.
        headers: Headers of one request, trailers included.
        waiting: Photos in the queue; further requests are refused.
        held: Bytes of all requests in memory at once.
        connections: Open connections.
        share: Open connections from one address, except the loopback address.
        streams: Open streams of frames.
        messages: WebSocket messages and parts of messages in a second; more end the stream.
        predictions: Predictions of one stream in a second; frames that come sooner are overtaken.
        downloads: Archives that are made at once.
        upload_seconds: Time for a request to arrive.
        answer_seconds: Time for its photos to be predicted.
        read_seconds: Time for the client to read what it was sent.
        idle_seconds: Time without a frame after which a stream is closed.
    """

    body: int = 10_000_000
    photo: int = 2_000_000
    message: int = 65_536
    photos: int = 100
    headers: int = 100
    waiting: int = 256
    held: int = 100_000_000
    connections: int = 256
    share: int = 64
    streams: int = 32
    messages: int = 500
    predictions: int = 50
    downloads: int = 2
    upload_seconds: float = 20.0
    answer_seconds: float = 30.0
    read_seconds: float = 30.0
    idle_seconds: float = 120.0

    def body_of(self, path: str) -> int:
        """Return how many bytes a request to an address may have."""
        return {"/v1/predict": self.body, "/v1/teach/photos": self.photo}.get(path, self.message)
