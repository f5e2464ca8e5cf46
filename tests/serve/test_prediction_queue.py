import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from tests.conftest import draw_shape
from tests.serve.conftest import Gate, encoded, png, wait_until

from handshape.errors import BusyError, ImageError
from handshape.threads import set_threads

if TYPE_CHECKING:
    from handshape.serve.loaded_recogniser import LoadedRecogniser
    from handshape.serve.prediction_queue import PredictionQueue

MakeQueue = Callable[..., "PredictionQueue"]


@pytest.fixture
def make_queue() -> Iterator[MakeQueue]:
    """Return a function that makes a queue of one thread."""
    from handshape.serve.prediction_queue import PredictionQueue

    queues = list[PredictionQueue]()

    def make(loaded: "LoadedRecogniser", **options: Any) -> PredictionQueue:
        threads = options.pop("threads", 1)
        set_threads(threads)
        try:
            queues.append(PredictionQueue(loaded, **options))
        finally:
            set_threads(0)
        return queues[-1]

    yield make
    for queue in queues:
        queue.close()


@pytest.fixture
def gate(loaded: "LoadedRecogniser") -> Gate:
    """A recogniser that waits."""
    return Gate(loaded)


def test_queue__predicts_as_the_recogniser_does(loaded: "LoadedRecogniser", make_queue: MakeQueue) -> None:
    queue = make_queue(loaded, threads=2)
    photos = [draw_shape(label, signer, 0) for label in range(3) for signer in range(2)]
    futures = queue.submit([png(photo) for photo in photos])
    for future, photo in zip(futures, photos, strict=True):
        prediction, digest, _hand = future.result(120)
        own = loaded.recogniser.predict(photo)
        assert (prediction.label, digest) == (own.label, loaded.digest)
        assert dict(prediction.top) == pytest.approx(dict(own.top), abs=1e-4)
    assert queue.predicted == 6


def test_queue__refuses_more_than_may_wait(gate: Gate, make_queue: MakeQueue) -> None:
    queue = make_queue(gate.recogniser, limit=4)
    first = queue.submit([png()])
    assert gate.entered.wait(120)
    others = queue.submit([png()] * 4)
    with pytest.raises(BusyError):
        queue.submit([png()])
    assert others[1].cancel()
    gate.opened.set()
    wait(first + others[:1] + others[2:], 120)
    assert gate.runs == 4


def test_queue__one_damaged_photo_harms_no_other(loaded: "LoadedRecogniser", make_queue: MakeQueue) -> None:
    futures = make_queue(loaded).submit([png(), b"", png()[:100], png()])
    assert futures[0].result(120) == futures[3].result(120)
    for future in futures[1:3]:
        with pytest.raises(ImageError):
            future.result(120)


def test_queue__a_network_that_fails(loaded: "LoadedRecogniser", make_queue: MakeQueue) -> None:
    def run(pixels: Any, hand: Any) -> Any:
        raise RuntimeError("no memory")

    queue = make_queue(replace(loaded, run=run))
    (future,) = queue.submit([png()])
    with pytest.raises(RuntimeError, match="no memory"):
        future.result(120)
    assert queue.running


def test_queue__its_recogniser_can_be_exchanged(loaded: "LoadedRecogniser", make_queue: MakeQueue) -> None:
    queue = make_queue(loaded)
    assert queue.submit([png()])[0].result(120)[1] == loaded.digest
    queue.recogniser = replace(loaded, digest="other")
    assert queue.submit([png()])[0].result(120)[1] == "other"


def test_queue__large_photos_delay_no_other(
    loaded: "LoadedRecogniser", gate: Gate, make_queue: MakeQueue
) -> None:
    large = encoded(Image.new("RGB", (4000, 3000)), "PNG")
    queue = make_queue(gate.recogniser)
    big = queue.submit([large, large])
    wait_until(lambda: queue.waiting == 1 and gate.entered.is_set())  # one is predicted, the other waits
    queue.recogniser = loaded
    assert queue.submit([png()])[0].result(120)
    assert not any(future.done() for future in big)
    gate.opened.set()
    assert big[0].result(120) == big[1].result(120)


def test_queue__large_photos_wait_for_the_memory(loaded: "LoadedRecogniser", make_queue: MakeQueue) -> None:
    queue = make_queue(loaded)
    with queue.much_memory:  # as while the server trains
        (large,) = queue.submit([encoded(Image.new("RGB", (4000, 3000)), "PNG")])
        assert queue.submit([png()])[0].result(120)
        assert not large.done()
    assert large.result(120)


def test_close__gives_up_what_waits(gate: Gate, make_queue: MakeQueue) -> None:
    queue = make_queue(gate.recogniser)
    first = queue.submit([png()])
    assert gate.entered.wait(120)
    others = queue.submit([png()] * 3)
    closing = threading.Thread(target=queue.close)
    closing.start()
    for future in others:  # `wait` does not count what was cancelled as done
        with pytest.raises(CancelledError):
            future.result(120)
    gate.opened.set()
    closing.join()
    assert first[0].result(120)
    assert not queue.running
    with pytest.raises(BusyError):
        queue.submit([png()])
