"""Augmentation: moved, relit, blurred and partly erased views of photos."""

from handshape.data.augment.policy import MIRRORED, Views, make_views

__all__ = ["MIRRORED", "Views", "make_views"]
