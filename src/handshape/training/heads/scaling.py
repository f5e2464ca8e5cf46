"""Scaling a head by the features that it is fitted to."""

import torch

from handshape.models.heads import Head
from handshape.training.datasets import FeatureRows


def scale_head(head: Head, rows: FeatureRows) -> None:
    """Take a head's mean and scale from rows, by blocks."""
    # Around one of them: a feature that never changes then has a deviation of exactly 0.
    centre = head.rooted(rows[0].flatten()[None]).double()[0]
    total, squares = torch.zeros_like(centre), torch.zeros_like(centre)
    for _, block in rows.blocks():
        around = head.rooted(block) - centre
        total, squares = total + around.sum(dim=0), squares + around.square().sum(dim=0)
    mean = total / len(rows)
    head.scale_to((centre + mean).float(), (squares / len(rows) - mean * mean).clamp(min=0).sqrt().float())
