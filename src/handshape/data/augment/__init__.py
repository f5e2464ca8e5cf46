"""Views of photos: the same sign, turned, lit, blurred or set before another background."""

from handshape.data.augment.policy import MIRRORED, Views, views_of

__all__ = ["MIRRORED", "Views", "views_of"]
