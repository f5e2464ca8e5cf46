import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import ImageOps
from tests.conftest import draw_shape
from tests.serve.conftest import Gate, Server, png, serving, wait_until

if TYPE_CHECKING:
    from handshape.serve.loaded_recogniser import LoadedRecogniser


class Stream:
    """A client's side of a stream.

    Args:
        connection: Of the library `websockets`.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.send = connection.send

    def receive(self) -> Any:
        return json.loads(self._connection.recv(60))


@contextmanager
def open_stream(server: Server, origin: str | None = None) -> Iterator[Stream]:
    from websockets.sync.client import connect

    headers = {} if origin is None else {"Origin": origin}
    with connect(f"ws://{server.authority}/v1/stream", additional_headers=headers) as connection:
        yield Stream(connection)


def refusal(server: Server, origin: str | None = None) -> tuple[int, str]:
    """Status and code with which a stream is refused."""
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus) as refused, open_stream(server, origin):
        pass
    response = refused.value.response
    return response.status_code, json.loads(response.body or b"")["code"]


def test_stream__each_frame_gets_its_answer(server: Server, loaded: "LoadedRecogniser") -> None:
    from handshape.models.hand.hand_finder import HandTracker

    own_finder = loaded.recogniser.hand_finder
    tracker = HandTracker(own_finder) if own_finder else None
    with open_stream(server) as stream:
        for sequence in (1, 2):
            photo = draw_shape(sequence, 1, 0)
            stream.send(png(photo))
            pixels = np.asarray(photo)
            row = loaded.run(pixels, tracker.find(pixels) if tracker else None)
            found, own = stream.receive(), loaded.recogniser.answer(row).to_dict()
            assert found.keys() == own.keys() | {"sequence", "milliseconds", "model", "hand"}
            assert (found["sequence"], found["label"]) == (sequence, own["label"])
            assert found["probability"] == pytest.approx(own["probability"], abs=1e-4)


def test_stream__mirrored_frames_are_flipped(server: Server) -> None:
    photo = draw_shape(1, 2, 1)
    with open_stream(server) as stream:
        stream.send(png(photo))
        straight = stream.receive()
        stream.send('{"mirrored": true}')
        stream.send(png(ImageOps.mirror(photo)))
        assert stream.receive()["top"] == straight["top"]


def test_stream__only_the_newest_frame_is_predicted(loaded: "LoadedRecogniser") -> None:
    gate = Gate(loaded)
    with serving(gate.recogniser) as server, open_stream(server) as stream:
        stream.send(png())
        assert gate.entered.wait(120)
        for _ in range(3):
            stream.send(png())
        stream.send("wrong")
        assert "code" in stream.receive()  # the server has received all that was sent before
        gate.opened.set()
        assert [stream.receive()["sequence"] for _ in range(2)] == [1, 4]


def test_stream__frames_that_come_sooner_are_overtaken(limited: Callable[..., Server]) -> None:
    with open_stream(limited(predictions=1)) as stream:
        stream.send(png())
        assert stream.receive()["sequence"] == 1
        for _ in range(3):
            stream.send(png())
        assert stream.receive()["sequence"] == 4


def test_stream__goes_on_after_an_error(server: Server) -> None:
    with open_stream(server) as stream:
        stream.send(b"no photo")
        found = stream.receive()
        assert (found["sequence"], found["code"]) == (1, "unsupported_format")
        for text in ("mirrored", "[]", '{"mirrored": 1}', "[" * 10_000):
            stream.send(text)
            assert stream.receive()["code"] == "unreadable"
        stream.send(png())
        assert stream.receive()["sequence"] == 2


def test_stream__a_frame_of_more_than_2_megabytes_ends_it(server: Server) -> None:
    from websockets.exceptions import ConnectionClosed

    with open_stream(server) as stream, pytest.raises(ConnectionClosed) as ended:
        stream.send(bytes(2_000_001))
        stream.receive()
    # Whether the reason arrives is chance: the client is still sending when the server closes.
    assert ended.value.rcvd is None or ended.value.rcvd.code == 1009
    with open_stream(server) as stream:
        stream.send(png())
        assert stream.receive()["sequence"] == 1


def test_stream__a_silent_one_is_closed(limited: Callable[..., Server]) -> None:
    from websockets.exceptions import ConnectionClosed

    with open_stream(limited(idle_seconds=0.2)) as stream, pytest.raises(ConnectionClosed) as ended:
        stream.receive()
    assert ended.value.rcvd is not None and ended.value.rcvd.code == 1000


def test_stream__one_too_many_is_refused(limited: Callable[..., Server]) -> None:
    server = limited(streams=1)
    with open_stream(server):
        assert refusal(server) == (503, "busy")
    wait_until(lambda: b"handshape_streams 0.0" in server.ask("GET", "/metrics").body)
    with open_stream(server):
        pass


def test_stream__a_page_of_another_site_is_refused(server: Server) -> None:
    assert refusal(server, "http://elsewhere.example") == (403, "forbidden")
    with open_stream(server, f"http://{server.authority}"):
        pass
