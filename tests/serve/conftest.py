"""A real server on a free port in this process, and a client that sends exactly what a test asks for."""

import http.client
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from tests.conftest import Finished, draw_shape

if TYPE_CHECKING:
    from handshape.serve.access import AccessPolicy
    from handshape.serve.limits import Limits
    from handshape.serve.loaded_recogniser import LoadedRecogniser
    from handshape.serve.prediction_queue import PredictionQueue


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

    @property
    def error(self) -> tuple[int, str]:
        """Status and code of an error, whose message must be there."""
        assert self.json["message"]
        return self.status, self.json["code"]


@dataclass
class Server:
    """A server that runs."""

    port: int
    queue: "PredictionQueue"

    @property
    def authority(self) -> str:
        """Host and port, as in a URL."""
        return f"127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send one request; underscores in the names of headers become hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    def predict(self, *photos: bytes, query: str = "", name: str = "image", file: str = "hand.png") -> Reply:
        """Send photos as a form."""
        body, kind = form(*((name, file, photo) for photo in photos))
        return self.ask("POST", f"/v1/predict{query}", body, Content_Type=kind)

    def raw(self, data: bytes) -> bytes:
        """Send bytes and return all that comes back until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(data)
            found = b""
            while piece := connection.recv(65536):
                found += piece
            return found


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
    """Return an image as a PNG file's bytes."""
    return encoded(image or draw_shape(0, 1, 0), "PNG")


def jpeg(label: int = 0, index: int = 0) -> bytes:
    """Return a JPEG of a drawn shape, in which no hand is found."""
    return encoded(draw_shape(label, 1, index), "JPEG")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image in a format of Pillow's."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@cache
def hand(letter: str, signer: int, index: int) -> bytes:
    """Return a JPEG of a drawn hand, in which a hand is found."""
    from handshape.synthetic import draw_image, make_signer

    drawn = draw_image(
        letter, make_signer(signer, 1, "right"), seed=1, index=index, size=96, style="studio", variation=0.3
    )
    return encoded(Image.fromarray(drawn.pixels), "JPEG")


def noise(width: int, height: int) -> Image.Image:
    """Return an image that no format can compress."""
    return Image.effect_noise((width, height), 200).convert("RGB")


def many_scans(width: int, scans: int) -> bytes:
    """Return a progressive JPEG of so many scans."""
    photo = encoded(Image.new("RGB", (width, width)), "JPEG", progressive=True)
    scan = photo[photo.rindex(b"\xff\xda") : -2]
    return photo[:-2] + (scans - photo.count(b"\xff\xda")) * scan + photo[-2:]


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait for a condition; the time is only a safety net."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition never became true"
        time.sleep(0.01)


class Gate:
    """Holds every photo of a recogniser until it is opened.

    Args:
        loaded: The recogniser.
    """

    def __init__(self, loaded: "LoadedRecogniser") -> None:
        self.opened, self.runs = threading.Event(), 0
        self.entered = threading.Event()

        def run(pixels: Any, hand: Any) -> Any:
            self.entered.set()
            assert self.opened.wait(120)
            self.runs += 1
            return loaded.run(pixels, hand)

        self.recogniser = replace(loaded, run=run)


@contextmanager
def serving(
    loaded: "LoadedRecogniser | None",
    access: "AccessPolicy | None" = None,
    limits: "Limits | None" = None,
    teach: Path | None = None,
    host: str = "127.0.0.1",
) -> Iterator[Server]:
    """Run a server in a thread."""
    from handshape.serve.access import AccessPolicy
    from handshape.serve.app import create_app
    from handshape.serve.limits import Limits
    from handshape.serve.prediction_queue import PredictionQueue
    from handshape.serve.server import listen, make_server
    from handshape.serve.teach.photo_folder import PhotoFolder
    from handshape.serve.teach.teacher import Teacher

    limits = limits or Limits()
    queue = PredictionQueue(loaded, limit=limits.waiting)
    teacher = Teacher(PhotoFolder(teach / "photos"), queue, teach / "cache") if teach else None
    up = threading.Event()
    app = create_app(queue, access or AccessPolicy(), limits, teacher=teacher)
    server = make_server(app, limits, started=up.set)
    with listen(host, 0) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            assert up.wait(120)
            yield Server(listener.getsockname()[1], queue)
        finally:
            server.should_exit = True
            thread.join()
            if teacher is not None:
                teacher.close()
            queue.close()


@pytest.fixture(scope="session")
def loaded(finished: Finished) -> "LoadedRecogniser":
    """The recogniser of a finished run."""
    from handshape.serve.loaded_recogniser import load_for_serving

    return load_for_serving(finished.out)


@pytest.fixture(scope="module")
def server(loaded: "LoadedRecogniser") -> Iterator[Server]:
    """A server with its default settings, shared by the tests of a module."""
    with serving(loaded) as running:
        yield running


@pytest.fixture
def limited(loaded: "LoadedRecogniser") -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server with other limits."""
    from handshape.serve.limits import Limits

    with ExitStack() as stack:
        yield lambda **limits: stack.enter_context(serving(loaded, limits=Limits(**limits)))
