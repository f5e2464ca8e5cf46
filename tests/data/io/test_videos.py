from pathlib import Path

import numpy as np
import pytest
from tests import cases

from handshape.data.data_report import make_data_report
from handshape.data.images.decode import read_image
from handshape.data.images.index import index_images
from handshape.data.io import videos
from handshape.data.io.folder import read_folder


def film(path: Path, kind: int, seed: int = 0, frames: int = 40) -> None:
    av = pytest.importorskip("av")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            image = np.asarray(cases.draw_hand(kind, 100 * seed + number // 8, size=64))[:48]
            for packet in stream.encode(
                av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            ):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def test_videos__frames_are_a_burst_and_a_source(tmp_path: Path) -> None:
    for kind, label in enumerate("AB"):
        for number in range(3):
            film(tmp_path / "v" / label / f"clip{number}.mp4", kind + 1, number)
    (tmp_path / "v" / "A" / "fake.mp4").write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(2000))
    data = read_folder(tmp_path / "v", cache=tmp_path / "cache")
    assert data.labels == ("A", "B") and len(data) == 6 * videos.FRAMES
    assert len(data.sources) == 6 and data.sources[0] == "A/clip0.mp4"
    assert data.samples[0].name == "A/clip0.mp4/0001.jpg"
    assert read_image(data.samples[0].path).shape == (48, 64, 3)
    (bad,) = data.unreadable
    assert bad.name == "A/fake.mp4" and bad.reason.startswith("a video that cannot be read (damaged")
    report = make_data_report(
        index_images(data, tmp_path / "cache", size=32),
        kind="auto",
        valid_fraction=0.2,
        test_fraction=0.2,
        seed=0,
    )
    sides: dict[str | None, set[str | None]] = {}
    for sample in report.split.dataset.samples:
        sides.setdefault(sample.burst, set()).add(sample.split)
    assert len(sides) == 6 and all(len(side) == 1 for side in sides.values())


def test_videos__in_an_archive(tmp_path: Path) -> None:
    for label in "AB":
        film(tmp_path / "v" / label / "clip.avi", 1 + (label == "B"))
    data = read_folder(cases.zipped(tmp_path / "v", tmp_path / "v.zip"), cache=tmp_path / "cache")
    assert data.labels == ("A", "B") and len(data) == 2 * videos.FRAMES


def test_videos__without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases.label_folders(tmp_path / "v", "AB", count=1)
    (tmp_path / "v" / "A" / "clip.mp4").write_bytes(b"x")
    monkeypatch.setattr("handshape.data.io.found.can_read_videos", lambda: False)
    (bad,) = read_folder(tmp_path / "v").unreadable
    assert bad.reason == "a video; `pip install handshape[video]` to take frames from it"
