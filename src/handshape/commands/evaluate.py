"""Measure a saved recogniser on photos it has never seen."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.commands.material import scan_material
from handshape.config.use import EvaluateConfig
from handshape.data.prepared import content_digest
from handshape.data.scan import Scan
from handshape.errors import DataError
from handshape.evaluation.intervals import accuracy_interval
from handshape.evaluation.metrics import measure
from handshape.progress import say, track
from handshape.recogniser import Recogniser, load
from handshape.run import check_out, describe, new_run, write_json

_BATCH = 64


def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Measure a recogniser on a data set; labels are matched by name.

    Args:
        config: The settings.

    Returns:
        Accuracy over all photos of known labels, its interval, and figures per label and per signer.

    Raises:
        HandshapeError: Something a user can mend; see the message.
    """
    if config.out:
        check_out(config.out, force=config.force)
    recogniser = load(config.bundle)
    _, scan = scan_material(config, size=recogniser.config.network.preprocessing.size)
    known = np.array([sample.label in recogniser.labels for sample in scan.dataset.samples])
    unknown = sorted({s.label for s, k in zip(scan.dataset.samples, known, strict=True) if not k})
    if not known.any():
        raise DataError(
            f"no photo of a label that the recogniser knows in {str(config.data)!r}",
            f"labels among {', '.join(recogniser.labels)}",
            "check the names of the folders",
        )
    if unknown:
        say(f"Left out, for the recogniser does not know them: {', '.join(unknown)}")
    probabilities = _probabilities(recogniser, scan, np.flatnonzero(known))
    # The samples get the classes that the recogniser knows their labels by.
    tested = replace(scan.dataset.where(known.tolist()), labels=recogniser.labels)
    signers = [sample.signer for sample in tested.samples]
    figures = measure(tested.classes, probabilities, recogniser.labels, signers)
    interval = accuracy_interval(probabilities.argmax(axis=1) == tested.classes, signers)
    measured = {
        **figures.to_dict(),
        "interval": [interval.low, interval.high],
        "interval_method": interval.method,
        "unknown_labels": unknown,
        "unreadable": len(scan.dataset.unreadable),
    }
    if config.out:
        with new_run(config.out, force=config.force) as folder:
            digest = content_digest("\n".join(scan.digests).encode())
            write_json(folder / "config.json", describe("evaluate", config, digest))
            write_json(folder / "metrics.json", measured)
    return measured


def _probabilities(recogniser: Recogniser, scan: Scan, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    rows: list[NDArray[np.float32]] = []
    with track("Reading signs", len(indices)) as advance:
        for start in range(0, len(indices), _BATCH):
            batch = indices[start : start + _BATCH]
            rows.append(recogniser.prepared_probabilities(scan.images.take(batch)))
            advance(len(batch))
    return np.concatenate(rows)
