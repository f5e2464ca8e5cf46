"""Adapt a recogniser to a room it has never seen, by photos of signs there that nobody has labelled."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from handshape.config.use import AdaptConfig
from handshape.data.image import read_image
from handshape.data.prepared import content_digest
from handshape.errors import BundleError, DataError, DataNotFoundError, ImageError
from handshape.evaluation.card import model_card
from handshape.models.network import RoomsNetwork
from handshape.progress import say, track
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
    if not isinstance(recogniser.network, RoomsNetwork):
        raise BundleError(
            f"{str(config.bundle)!r} has no reader for rooms never seen",
            "a recogniser that was trained with --recipe best",
            "train one",
        )
    assert config.unlabelled is not None  # the settings see to that
    prepared, digests, broken = _photos(config.unlabelled.expanduser(), recogniser)
    before = _probabilities(recogniser, prepared)
    _move(recogniser.network, recogniser, prepared)
    after = _probabilities(recogniser, prepared)
    found = {
        "run": str(out),
        "photos": len(prepared),
        "unreadable": broken,
        "changed": float((before.argmax(axis=1) != after.argmax(axis=1)).mean()),
        "probability_before": float(before.max(axis=1).mean()),
        "probability_after": float(after.max(axis=1).mean()),
    }
    _write(recogniser, config, out, found, content_digest("\n".join(digests).encode()))
    return found


def _photos(folder: Path, recogniser: Recogniser) -> tuple[list[NDArray[np.uint8]], list[str], int]:
    """Return prepared photos, their content digests, and how many could not be read."""
    if not folder.is_dir():
        raise DataNotFoundError(f"no folder at {str(folder)!r}", "a folder of photos", "check --unlabelled")
    endings = set(Image.registered_extensions())
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings and path.is_file())
    prepare = recogniser.config.network.preprocessing.prepare
    prepared, digests, broken = list[NDArray[np.uint8]](), list[str](), 0
    with track("Looking at photos", len(paths)) as advance:
        for path in paths:
            try:
                prepared.append(prepare(read_image(path)))
                digests.append(content_digest(path.read_bytes()))
            except ImageError as error:
                broken += 1
                say(f"Left out: {error.wrong}")
            advance(1)
    if len(prepared) < _FEWEST:
        raise DataError(
            f"{len(prepared)} photos in {str(folder)!r} that can be read",
            f"{_FEWEST} or more, of all labels as far as possible",
            "take some more in that room",
        )
    return prepared, digests, broken


def _probabilities(recogniser: Recogniser, prepared: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    starts = range(0, len(prepared), _TOGETHER)
    parts = [np.stack(prepared[start : start + _TOGETHER]) for start in starts]
    return np.concatenate([recogniser.prepared_probabilities(part) for part in parts])


def _move(network: RoomsNetwork, recogniser: Recogniser, prepared: Sequence[NDArray[np.uint8]]) -> None:
    """Move the second reader's standardisation towards the statistics of photos."""
    normalise, parts = recogniser.config.network.preprocessing.normalise, list[Tensor]()
    with torch.inference_mode(), track("Adapting", len(prepared)) as advance:
        for start in range(0, len(prepared), _TOGETHER):
            some = prepared[start : start + _TOGETHER]
            parts.extend(network.reader.glances(normalise(torch.from_numpy(np.stack(some)))))
            advance(len(some))
        features, head = torch.cat(parts), network.reader.head
        usual = torch.where(head.scale > 0, 1 / head.scale.clamp(min=1e-12), 0.0)
        mean = (1 - _SHARE) * head.mean + _SHARE * features.mean(dim=0)
        deviation = (1 - _SHARE) * usual + _SHARE * features.std(dim=0, correction=0)
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
