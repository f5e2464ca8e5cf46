"""Predict photos from their features and hand landmarks, computing only what is not in the cache."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.data.augment import Views
from handshape.data.images.decode import Preprocessing
from handshape.data.images.prepared import PreparedImages
from handshape.features.extract import Extractor, features_of
from handshape.inference.batch_retry import ON_A_CORE
from handshape.models.backbones.registry import Backbone
from handshape.models.sign_network import SignNetwork
from handshape.types import HandRows


def predict_from_cache(
    network: SignNetwork,
    images: PreparedImages,
    digests: Sequence[str],
    hands: HandRows | None,
    cache: Path,
    device: torch.device,
) -> Tensor:
    """Return (N, K) float32 logits, computing only what the cache does not have of the photos.

    Args:
        network: One whose backbone is not fine-tuned.
        images: N prepared images.
        digests: N content digests.
        hands: Of the photos, for networks that use them.
        cache: The cache folder.
        device: Where networks run.
    """
    features = torch.zeros(0)
    image = network.image_classifier
    if image is not None:
        assert isinstance(image.backbone, Backbone)  # it is whole outside training
        extractor = Extractor(image.backbone, image.pool.side[0], Views(), device)
        features = torch.from_numpy(features_of(extractor, images, digests, cache).astype("float32"))
    network.cpu()
    with torch.inference_mode():
        return network.from_features(features, *_tensors(hands))


def predict_features(
    network: SignNetwork,
    preprocessing: Preprocessing,
    prepared: NDArray[np.uint8],
    hands: HandRows | None,
) -> Tensor:
    """Return (N, K) float32 logits of prepared images in torch.

    Args:
        network: On the CPU.
        preprocessing: What its images go through.
        prepared: (N, S, S, 3) uint8.
        hands: Of the images, for networks that use them.
    """
    image, features = network.image_network, torch.zeros(0)
    with torch.inference_mode():
        if image is not None:
            parts = torch.split(torch.from_numpy(prepared), ON_A_CORE)
            features = torch.cat([image(preprocessing.normalise(part)) for part in parts])
        return network.from_features(features, *_tensors(hands))


def _tensors(hands: HandRows | None) -> tuple[Tensor, Tensor]:
    if hands is None:
        return torch.zeros(0), torch.zeros(0)
    return torch.from_numpy(hands.rows), torch.from_numpy(hands.right_hand)
