"""Recognise photos that a recogniser was trained on, and near-copies of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Of 64 bits of the perceptual hash. The hashes of 0.6 % of the photos of `studio` and 0.3 % of `digits` are
# within 2 bits of one of another signer, those of 6 % and 2 % within 4; a photo that was scaled or compressed
# again differs in 0 to 2.
_BITS = 2
_RECORD = 16


@dataclass(frozen=True)
class KnownPhotos:
    """The training photos of a recogniser.

    Args:
        digests: (M,) uint64, first 8 bytes of each content digest.
        hashes: (M,) uint64, perceptual hash of each.
    """

    digests: NDArray[np.uint64]
    hashes: NDArray[np.uint64]

    def find(self, digests: Sequence[str], hashes: Sequence[int]) -> NDArray[np.bool_]:
        """Return for N photos whether they, or near-copies of them, are among the training photos.

        Args:
            digests: N content digests, hexadecimal.
            hashes: N perceptual hashes.
        """
        own = np.array([int(digest[:16], 16) for digest in digests], dtype=np.uint64)
        found: NDArray[np.bool_] = np.isin(own, self.digests)
        for i, one in enumerate(np.array(hashes, dtype=np.uint64)):
            found[i] |= bool((np.bitwise_count(self.hashes ^ one) <= _BITS).any())
        return found


def read_known_photos(content: bytes) -> KnownPhotos:
    """Read the records that `handshape.bundle.known_photos` writes: 8 bytes of digest, 8 of hash."""
    records = np.frombuffer(content[: len(content) // _RECORD * _RECORD], dtype=">u8").reshape(-1, 2)
    return KnownPhotos(records[:, 0].astype(np.uint64), records[:, 1].astype(np.uint64))
