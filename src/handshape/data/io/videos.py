"""Cut videos into frames, evenly spaced; needs the extra ``video``."""

import importlib.util
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from PIL import Image

from handshape.data.images.formats import VIDEO_ENDINGS
from handshape.data.io.packed import PackedFile, file_key
from handshape.data.io.tree import File
from handshape.data.io.unpack import unpacked, write_tar
from handshape.errors import OutputError
from handshape.progress import track

FRAMES = 16
"""Frames of each video."""
MOST_PIXELS = 50_000_000
# Frames that are decoded at most to reach one that is wanted: keyframes are seconds apart.
_MOST_DECODED = 2000
NO_VIDEO = "a video; `pip install handshape[video]` to take frames from it"


def can_read_videos() -> bool:
    """Return whether the extra ``video`` is installed."""
    return importlib.util.find_spec("av") is not None


def cut_videos(videos: list[File], cache: Path | None) -> dict[str, list[File] | str]:
    """Return the frames of each video by its name, or why it cannot be read.

    Frames are kept in the cache as JPEG files.

    Raises:
        OutputError: The cache cannot be written.
    """
    found: dict[str, list[File] | str] = {}
    if not videos:
        return found
    with track("Cutting videos", len(videos)) as advance:
        for video in videos:
            try:
                found[video.name] = _frames_of(video, cache)
            except OutputError:
                raise
            except (OSError, ValueError) as error:
                reason = " ".join(str(getattr(error, "strerror", None) or error).split())
                found[video.name] = f"a video that cannot be read ({reason})"
            advance(1)
    return found


def _frames_of(video: File, cache: Path | None) -> list[File]:
    path = video.path
    key = f"{file_key(path.archive)} {path.member}" if isinstance(path, PackedFile) else file_key(path)

    def write(out: IO[bytes]) -> None:
        frames = list(_decode(path, VIDEO_ENDINGS[video.ending]))
        write_tar(out, ((f"{number:04}.jpg", frame) for number, frame in enumerate(frames, start=1)))

    tree = unpacked(f"video {FRAMES} {key}", cache, write)
    return [File(file.path, f"{video.name}/{file.name}") for file in tree.top.files]


def _decode(path: Path, demuxer: str) -> Iterator[bytes]:
    """Yield frames from evenly spaced moments as JPEG files.

    Raises:
        ValueError: There is none, or the file is damaged.
    """
    import av  # an extra

    source: Any = io.BytesIO(path.read_bytes()) if isinstance(path, PackedFile) else path.open("rb")
    last = -1
    try:
        with source, av.open(source, format=demuxer) as container:
            if not container.streams.video:
                raise ValueError("it has no picture")
            stream = container.streams.video[0]
            if stream.width * stream.height > MOST_PIXELS:
                raise ValueError(f"too large ({stream.width} x {stream.height} pixels)")
            for moment in _moments(container, stream):
                frame = _frame_at(container, stream, moment)
                if frame is None or frame.pts is None or frame.pts <= last:
                    continue
                last = frame.pts
                yield _jpeg(frame)
    except (OSError, av.FFmpegError) as error:
        raise ValueError(f"damaged: {getattr(error, 'strerror', None) or error}") from error
    if last < 0:
        raise ValueError("no frame can be decoded")


def _moments(container: Any, stream: Any) -> list[int]:
    """Return the middles of equal parts of the video, in the stream's unit of time."""
    start = stream.start_time or 0
    length = stream.duration
    if not length and container.duration:
        length = int(container.duration / 1_000_000 / stream.time_base)
    return [start + int((length or 0) * (part + 0.5) / FRAMES) for part in range(FRAMES)]


def _frame_at(container: Any, stream: Any, moment: int) -> Any:
    """Return the first frame that is not before a moment, or the last one there is."""
    container.seek(moment, stream=stream)
    frame = None
    for frame, _ in zip(container.decode(stream), range(_MOST_DECODED), strict=False):
        if frame.pts is not None and frame.pts >= moment:
            break
    return frame


def _jpeg(frame: Any) -> bytes:
    out = io.BytesIO()
    upright(frame).save(out, "JPEG", quality=95)
    return out.getvalue()


def upright(frame: Any) -> Image.Image:
    """Return a frame as an upright image."""
    image: Image.Image = frame.to_image()
    # Telephones store how they were held.
    turned = getattr(frame, "rotation", 0)
    return image.rotate(turned, expand=True) if turned else image
