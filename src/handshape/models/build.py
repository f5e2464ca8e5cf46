"""A whole network from its description, so that a bundle holds numbers and no code."""

import torch

from handshape.config.models import MODELS
from handshape.models.backbones.registry import empty_backbone
from handshape.models.cnn import CNN
from handshape.models.combined import CombinedClassifier, InDistribution
from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.models.heads import Head, Pool
from handshape.models.network_config import NetworkConfig
from handshape.models.onnx_head import OnnxHead
from handshape.models.sign_network import BackboneClassifier, SignNetwork


def empty_network(config: NetworkConfig) -> SignNetwork:
    """Make a network whose parameters are still to be loaded with ``assign=True``.

    Args:
        config: Its description.

    Returns:
        The network, parameters and buffers on torch's ``meta`` device.

    Raises:
        BackboneError: The description names an unknown backbone.
        ValueError: The description of a model of image features lacks its backbone, shape or head.
    """
    kind = MODELS[config.model]
    if kind.image_features and kind.hand_landmarks:
        image, landmarks = _image(config), _landmarks(config)
        assert config.feature_shape is not None  # `_image` has checked
        with torch.device("meta"):
            return CombinedClassifier(
                image, landmarks, InDistribution(config.feature_shape[0], config.labels)
            )
    if kind.image_features:
        return _image(config)
    if kind.hand_landmarks:
        return _landmarks(config)
    with torch.device("meta"):
        return CNN(config.labels, config.preprocessing.size)


def check_features(network: SignNetwork, config: NetworkConfig) -> None:
    """Run a filled network's backbone once to check the shape of its features.

    On torch's ``meta`` device that would cost no arithmetic, and seconds to import torch's compiler.

    Args:
        network: As `empty_network` makes it, with its parameters.
        config: Its description.

    Raises:
        ValueError: The backbone gives features of another shape.
    """
    if network.feature_shape != config.feature_shape:
        raise ValueError(f"{config.backbone} gives features of shape {network.feature_shape}")


def _image(config: NetworkConfig) -> BackboneClassifier:
    if config.backbone is None or config.feature_shape is None or config.head is None:
        raise ValueError(f"a {config.model} network needs backbone, feature_shape and head")
    backbone = empty_backbone(config.backbone, config.preprocessing)
    channels, height, width = config.feature_shape
    pool = Pool(config.head.pool, height, width)  # its matrices are computed, not loaded
    width = channels * pool.side[0] * pool.side[1]
    with torch.device("meta"):
        head = (
            OnnxHead(width, config.head.graph_bytes)
            if config.head.kind == "sklearn"
            else Head(width, config.labels, config.head)
        )
    return BackboneClassifier(backbone, pool, head)


def _landmarks(config: NetworkConfig) -> LandmarkClassifier:
    with torch.device("meta"):
        return LandmarkClassifier(PoseClassifier(config.labels, config.handshapes))
