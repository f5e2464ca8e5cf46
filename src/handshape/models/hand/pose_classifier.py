"""A Gaussian classifier of hands: of their landmarks and of the landmark network's embedding."""

import math
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.models.hand.hand_finder import EMBEDDING_WIDTH, HAND_WIDTH, LANDMARK_WIDTH
from handshape.models.hand.pose_fit import (
    EMBEDDING_SPREAD,
    EMBEDDING_WEIGHT,
    NEVER,
    NOWHERE,
    PEOPLE,
    ROTATION,
    SHIFT,
    SPREAD,
    YAWS,
)


class PoseClassifier(nn.Module):
    """View-invariant Gaussian classifier of the hand's landmarks and its embedding.

    A handshape is a mixture of Gaussians around its mean hand, rotated to several yaws. All handshapes share
    one covariance. Depth rotates the means and is not compared: it is the least exact coordinate. A hand is
    classified together with its mirror image, for it may be the other hand, or seen from behind. The
    embedding is another Gaussian, independent of the first. Usually each label is one handshape.

    It is fitted in closed form to the statistics of each handshape, which it keeps: so signs can be added and
    removed without the photos.

    Args:
        labels: K.
        handshapes: M, where a label has several; K by default.
    """

    def __init__(self, labels: int, handshapes: int | None = None) -> None:
        super().__init__()
        shapes, flat = handshapes or labels, 2 * LANDMARK_WIDTH // 3
        self.register_buffer("counts", torch.zeros(shapes))
        self.register_buffer("means", torch.zeros(shapes, HAND_WIDTH))
        self.register_buffer("landmark_scatter", torch.zeros(labels, LANDMARK_WIDTH, LANDMARK_WIDTH))
        self.register_buffer("embedding_scatter", torch.zeros(labels, EMBEDDING_WIDTH, EMBEDDING_WIDTH))
        # Filled, not computed: on torch's ``meta`` device arithmetic imports its compiler, a second's work.
        membership = torch.full((shapes, labels), NEVER)
        self.register_buffer("membership", membership)
        if shapes == labels:
            membership.fill_diagonal_(0)
        self.register_buffer("temperature", torch.ones(()))
        self.rotated_means = nn.Parameter(torch.zeros(len(YAWS), shapes, flat))
        self.embedding_means = nn.Parameter(torch.zeros(shapes, EMBEDDING_WIDTH))
        self.register_buffer("whiten", torch.zeros(flat, flat))
        self.register_buffer("whiten_embedding", torch.zeros(EMBEDDING_WIDTH, EMBEDDING_WIDTH))

    counts: Tensor
    """(M,) float32 number of hands of each handshape."""
    means: Tensor
    """(M, 88) float32 mean landmarks and embedding of each handshape."""
    landmark_scatter: Tensor
    """(K, 63, 63) float32 sums of products of the landmarks' deviations from these means."""
    embedding_scatter: Tensor
    """(K, 25, 25) float32 the same of the embedding, over photos and their mirror images."""
    membership: Tensor
    """(M, K) float32 log-weight of each handshape in each label."""
    temperature: Tensor
    """() float32, divides all log-densities."""
    rotated_means: Tensor
    """(Y, M, 42) float32 rotated means, whitened by the shared covariance."""
    embedding_means: Tensor
    """(M, 25) float32 mean embeddings, whitened."""
    whiten: Tensor
    """(42, 42) float32, from x and y to whitened ones."""
    whiten_embedding: Tensor
    """(25, 25) float32, the same for the embedding."""

    @property
    def labels(self) -> int:
        """K."""
        return int(self.membership.shape[1])

    def forward(self, hands: Tensor) -> Tensor:
        """Return (N, K) float32 logits of (N, 88) float32 hands, as `normalise` gives them."""
        landmarks, embedding = hands[:, :LANDMARK_WIDTH], hands[:, LANDMARK_WIDTH:]
        both = torch.cat([self._log_densities(landmarks), self._log_densities(mirror(landmarks))], dim=1)
        away = (embedding @ self.whiten_embedding)[:, None] - self.embedding_means
        by_handshape = both.logsumexp(dim=1) - away.square().sum(dim=2) / 2
        return (by_handshape[:, :, None] + self.membership).logsumexp(dim=1)

    def _log_densities(self, landmarks: Tensor) -> Tensor:
        white = flat(landmarks) @ self.whiten
        return -(white[:, None, None] - self.rotated_means).square().sum(dim=3) / 2

    def count(
        self,
        hands: Tensor,
        mirrored: Tensor,
        handshapes: NDArray[np.int64],
        weights: NDArray[np.float32] | None = None,
    ) -> None:
        """Set the statistics of the handshapes and labels.

        Args:
            hands: (N, 88) float32.
            mirrored: (N, 88) float32 of the mirror images of the photos: the embedding of a hand is not that
                of its mirror image, and people sign with either hand.
            handshapes: (N,) int64 in [0, M).
            weights: (N,) float32, how often each hand counts; 1 by default.
        """
        often = torch.ones(len(hands)) if weights is None else torch.from_numpy(weights)
        for statistic in (self.counts, self.means, self.landmark_scatter, self.embedding_scatter):
            statistic.zero_()
        for shape in range(len(self.counts)):
            own, label = torch.from_numpy(handshapes == shape), int(self.membership[shape].argmax())
            self.counts[shape] = often[own].sum()
            for rows, count, part, scatter in (
                (hands[own, :LANDMARK_WIDTH], often[own], slice(LANDMARK_WIDTH), self.landmark_scatter),
                (
                    torch.cat([hands[own], mirrored[own]])[:, LANDMARK_WIDTH:],
                    often[own].repeat(2),
                    slice(LANDMARK_WIDTH, None),
                    self.embedding_scatter,
                ),
            ):
                mean = count @ rows / count.sum().clamp(min=1e-9)
                self.means[shape, part] = mean
                scatter[label] += (rows - mean).T @ ((rows - mean) * count[:, None])

    def fit(self, temperature: float = 1.0) -> None:
        """Fit to the statistics of each handshape.

        Args:
            temperature: Divides all log-densities.
        """
        self.temperature.fill_(temperature)
        counts, means = self.counts.double(), self.means.double()
        landmarks, embeddings = means[:, :LANDMARK_WIDTH], means[:, LANDMARK_WIDTH:]
        within = self.landmark_scatter.double().sum(dim=0) / counts.sum()
        second = within + (counts[:, None] * landmarks).T @ landmarks / counts.sum()
        turned = sum(axis @ second @ axis.T for axis in _rotations())
        covariance = (within + math.radians(ROTATION) ** 2 * turned)[_FLAT][:, _FLAT]
        covariance += SHIFT**2 * torch.eye(len(_FLAT)) + PEOPLE * _spread()
        of_embedding = self.embedding_scatter.double().sum(dim=0) / (2 * counts.sum())
        of_embedding += EMBEDDING_SPREAD * torch.eye(EMBEDDING_WIDTH)
        self.whiten.copy_(_whitening(covariance * temperature))
        self.whiten_embedding.copy_(_whitening(of_embedding * temperature / EMBEDDING_WEIGHT))
        absent = (self.counts == 0)[:, None]
        rotated = torch.stack([flat(rotate(landmarks, degrees)) for degrees in YAWS]).float()
        with torch.no_grad():
            self.rotated_means.copy_((rotated @ self.whiten).masked_fill(absent, NOWHERE))
            self.embedding_means.copy_(
                (embeddings.float() @ self.whiten_embedding).masked_fill(absent, NOWHERE)
            )


