"""Where in a photo a network found what made it say one label rather than another."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.models.sign_network import SignNetwork

# Heads take square roots of features, whose slope at 0 has no end; this is small beside any feature that
# counts, and is still a number after the head has rounded features to float16.
_LEAST = 1e-4


def gradcam(network: SignNetwork, images: Tensor, said: Tensor, instead_of: Tensor) -> Tensor:
    """Show where a network found what spoke for one label rather than another.

    Each place of the last feature map counts with its own features times their own gradients. Grad-CAM's
    first form averages the gradients over the places before that, which is only right where the network
    averages its features over all places too; the heads here do not.

    Args:
        network: One with a feature map, in evaluation mode.
        images: (N, 3, H, W) float32, RGB, normalised for this network.
        said: (N,) int64 in [0, K), the labels it gave.
        instead_of: (N,) int64 in [0, K), the labels to set against them.

    Returns:
        (N, H, W) float32 on the CPU in [0, 1]: 1 where most speaks for ``said``, 0 where nothing does.

    Source: Selvaraju et al., Grad-CAM, ICCV 2017; Draelos and Carin, Use HiResCAM instead of Grad-CAM for
    faithful explanations of convolutional neural networks, 2020 (the form used here).
    """
    place = next(network.parameters()).device
    kept: list[Tensor] = []

    def keep(_: nn.Module, __: tuple[Tensor, ...], features: Tensor) -> Tensor:
        # The layers below are done: gradients are needed from here upwards only.
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
            difference = logits[rows, said.to(place)] - logits[rows, instead_of.to(place)]
            (slope,) = torch.autograd.grad(difference.sum(), kept[1])
    finally:
        handle.remove()
    found = (slope * kept[0]).sum(dim=1, keepdim=True).clamp(min=0).cpu()  # (N, 1, h, w)
    grown = F.interpolate(found, images.shape[2:], mode="bicubic", align_corners=False)[:, 0].clamp(min=0)
    return grown / grown.amax(dim=(1, 2), keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
