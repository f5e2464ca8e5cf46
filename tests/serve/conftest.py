"""A real server on a free port, and a client that sends what it is told and nothing else."""

import http.client
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.conftest import Finished, draw_shape

from handshape.serve.app import create_app
from handshape.serve.engine import Engine
from handshape.serve.reader import Reader, open_reader
from handshape.serve.server import listen, make_server
from handshape.serve.settings import Settings
from handshape.synthetic import draw_image, make_signer


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON."""
        return json.loads(self.body)


@dataclass
class Server:
    """A server that runs."""

    port: int
    engine: Engine
    settings: Settings
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def authority(self) -> str:
        """Host and port, as in a URL."""
        return f"127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send one request; underscores in the names of headers become hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {**self.headers, **named})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    def predict(self, *photos: bytes, query: str = "", name: str = "image", file: str = "hand.png") -> Reply:
        """Send photos as a form."""
        body, kind = form(*((name, file, photo) for photo in photos))
        return self.ask("POST", f"/v1/predict{query}", body, Content_Type=kind)


def form(*parts: tuple[str, str, bytes]) -> tuple[bytes, str]:
    """Return a form of files (field, file name, content) and its content type."""
    lines = b""
    for name, file, content in parts:
        head = f'--frame\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
        lines += (
            head.encode("utf-8", "surrogateescape") + b"Content-Type: image/png\r\n\r\n" + content + b"\r\n"
        )
    return lines + b"--frame--\r\n", "multipart/form-data; boundary=frame"


def png(image: Image.Image | None = None) -> bytes:
    """Return an image file's bytes."""
    return encoded(image or draw_shape(0, 1, 0), "PNG")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image in a format of Pillow's."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@cache
def hand(letter: str, signer: int, index: int) -> bytes:
    """Return a JPEG of a drawn hand, in which a hand is found."""
    drawn = draw_image(
        letter, make_signer(signer, 1, "right"), seed=1, index=index, size=96, style="studio", variation=0.3
    )
    return encoded(Image.fromarray(drawn.pixels), "JPEG")


def noise(width: int, height: int) -> Image.Image:
    """Return an image that no format can compress."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@contextmanager
def serving(reader: Reader, settings: Settings, **options: Any) -> Iterator[Server]:
    """Run a server in a thread."""
    engine = Engine(reader, waiting=settings.limits.waiting, **options)
    up = threading.Event()
    server = make_server(create_app(engine, settings), settings.limits, started=up.set)
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            assert up.wait(30)
            yield Server(listener.getsockname()[1], engine, settings)
        finally:
            server.should_exit = True
            thread.join()
            engine.close()


@pytest.fixture(scope="session")
def reader(finished: Finished) -> Reader:
    """The reader of a finished run."""
    return open_reader(finished.out)


@pytest.fixture(scope="module")
def server(reader: Reader) -> Iterator[Server]:
    """A server as it starts by default, shared by the tests of a module."""
    with serving(reader, Settings()) as running:
        yield running


@pytest.fixture
def make_server_with(reader: Reader) -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server with other settings."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda settings, **options: stack.enter_context(serving(reader, settings, **options))


def raw(port: int, data: bytes, *, seconds: float = 30) -> bytes:
    """Send bytes and return all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(data)
        found = b""
        while piece := connection.recv(65536):
            found += piece
        return found
