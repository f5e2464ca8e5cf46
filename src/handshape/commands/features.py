"""Fill the feature store, so that training later costs seconds."""

from typing import Any

import numpy as np

from handshape.commands.material import choose_device, scan_material
from handshape.config.use import FeaturesConfig
from handshape.data.augment import Views
from handshape.features.extract import Extractor, fill_store
from handshape.models.backbone import load_backbone


def features(config: FeaturesConfig) -> dict[str, Any]:
    """Extract and store the features of every image.

    Args:
        config: The settings.

    Returns:
        How many images there are, the shape of their features, and the backbone and its weights.

    Raises:
        HandshapeError: Something a user can mend; see the message.
    """
    device = choose_device(config.device)
    backbone = load_backbone(config.backbone, config.weights, seed=config.seed)
    store, scan = scan_material(config, size=backbone.preprocessing.size)
    extractor = Extractor(backbone, config.places, Views(), device)
    for view in range(1 + config.views):
        fill_store(extractor, scan.images, scan.digests, store, view=view)
    return {
        "images": len(scan.dataset),
        "views": config.views,
        "shape": list(extractor.shape),
        "bytes": int(np.prod(extractor.shape)) * 2 * len(scan.dataset) * (1 + config.views),
        "backbone": backbone.name,
        "weights": backbone.source,
        "store": str(store),
    }
