"""Finding the hand in a photo, and its landmarks."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.data.images.decode import Preprocessing
from handshape.models.backbones.bundled_weights import Packaged
from handshape.models.hand import landmark_network as landmark_net
from handshape.models.hand import palm_detector as palm
from handshape.types import HandLandmarks

WEIGHTS = Packaged(Path(__file__).with_name("landmarks.safetensors"), "934267bcbf3d1f5bf0383e47c325e6f4")
"""Written by tools/convert_landmarks.py, which prints the digest."""
PREPROCESSING = Preprocessing(224)
LANDMARK_WIDTH = 3 * landmark_net.POINTS
"""Numbers of a hand's landmarks: x, y and depth of each."""

# Room around the photo in which the palm is looked for, in shares of its side: a hand that fills the photo is
# larger than those the network was trained on.
_ROOM = 0.25
# Gamma by which photos are lightened before anything is looked for, so that a dark hand, or a hand in the
# dark, is found as well as a bright one: docs/research/landmarks.md.
_GAMMA = 0.5
# From the palm's box to the hand's: how much larger, and how far towards the fingers, in palm widths.
_PALMS, _AHEAD = 2.6, 0.5
# The same from the box around the landmarks that are not at fingertips.
_HANDS, _FURTHER = 2.0, 0.1
METHOD = f"gamma {_GAMMA}; room {_ROOM}; palms {_PALMS} {_AHEAD}; hands {_HANDS} {_FURTHER}; two looks"
"""How landmarks are found beside the weights; landmarks found in another way are cached apart."""
_WRIST, _ROOTS = 0, (5, 9, 13, 17)
_ROOTED = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)


class HandFinder(nn.Module):
    """Finds the most visible hand of each photo, and its landmarks.

    Source: MediaPipe Hands (F. Zhang and others, arXiv 2006.10214), for one hand, all photos at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.palm, self.landmarks = palm.PalmNet(), landmark_net.LandmarkNet()

    def find(self, images: Tensor) -> HandLandmarks:
        """Find the hands in (N, 3, S, S) float32 images, RGB in [0, 1].

        Where there is no hand, the landmarks are of what looks most like one and mean nothing.
        """
        images = images**_GAMMA
        whole = images.new_tensor([0.5, 0.5, 1 + 2 * _ROOM, 0.0]).expand(images.shape[0], 4)
        first = self._landmarks(
            images, _around_palm(_unshared(self.palm(cut(images, whole, palm.PALM_SIZE))))
        )
        # Landmarks locate the hand better than the palm does: they are found again in their own crop.
        return self._landmarks(images, _around_points(first.points[:, :, :2]))

    def _landmarks(self, images: Tensor, boxes: Tensor) -> HandLandmarks:
        points, presence, right_hand = self.landmarks(cut(images, boxes, landmark_net.CROP_SIZE))
        return HandLandmarks(_put_back(points, boxes), presence, right_hand)

    def normalise(self, hands: HandLandmarks) -> Tensor:
        """Return landmarks that do not depend on where the hand is, how large, and which hand it is.

        Args:
            hands: Of N photos.

        Returns:
            (N, 63, 1, 1) float32: x, y and depth of each landmark from the wrist, in lengths of the palm; a
            left hand is mirrored; all 0 where no hand was found.
        """
        points = hands.points - hands.points[:, _WRIST, None]
        length = points[:, _ROOTS].mean(dim=1).norm(dim=1).clamp(min=1e-3)
        across = torch.where(hands.right_hand > 0.5, 1.0, -1.0)
        signs = torch.stack([across, torch.ones_like(across), torch.ones_like(across)], dim=1)
        found = hands.found / length
        normalised: Tensor = points * (signs * found[:, None])[:, None]
        return normalised.flatten(1)[:, :, None, None]

    def forward(self, images: Tensor) -> Tensor:
        """Return what the cache keeps of (N, 3, S, S) images, RGB in [0, 1]; see `to_rows`."""
        return self.to_rows(self.find(images))

    def to_rows(self, hands: HandLandmarks) -> Tensor:
        """Return (N, 64, 1, 1) float32: normalised landmarks, and 1 for a right hand, else 0."""
        right = (hands.right_hand > 0.5).to(hands.points.dtype)
        return torch.cat([self.normalise(hands), right[:, None, None, None]], dim=1)


def load_hand_finder() -> HandFinder:
    """Return the hand finder with the weights that come with handshape, in evaluation mode."""
    with torch.device("meta"):
        finder = HandFinder()
    finder.load_state_dict(dict(WEIGHTS.read()), assign=True)
    return finder.to(memory_format=torch.channels_last).eval().requires_grad_(False)


def has_hand(landmarks: Tensor) -> Tensor:
    """Return (N,) bool, in which of (N, 63) normalised landmarks a hand was found."""
    return (landmarks != 0).any(dim=1)


def cut(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cut a turned square out of each image.

    Args:
        images: (N, 3, S, S) float32.
        boxes: (N, 4) float32: x and y of its middle and its side, in shares of the image, and by how much its
            upper side is turned clockwise, radians.
        size: Height and width of what is cut out, pixels.

    Returns:
        (N, 3, size, size) float32; 0 where there was nothing to cut out.
    """
    along = (torch.arange(size, device=images.device) + 0.5) / size - 0.5
    x, y, side, turned = (column[:, None, None] for column in boxes.unbind(1))
    cos, sin = side * turned.cos(), side * turned.sin()
    down = along[:, None]
    grid = torch.stack([x + cos * along - sin * down, y + sin * along + cos * down], dim=3)
    # torch counts from -1 to 1.
    return F.grid_sample(images, 2 * grid - 1, mode="bilinear", padding_mode="zeros", align_corners=False)


