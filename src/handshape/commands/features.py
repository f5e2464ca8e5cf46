"""Fill the feature store, so that training later costs seconds."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from handshape.commands.material import choose_device, scan_material
from handshape.config.data import DataConfig
from handshape.config.use import FeaturesConfig
from handshape.data.folder import read_folder
from handshape.data.scan import digests_of
from handshape.features.extract import fill_store, make_extractor
from handshape.features.upkeep import describe_store, prune_store
from handshape.models.backbone import load_backbone
from handshape.store.location import open_store


def features(config: FeaturesConfig) -> dict[str, Any]:
    """Extract and store the features of every image, describe the store, or prune it.

    Args:
        config: The settings.

    Returns:
        How many images there are, the shape of their features, and the backbone and its weights; with
        ``info`` what the store holds; with ``prune`` what went.

    Raises:
        HandshapeError: Something a user can mend; see the message.
    """
    if config.info:
        return describe_store(open_store(config.store))
    assert config.data is not None  # the settings see to it
    if config.prune:
        return _prune(config, config.data)
    device = choose_device(config.device)
    backbone = load_backbone(config.backbone, config.weights, seed=config.seed)
    options = {field.name: getattr(config, field.name) for field in fields(DataConfig)}
    # The data is checked when something is trained on it: that takes as long as reading it twice.
    store, scan = scan_material(DataConfig(**options), size=backbone.preprocessing.size, measure=False)
    extractor = make_extractor(backbone, config, device, store)
    for view in range(1 + config.views):
        fill_store(extractor, scan.images, scan.digests, store, view=view)
    return {
        "images": len(scan.dataset),
        "views": config.views,
        "shape": list(extractor.shape),
        "bytes": int(np.prod(extractor.shape)) * 2 * len(scan.dataset) * (1 + config.views),
        "backbone": backbone.name,
        "weights": backbone.source,
        "precision": config.precision,
        "store": str(store),
    }


def _prune(config: FeaturesConfig, data: Path) -> dict[str, Any]:
    # Whatever labels are asked for: a photo of another label is still there.
    dataset, store = read_folder(data), open_store(config.store)
    present = set(digests_of(dataset))
    return {"store": str(store), "pruned": asdict(prune_store(store, dataset.root, present))}
