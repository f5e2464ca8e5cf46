"""Draw a data set of synthetic hand signs."""

import os
import time

from handshape.config.draw import DrawConfig
from handshape.data.io.labels import select_labels
from handshape.errors import DataError, UsageError
from handshape.progress import track
from handshape.synthetic.dataset import TRUTH, draw_dataset
from handshape.synthetic.poses import ALPHABET
from handshape.synthetic.signer import make_signer


def draw(config: DrawConfig) -> dict[str, object]:
    """Draw a data set, and return its folder, labels, signers, number of images and seconds.

    Raises:
        UsageError: A label is not a letter from A to Z.
        OutputError: The folder is not empty and ``force`` is not given.
    """
    labels = _letters(config.labels)
    start = time.perf_counter()
    with track("Drawing hands", len(labels) * config.signers * config.images) as advance:
        rows = draw_dataset(
            config.out,
            labels,
            signers=config.signers,
            images=config.images,
            size=config.size,
            style=config.style,
            seed=config.seed,
            force=config.force,
            workers=config.workers or os.cpu_count() or 1,
            progress=advance,
        )
    people = [make_signer(n + 1, config.seed) for n in range(config.signers)]
    return {
        "out": str(config.out),
        "truth": str(config.out / TRUTH),
        "images": len(rows),
        "labels": list(labels),
        "signers": {str(p.number): {"tone": p.tone, "handedness": p.handedness} for p in people},
        "seconds": round(time.perf_counter() - start, 3),
        "note": "Drawn hands are for trying things out; results on them say nothing about people.",
    }


def _letters(wanted: str) -> tuple[str, ...]:
    try:
        return select_labels(ALPHABET, wanted)
    except DataError as error:
        raise UsageError(
            f"--labels {wanted!r}: {error.wrong}",
            "letters from A to Z",
            "write --labels A,B,C or --labels A-I",
        ) from error
