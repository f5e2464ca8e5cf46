"""Bursts of photos that nobody has indexed: each is read once, here."""

from collections.abc import Sequence

from handshape.data.checks.bursts import find_bursts
from handshape.data.checks.near_duplicates import find_near_duplicates
from handshape.data.images.decode import decode_image
from handshape.data.images.image_stats import ImageStats, image_stats
from handshape.data.images.prepared import content_digest
from handshape.data.images.workers import in_order, workers
from handshape.data.sample import Ids, Sample
from handshape.errors import ImageError
from handshape.progress import track


def bursts_of_files(samples: Sequence[Sample], classes: Ids) -> Ids:
    """Return the group of near-duplicates that each of N photos belongs to, (N,) int64.

    Raises:
        ImageError: A photo cannot be read.
    """
    digests, stats = list[str](), list[ImageStats]()
    with track("Looking for near-copies", len(samples)) as advance, workers() as pool:
        for digest, found in in_order(pool, _read, samples, 8):
            digests.append(digest)
            stats.append(found)
            advance(1)
    return find_bursts(
        find_near_duplicates(stats, classes), digests, classes, [sample.burst for sample in samples]
    )


def _read(sample: Sample) -> tuple[str, ImageStats]:
    try:
        data = sample.path.read_bytes()
        return content_digest(data), image_stats(*decode_image(data))
    except ImageError as error:
        raise ImageError(f"{sample.name!r}: {error.wrong}", error.expected, error.remedy) from error
    except OSError as error:
        reason = f"cannot read {sample.name!r} ({error.strerror})"
        raise ImageError(reason, "a readable photo", "remove it, or check it") from error
