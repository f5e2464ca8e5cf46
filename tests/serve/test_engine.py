import threading
from concurrent.futures import CancelledError, wait
from dataclasses import replace

import pytest
from PIL import Image
from tests.conftest import draw_shape
from tests.serve.conftest import encoded, png

from handshape.errors import BusyError, ImageError
from handshape.serve.engine import Engine
from handshape.serve.reader import Reader


def held(reader: Reader) -> tuple[Reader, threading.Event, list[int]]:
    """A reader that waits for an event, and the sizes of the batches that it was given."""
    go, sizes = threading.Event(), list[int]()

    def run(images):  # type: ignore[no-untyped-def]
        go.wait(30)
        sizes.append(len(images))
        return reader.run(images)

    return replace(reader, run=run), go, sizes


def test_engine__reads_as_the_recogniser_does(reader: Reader) -> None:
    engine = Engine(reader)
    photos = [draw_shape(label, signer, 0) for label in range(3) for signer in range(8)]
    futures = engine.submit([png(photo) for photo in photos])
    expected = reader.recogniser.probabilities(photos)
    for future, row in zip(futures, expected, strict=True):
        reading = future.result(30)
        assert dict(reading.top) == pytest.approx(
            {reader.recogniser.labels[i]: row[i] for i in range(3)}, abs=1e-4
        )
        assert reading.milliseconds > 0
    engine.close()
    assert engine.photos == 24


def test_engine__batches_what_waits_and_turns_the_rest_away(reader: Reader) -> None:
    slow, go, sizes = held(reader)
    engine = Engine(slow, threads=1, waiting=40)
    first = engine.submit([png()])
    while engine.depth:
        pass
    others = engine.submit([png()] * 40)
    with pytest.raises(
        BusyError, match=r"^40 photos are waiting; expected at most 40; try again in a second$"
    ):
        engine.submit([png()])
    go.set()
    wait(first + others, 30)
    engine.close()
    assert sizes == [1, 8, 8, 8, 8, 8]


def test_engine__one_damaged_photo_harms_no_other(reader: Reader) -> None:
    slow, go, _ = held(reader)
    engine = Engine(slow, threads=1)
    futures = engine.submit([png(), b"", png()[:100], png()])
    go.set()
    assert futures[0].result(30).label == futures[3].result(30).label
    for future in futures[1:3]:
        with pytest.raises(ImageError):
            future.result(30)
    engine.close()


def test_engine__a_cancelled_photo_is_not_read(reader: Reader) -> None:
    slow, go, sizes = held(reader)
    engine = Engine(slow, threads=1)
    first = engine.submit([png()])
    while engine.depth:
        pass
    others = engine.submit([png()] * 3)
    assert others[1].cancel()
    go.set()
    wait(first + others, 30)
    engine.close()
    assert sizes == [1, 2]


def test_engine__a_failing_network_is_told(reader: Reader) -> None:
    def run(images):  # type: ignore[no-untyped-def]
        raise RuntimeError("no memory")

    engine = Engine(replace(reader, run=run))
    (future,) = engine.submit([png()])
    with pytest.raises(RuntimeError, match=r"^no memory$"):
        future.result(30)
    assert engine.ready
    engine.close()


def test_use__changes_the_recogniser_while_it_runs(reader: Reader) -> None:
    engine = Engine(reader)
    other = replace(reader, digest="other")
    assert engine.submit([png()])[0].result(30).model == reader.digest
    engine.use(other)
    assert engine.reader is other
    assert engine.submit([png()])[0].result(30).model == "other"
    engine.close()


def test_engine__large_photos_hold_nobody_up(reader: Reader) -> None:
    large = encoded(Image.new("RGB", (4000, 3000)), "PNG")
    slow, go, _ = held(reader)
    engine = Engine(slow, threads=1)
    big = engine.submit([large, large])
    while engine.depth != 1:  # one is in the large photos' thread, the other one waits for it
        pass
    engine.use(reader)
    assert engine.submit([png()])[0].result(30).label
    assert not any(future.done() for future in big)
    go.set()
    assert big[0].result(60).top == big[1].result(60).top
    engine.close()


def test_close__gives_up_what_waits(reader: Reader) -> None:
    slow, go, _ = held(reader)
    engine = Engine(slow, threads=1)
    first = engine.submit([png()])
    while engine.depth:
        pass
    others = engine.submit([png()] * 3)
    closing = threading.Thread(target=engine.close)
    closing.start()
    for future in others:  # `wait` does not count what was cancelled as done
        with pytest.raises(CancelledError):
            future.result(30)
    go.set()
    closing.join()
    assert first[0].result(30).label
    assert not engine.ready
    with pytest.raises(BusyError, match="photos are waiting"):
        engine.submit([png()])
