"""Add signs to a recogniser, from photos of them."""

from typing import Any

from handshape.commands.shared import index_photos, list_photos
from handshape.config.use import AddConfig
from handshape.data.dataset import Dataset
from handshape.data.images.prepared import content_digest
from handshape.models.hand.hand_finder import HandFinder
from handshape.progress import say
from handshape.recogniser import Recogniser, load
from handshape.run import check_out, default_out
from handshape.teaching.add_photos import add_photos, check_takes_signs
from handshape.teaching.taught_signs import TaughtSigns


def add(config: AddConfig) -> dict[str, Any]:
    """Add signs, write the run and return the content of ``metrics.json``."""
    return add_run(config).to_dict()


def add_run(
    config: AddConfig, given: Dataset | None = None, recogniser: Recogniser | None = None
) -> TaughtSigns:
    """Add signs as `add` does, with photos and a recogniser that a program may pass.

    Raises:
        BundleError: There is no recogniser, it is damaged, or it does not classify hand landmarks.
        DataError: The data cannot be read.
        OutputError: The run cannot be written.
    """
    out = config.out or default_out("add")
    check_out(out, force=config.force)
    listed = list_photos(config, config.data, given)
    base = recogniser or load(config.bundle)
    check_takes_signs(base)
    cache, index = index_photos(config, listed=listed, finder=HandFinder())
    taught = add_photos(base, index, cache)
    taught.save(
        out, "add", config, digest=content_digest("\n".join(index.digests).encode()), force=config.force
    )
    say(f"Recogniser: {out}")
    return taught
