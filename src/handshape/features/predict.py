"""Predict photos from cached features and landmarks, so that nothing is computed twice."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from handshape.data.augment import Views
from handshape.data.images.prepared import PreparedImages
from handshape.features.extract import Extractor, features_of
from handshape.features.hand_landmarks import landmark_extractor, landmarks_of
from handshape.models.backbones.registry import Backbone
from handshape.models.sign_network import SignNetwork


def predict_from_cache(
    network: SignNetwork, images: PreparedImages, digests: Sequence[str], cache: Path, device: torch.device
) -> Tensor:
    """Return (N, K) float32 logits, computing only what the cache does not have of the photos.

    Args:
        network: One with image features or landmarks whose backbone is not fine-tuned.
        images: N prepared images.
        digests: N content digests.
        cache: The cache's folder.
        device: Where networks run.
    """
    features = landmarks = right_hand = torch.zeros(0)
    image = network.image_classifier
    if image is not None:
        assert isinstance(image.backbone, Backbone)  # it is whole outside training
        extractor = Extractor(image.backbone, image.pool.side[0], Views(), device)
        stored = features_of(extractor, images, digests, cache)
        features = torch.from_numpy(stored.astype("float32"))
    if network.hand_finder is not None:
        rows, right = landmarks_of(landmark_extractor(device, network.hand_finder), images, digests, cache)
        landmarks, right_hand = torch.from_numpy(rows), torch.from_numpy(right)
    network.cpu()
    with torch.inference_mode():
        return network.from_features(features, landmarks, right_hand)
