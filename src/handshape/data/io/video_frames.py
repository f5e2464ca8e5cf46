"""Frames of a video with their times, one after the other; needs the extra ``video``."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.data.images.formats import VIDEO_ENDINGS
from handshape.data.io.videos import MOST_PIXELS, can_read_videos, upright
from handshape.errors import ImageError, MissingExtraError


def is_video(path: Path) -> bool:
    """Return whether a file is a video, by its ending."""
    return path.suffix.lower() in VIDEO_ENDINGS


def timed_frames(path: Path, per_second: float) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield frames of a video, in order.

    Args:
        path: The video.
        per_second: At most so many frames for each second of it.

    Yields:
        The time in seconds from the start, and the frame, (H, W, 3) uint8, RGB, upright.

    Raises:
        ImageError: The video is damaged, too large, or has no picture.
        MissingExtraError: The extra ``video`` is not installed.
    """
    if not can_read_videos():
        remedy = "install it with `pip install 'handshape[video]'`"
        raise MissingExtraError(f"{str(path)!r} is a video", "the extra `video`", remedy)
    import av  # an extra

    following = 0.0
    try:
        demuxer = VIDEO_ENDINGS[path.suffix.lower()]
        with path.open("rb") as file, av.open(file, mode="r", format=demuxer) as container:
            if not container.streams.video:
                raise _unusable(path, "it has no picture")
            stream = container.streams.video[0]
            if stream.width * stream.height > MOST_PIXELS:
                raise _unusable(path, f"too large ({stream.width} x {stream.height} pixels)")
            start: float | None = None
            for frame in container.decode(stream):
                if frame.time is None:
                    continue
                start = frame.time if start is None else start
                time = frame.time - start
                if time >= following:
                    following = time + 1 / per_second - 1e-6
                    yield time, np.asarray(upright(frame).convert("RGB"))
    except (OSError, av.FFmpegError) as error:
        raise _unusable(path, f"damaged: {getattr(error, 'strerror', None) or error}") from error
    if following == 0:
        raise _unusable(path, "no frame can be decoded")


def _unusable(path: Path, reason: str) -> ImageError:
    return ImageError(f"{str(path)!r}: {reason}", "a video with a picture", "record it again, or convert it")
