"""Adapt a recogniser to a room it has never seen, by photos of signs there that nobody has labelled."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from handshape.cache.location import open_store
from handshape.commands.shared import read_signs, say_left_out
from handshape.config.use import AdaptConfig
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import Scan, scan_dataset
from handshape.data.images.prepared import content_digest, read_batch
from handshape.data.io.folder import read_unlabelled
from handshape.errors import BundleError, DataError
from handshape.evaluation.report.model_card import model_card
from handshape.models.combined import HandReader, shown
from handshape.models.network import RoomsNetwork
from handshape.progress import track
from handshape.recogniser import Recogniser, load
from handshape.run import BUNDLE, check_out, default_out, describe, new_run, write_json

# Of fewer photos the mean says more of which signs were made than of the room.
_FEWEST = 30
# How far the second reader goes from what it is used to towards the new room: all the way, and a room where
# only some of the signs were shown would be taken for one where no others are made.
_SHARE = 0.5
_TOGETHER = 16


def adapt(config: AdaptConfig) -> dict[str, Any]:
    """Adapt a recogniser of the best recipe, and write it as a run of its own.

    Its second reader takes for the mean and the spread of each feature what lies halfway between what it is
    used to and what it sees in the new room.

    Args:
        config: The settings.

    Returns:
        Where the run is, how many photos were looked at and how many left out, the share whose answer has
        changed, and the mean probability of the answers before and after.

    Raises:
        BundleError: The recogniser is missing, damaged, or has no second reader.
        DataNotFoundError: There is no such folder.
        DataError: There are too few photos in it.
        OutputError: The run cannot be written.

    Source: Li et al., Revisiting Batch Normalization for Practical Domain Adaptation, 2016 (statistics of the
    new domain in place of the old one's), here on the features that the head reads.
    """
    out = config.out or default_out("adapt")
    check_out(out, force=config.force)
    recogniser = load(config.bundle)
    network, preprocessing = recogniser.network, recogniser.config.network.preprocessing
    if not isinstance(network, RoomsNetwork):
        raise BundleError(
            f"{str(config.bundle)!r} has no reader for rooms never seen",
            "a recogniser that was trained with --recipe best",
            "train one",
        )
    assert config.unlabelled is not None  # the settings see to that
    scan = _scan(config.unlabelled, open_store(config.store), preprocessing.size)
    photos = np.arange(len(scan.dataset))
    before = read_signs(recogniser, scan, photos)
    _move(network.reader, scan, preprocessing, config.unlabelled)
    after = read_signs(recogniser, scan, photos)
    found = {
        "run": str(out),
        "photos": len(photos),
        "unreadable": len(scan.dataset.unreadable),
        "changed": float((before.argmax(axis=1) != after.argmax(axis=1)).mean()),
        "probability_before": float(before.max(axis=1).mean()),
        "probability_after": float(after.max(axis=1).mean()),
    }
    _write(recogniser, config, out, found, content_digest("\n".join(scan.digests).encode()))
    return found


def _scan(folder: Path, store: Path, size: int) -> Scan:
    dataset = read_unlabelled(folder)
    _require_enough(len(dataset), folder)
    scan = scan_dataset(dataset, store, size=size, measure=False)
    say_left_out(scan.dataset.unreadable)
    _require_enough(len(scan.dataset), folder)
    return scan


def _require_enough(photos: int, folder: Path, what: str = "that can be read") -> None:
    if photos < _FEWEST:
        raise DataError(
            f"{photos} photos in {str(folder)!r} {what}",
            f"{_FEWEST} or more, of all labels as far as possible",
            "take some more in that room",
        )


def _move(reader: HandReader, scan: Scan, preprocessing: Preprocessing, folder: Path) -> None:
    """Move a reader's standardisation towards the statistics of the hands in photos."""
    parts, count = list[Tensor](), len(scan.dataset)
    with torch.inference_mode(), track("Adapting", count) as advance:
        for start in range(0, count, _TOGETHER):
            prepared = read_batch(scan.images, range(start, min(start + _TOGETHER, count)))
            hands, _ = reader.look(preprocessing.normalise(torch.from_numpy(prepared)))
            parts.append(hands[shown(hands)])
            advance(len(prepared))
        rows, head = torch.cat(parts), reader.head
        _require_enough(len(rows), folder, "with a hand that was found")
        usual = torch.where(head.scale > 0, 1 / head.scale.clamp(min=1e-12), 0.0)
        mean = (1 - _SHARE) * head.mean + _SHARE * rows.mean(dim=0)
        deviation = (1 - _SHARE) * usual + _SHARE * rows.std(dim=0, correction=0)
        head.scale_to(mean, torch.where(head.scale > 0, deviation, 0.0))


def _write(
    recogniser: Recogniser, config: AdaptConfig, out: Path, found: dict[str, Any], digest: str
) -> None:
    """Write the run. The figures of the recogniser it was made from are not this one's, and are left out."""
    about = recogniser.config
    trained_on = {**about.trained_on, "adapted_to": {"photos": found["photos"], "digest": digest}}
    changed = replace(about, trained_on=trained_on, figures={})
    card = model_card(changed.labels, changed.network, changed.threshold, trained_on, {})
    with new_run(out, force=config.force) as folder:
        write_json(folder / "config.json", describe("adapt", config, digest))
        write_json(folder / "metrics.json", found)
        Recogniser(recogniser.network, changed).save(folder / BUNDLE, card)