def flat(landmarks: Tensor) -> Tensor:
    """Return (..., 42) x and y of (..., 63) landmarks."""
    return torch.flatten(_points(landmarks)[..., :2], -2)


def mirror(landmarks: Tensor) -> Tensor:
    """Return (N, 63) landmarks of the mirror images of hands."""
    return landmarks * landmarks.new_tensor([-1.0, 1.0, 1.0]).repeat(landmarks.shape[1] // 3)


def rotate(landmarks: Tensor, degrees: float) -> Tensor:
    """Return (N, 63) landmarks of hands rotated around the vertical."""
    x, y, z = _points(landmarks).unbind(2)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.stack([cos * x + sin * z, y, cos * z - sin * x], dim=2).flatten(1)


def _points(landmarks: Tensor) -> Tensor:
    return landmarks.reshape(*landmarks.shape[:-1], landmarks.shape[-1] // 3, 3)


_FLAT = [axis for axis in range(LANDMARK_WIDTH) if axis % 3 < 2]


def _whitening(covariance: Tensor) -> Tensor:
    whitening: Tensor = torch.linalg.inv(torch.linalg.cholesky(covariance))
    return whitening.T


@cache
def _spread() -> Tensor:
    return torch.from_numpy(np.load(SPREAD)).double()


@cache
def _rotations() -> tuple[Tensor, ...]:
    """Return (63, 63) float64 matrices: how landmarks move where a hand is rotated about each axis."""
    points = torch.eye(LANDMARK_WIDTH // 3, dtype=torch.float64)
    made = []
    for first, second in ((1, 2), (2, 0), (0, 1)):
        turn = torch.zeros(3, 3, dtype=torch.float64)
        turn[first, second], turn[second, first] = -1.0, 1.0
        made.append(torch.kron(points, turn))
    return tuple(made)
