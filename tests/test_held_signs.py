from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import Finished

from handshape.data.images.decode import read_image
from handshape.data.io.video_frames import timed_frames
from handshape.errors import ImageError
from handshape.held_signs import find_held_signs
from handshape.recogniser import Recogniser, load


@pytest.fixture
def sure(finished: Finished) -> tuple[Recogniser, list[Any]]:
    """A recogniser, and a photo of each of two labels that it is sure of."""
    recogniser = load(finished.out)
    photos = sorted(finished.photos.glob("*/signer4_*.png"))
    found = {one.label: read_image(photos[i]) for i, one in enumerate(recogniser.predict(photos)) if one.sure}
    return recogniser, list(found.values())[:2]


def film(*shown: tuple[Any, int]) -> list[tuple[float, Any]]:
    """Frames of a tenth of a second: each photo so many times."""
    frames = list(chain.from_iterable([pixels] * count for pixels, count in shown))
    return [(number / 10, pixels) for number, pixels in enumerate(frames)]


def test_find_held_signs__each_with_its_times(sure: tuple[Recogniser, list[Any]]) -> None:
    recogniser, (first, second) = sure
    held = find_held_signs(recogniser, film((first, 8), (second, 3), (first, 2), (second, 9)))
    labels = [recogniser.predict(one).label for one in (first, second)]
    assert [one.prediction.label for one in held] == labels
    # Two frames of another sign do not end one that is held.
    assert [(one.start, one.end) for one in held] == [(0.0, 0.7), (0.8, 2.1)]
    assert held[0].prediction.probability == pytest.approx(recogniser.predict(first).probability)


@pytest.mark.slow
def test_predict__a_line_for_each_held_sign_of_a_video(
    cli: Any, finished: Finished, sure: tuple[Recogniser, list[Any]], tmp_path: Path
) -> None:
    recogniser, (first, second) = sure
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=20)
        stream.width = stream.height = 64
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        for pixels in [first] * 20 + [second] * 20:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (tmp_path / "broken.mp4").write_bytes(b"nothing")
    answer = cli("predict", finished.out, tmp_path / "clip.mp4", tmp_path / "broken.mp4", "--csv")
    assert answer.code == 1 and "broken.mp4: damaged" in answer.err
    head, *lines = (line.split(",") for line in answer.out.splitlines())
    assert head == ["path", "label", "probability", "start", "end"]
    assert [line[1] for line in lines] == [recogniser.predict(one).label for one in (first, second)]
    assert [[float(cell) for cell in line[3:]] for line in lines] == [[0.0, 0.9], [1.0, 1.9]]
    with pytest.raises(ImageError, match="damaged"):
        list(timed_frames(tmp_path / "broken.mp4", 10))


def test_find_held_signs__a_short_one_is_a_movement(sure: tuple[Recogniser, list[Any]]) -> None:
    recogniser, (first, second) = sure
    assert find_held_signs(recogniser, film((first, 3), (second, 3))) == []
    assert find_held_signs(recogniser, []) == []
