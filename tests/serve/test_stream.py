import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from PIL import ImageOps
from tests.conftest import draw_shape
from tests.serve.conftest import Server, png
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from handshape.serve.reader import Reader
from handshape.serve.settings import Limits, Settings


@contextmanager
def open_stream(server: Server, origin: str | None = None) -> Iterator[ClientConnection]:
    headers = {} if origin is None else {"Origin": origin}
    with connect(f"ws://{server.authority}/v1/stream", additional_headers=headers) as stream:
        yield stream


def test_stream__each_frame_gets_its_answer(server: Server, reader: Reader) -> None:
    with open_stream(server) as stream:
        for sequence in (1, 2):
            photo = draw_shape(sequence, 1, 0)
            stream.send(png(photo))
            found = json.loads(stream.recv(30))
            own = reader.recogniser.predict(photo)
            assert set(found) == {
                "sequence", "label", "probability", "sure", "top", "milliseconds", "model"
            }  # fmt: skip
            assert (found["sequence"], found["label"]) == (sequence, own.label)
            assert found["probability"] == pytest.approx(own.probability, abs=1e-4)


def test_stream__mirrored_frames_are_flipped(server: Server) -> None:
    photo = draw_shape(1, 2, 1)
    with open_stream(server) as stream:
        stream.send(png(photo))
        straight = json.loads(stream.recv(30))
        stream.send('{"mirrored": true}')
        stream.send(png(ImageOps.mirror(photo)))
        flipped = json.loads(stream.recv(30))
    assert flipped["top"] == straight["top"]


def test_stream__the_newest_frame_wins(server: Server) -> None:
    with open_stream(server) as stream:
        for _ in range(200):
            stream.send(png())
        seen = [json.loads(stream.recv(30))["sequence"]]
        while seen[-1] < 200:
            seen.append(json.loads(stream.recv(30))["sequence"])
    assert seen == sorted(seen)
    assert len(seen) < 200


def test_stream__goes_on_after_what_cannot_be_read(server: Server) -> None:
    with open_stream(server) as stream:
        stream.send(b"no photo")
        found = json.loads(stream.recv(30))
        assert (found["sequence"], found["code"]) == (1, "unsupported_format")
        for text in ("mirrored", "[]", '{"mirrored": 1}', "[" * 10_000):
            stream.send(text)
            assert json.loads(stream.recv(30)) == {
                "code": "unreadable",
                "message": 'Expected {"mirrored": true} or false, or a frame as binary.',
            }
        stream.send(png())
        assert json.loads(stream.recv(30))["sequence"] == 2


def test_stream__a_frame_of_more_than_10_megabytes_ends_it(server: Server) -> None:
    with open_stream(server) as stream, pytest.raises(ConnectionClosed) as ended:
        stream.send(bytes(10_000_001))
        stream.recv(30)
    # Whether the reason arrives is chance: the client is still sending when the server closes.
    assert ended.value.rcvd is None or ended.value.rcvd.code == 1009
    with open_stream(server) as stream:
        stream.send(png())
        assert json.loads(stream.recv(30))["sequence"] == 1


def test_stream__a_silent_one_is_closed(make_server_with) -> None:  # type: ignore[no-untyped-def]
    server = make_server_with(Settings(limits=Limits(idle_seconds=0.2)))
    with open_stream(server) as stream, pytest.raises(ConnectionClosed) as ended:
        stream.recv(30)
    assert ended.value.rcvd is not None
    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1000, "No frame for a while.")


def test_stream__one_too_many_is_turned_away(make_server_with) -> None:  # type: ignore[no-untyped-def]
    server = make_server_with(Settings(limits=Limits(streams=1)))
    with open_stream(server):
        with pytest.raises(InvalidStatus) as refused, open_stream(server):
            pass
        assert refused.value.response.status_code == 503
        assert json.loads(refused.value.response.body)["code"] == "busy"
    for _ in range(50):  # the place is free again once the server has seen the first one leave
        try:
            with open_stream(server):
                return
        except InvalidStatus:
            time.sleep(0.1)
    raise AssertionError("the place never became free")


def test_stream__another_sites_page_is_turned_away(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused, open_stream(server, "http://elsewhere.example"):
        pass
    assert refused.value.response.status_code == 403
    with open_stream(server, f"http://{server.authority}"):
        pass
