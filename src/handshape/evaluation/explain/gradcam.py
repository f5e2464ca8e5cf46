"""Grad-CAM: the parts of a photo that led to one label rather than another."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.models.onnx_head import OnnxHead
from handshape.models.sign_network import BackboneClassifier, SignNetwork

# Heads take square roots of features, whose gradient at 0 is infinite. This value is small beside the other
# features, and still above 0 as float16.
_LEAST = 1e-4


def gradcam(network: SignNetwork, images: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
    """Show which parts of a photo led to one label rather than another.

    Features are multiplied by their gradients at each position of the last feature map (HiResCAM). The
    original Grad-CAM averages the gradients over positions first, which is only correct for networks with
    global average pooling; the heads here have none.

    Args:
        network: One with a feature map, in evaluation mode.
        images: (N, 3, H, W) float32, RGB, normalised for this network.
        predicted: (N,) int64 in [0, K), the predicted classes.
        true: (N,) int64 in [0, K), the classes to compare them with.

    Returns:
        (N, H, W) float32 on the CPU in [0, 1]: 1 where ``predicted`` is favoured most, 0 where it is not.

    Source: Selvaraju et al., Grad-CAM, ICCV 2017; Draelos and Carin, Use HiResCAM instead of Grad-CAM for
    faithful explanations of convolutional neural networks, 2020 (the form used here).
    """
    if network.image_classifier is not None and isinstance(network.image_classifier.head, OnnxHead):
        return _larger(_occluded(network.image_classifier, images, predicted, true), images)
    place = next(network.parameters()).device
    kept: list[Tensor] = []

    def keep(_: nn.Module, __: tuple[Tensor, ...], features: Tensor) -> Tensor:
        # Gradients are needed from this layer upwards only.
        features = features.detach()
        lifted = torch.where(features.abs() < _LEAST, _LEAST, features).requires_grad_()
        kept.extend((features, lifted))
        return lifted

    assert network.feature_map is not None  # its caller asks first
    handle = network.feature_map.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            logits: Tensor = network(images.to(place))
            rows = torch.arange(len(images), device=place)
            difference = logits[rows, predicted.to(place)] - logits[rows, true.to(place)]
            (slope,) = torch.autograd.grad(difference.sum(), kept[1])
    finally:
        handle.remove()
    found = (slope * kept[0]).sum(dim=1, keepdim=True).clamp(min=0).cpu()  # (N, 1, h, w)
    return _larger(found, images)


def _occluded(network: BackboneClassifier, images: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
    """Return (N, 1, h, w): how much less ``predicted`` is favoured where a position of the features is 0.

    It stands in where no gradient passes through the head.
    """
    rows = torch.arange(len(images))

    def difference(features: Tensor) -> Tensor:
        logits = network.head(network.pool(features))
        favoured: Tensor = logits[rows, predicted] - logits[rows, true]
        return favoured

    with torch.inference_mode():
        features = network.backbone(images)
        before, found = difference(features), torch.zeros(len(images), 1, *features.shape[2:])
        for y in range(features.shape[2]):
            for x in range(features.shape[3]):
                without = features.clone()
                without[:, :, y, x] = 0
                found[:, 0, y, x] = before - difference(without)
    return found.clamp(min=0)


def _larger(found: Tensor, images: Tensor) -> Tensor:
    """Return (N, 1, h, w) values in the size of the images, the largest of each 1."""
    grown = F.interpolate(found, images.shape[2:], mode="bicubic", align_corners=False)[:, 0].clamp(min=0)
    return grown / grown.amax(dim=(1, 2), keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