def _unshared(boxes: Tensor) -> Tensor:
    """Return boxes in shares of the photo with room around it as boxes in shares of the photo."""
    middle, side, turned = boxes[:, :2], boxes[:, 2:3], boxes[:, 3:]
    return torch.cat([middle * (1 + 2 * _ROOM) - _ROOM, side * (1 + 2 * _ROOM), turned], dim=1)


def _around_palm(boxes: Tensor) -> Tensor:
    """Return (N, 4) float32 boxes of hands from those of their palms."""
    middle, side, turned = boxes[:, :2], boxes[:, 2:3], boxes[:, 3:]
    ahead = _AHEAD * side * torch.cat([turned.sin(), -turned.cos()], dim=1)
    return torch.cat([middle + ahead, _PALMS * side, turned], dim=1)


def _around_points(points: Tensor) -> Tensor:
    """Return (N, 4) float32 boxes of hands from (N, 21, 2) float32 landmarks."""
    # Fingertips move most between signs and say least of where the hand is.
    index, middle, ring = (points[:, root] for root in _ROOTS[:3])
    up = (index + ring) / 4 + middle / 2 - points[:, _WRIST]
    turned = torch.atan2(up[:, 0], -up[:, 1])
    across, along = turned.cos(), turned.sin()
    turn = torch.stack([torch.stack([across, along], dim=1), torch.stack([-along, across], dim=1)], dim=1)
    upright = points[:, _ROOTED] @ turn.mT  # (N, R, 2): to the hand's right, and down towards its wrist
    low, high = upright.amin(dim=1), upright.amax(dim=1)
    sides = high - low
    middle = (low + high) / 2 - sides * sides.new_tensor([0.0, _FURTHER])
    back = (middle[:, None] @ turn)[:, 0]
    return torch.cat([back, _HANDS * sides.amax(dim=1, keepdim=True), turned[:, None]], dim=1)


def _put_back(points: Tensor, boxes: Tensor) -> Tensor:
    """Return landmarks in shares of the squares as landmarks in shares of the images."""
    x, y, side, turned = (column[:, None] for column in boxes.unbind(1))
    right, down, depth = (points - points.new_tensor([0.5, 0.5, 0.0])).unbind(2)
    cos, sin = turned.cos(), turned.sin()
    moved = x + side * (cos * right - sin * down), y + side * (sin * right + cos * down), side * depth
    return torch.stack(moved, dim=2)
