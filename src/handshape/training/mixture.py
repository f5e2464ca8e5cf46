"""What a network learns rooms from: photos as they are, their hands in other scenes, and drawn hands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.data.augment.camera import nudge, photograph
from handshape.data.augment.scenes import CutOut, cut_hands, join_hands, place_hands
from handshape.data.drawn.extra import DrawnHands, drawn_hands
from handshape.data.image import Preprocessing
from handshape.data.prepared import Images
from handshape.data.scan import Scan
from handshape.progress import track
from handshape.training.inputs import ChosenImages

# For each photo so many showings of its own and so many drawn hands; of its own, this many in scenes.
OWN, DRAWN, _IN_SCENES = 3, 3, 2
# Every so many drawn signers one is not learned from but judged by.
_JUDGED = 8
# More photos than this are not cut out: they would fill the memory and add little.
_MOST_CUT, _TOGETHER = 4000, 32


@dataclass(frozen=True)
class Mixture:
    """Photos of one side, what could be cut out of them, and drawn hands.

    Args:
        images: N prepared images.
        classes: (N,) int64.
        hands: M hands cut out of them.
        cut: (M,) int64, the photo that each was cut out of.
        drawn: Drawn hands, or ``None``.
        of: (P,) int64, which drawn hands are of this side.
        drawn_classes: (P,) int64.
    """

    images: Images
    classes: NDArray[np.int64]
    hands: CutOut
    cut: NDArray[np.int64]
    drawn: DrawnHands | None
    of: NDArray[np.int64]
    drawn_classes: NDArray[np.int64]

    def plan(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Choose what an epoch shows. Its classes are the same in every epoch.

        Args:
            rng: Chooses drawn hands.

        Returns:
            (L,) int64 items for `MixtureInputs`, and their (L,) int64 classes.
        """
        photos = len(self.classes)
        whole = np.setdiff1d(np.arange(photos), self.cut)
        plain = np.concatenate([np.arange(photos), np.repeat(whole, _IN_SCENES)])
        scenes = np.tile(np.arange(len(self.cut)), _IN_SCENES)
        items = [plain, photos + scenes]
        classes = [self.classes[plain], self.classes[self.cut][scenes]]
        if len(self.of):
            names = np.unique(self.drawn_classes)
            wanted = np.arange(DRAWN * photos) % len(names)
            by_class = [np.flatnonzero(self.drawn_classes == name) for name in names]
            picked = np.array([by_class[k][int(rng.integers(len(by_class[k])))] for k in wanted])
            items.append(photos + len(self.cut) + picked)
            classes.append(names[wanted])
        return np.concatenate(items), np.concatenate(classes)


class MixtureInputs:
    """One epoch of a mixture, or a fixed sample of it to judge by.

    Args:
        mixture: What there is.
        items: (L,) int64 from `Mixture.plan`.
        preprocessing: Size and normalisation.
        seed: Fixes views, scenes and cameras, batch by batch.
        plain: Whether photos and drawn hands are shown unmoved, and all through the same camera.
        mirror: Whether half of the pictures are mirror images.
    """

    def __init__(
        self,
        mixture: Mixture,
        items: NDArray[np.int64],
        preprocessing: Preprocessing,
        seed: Sequence[int],
        *,
        plain: bool = False,
        mirror: bool = False,
    ) -> None:
        self._mixture, self._items, self._preprocessing = mixture, items, preprocessing
        self._seed, self._plain, self._mirror = list(seed), plain, mirror

    def __len__(self) -> int:
        return len(self._items)

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        """Return (B, 3, H, W) float32; the same indices in the same order give the same."""
        rng = np.random.default_rng([*self._seed, *np.asarray(indices).tolist()])
        chance = torch.Generator().manual_seed(int(rng.integers(2**62)))
        mixture, items, size = self._mixture, self._items[indices], self._preprocessing.size
        photos, cut = len(mixture.classes), len(mixture.cut)
        own, drawn = items < photos, items >= photos + cut
        scenes = ~own & ~drawn
        seen = torch.empty(len(items), 3, size, size)
        if own.any():
            seen[own] = self._moved(mixture.images.take(items[own]), 0.12, 0.1, chance)
        if drawn.any() and mixture.drawn is not None:
            pictures = mixture.drawn.images.take(mixture.of[items[drawn] - photos - cut])
            seen[drawn] = self._moved(pictures, 0.3, 0.3, chance)
        if scenes.any():
            seen[scenes] = place_hands(mixture.hands, (items[scenes] - photos).tolist(), size, chance)
        if not self._plain:
            seen = photograph(seen, chance)
        if self._mirror:
            other = torch.rand(len(seen), generator=chance) < 0.5
            seen[other] = seen[other].flip(3)
        return self._preprocessing.normalise((seen * 255).permute(0, 2, 3, 1))

    def _moved(
        self, pictures: NDArray[np.uint8], scale: float, shift: float, chance: torch.Generator
    ) -> Tensor:
        images, size = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255, self._preprocessing.size
        if images.shape[2] != size:
            images = F.interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)
        return images if self._plain else nudge(images, size, chance, turn=0.25, scale=scale, shift=shift)


class Mixer:
    """Makes mixtures of the photos of one data set; what they share is made once.

    Args:
        scan: The data set with its prepared images.
        store: The store's folder, which keeps the drawn hands.
        size: Height and width of drawn hands, pixels.
    """

    def __init__(self, scan: Scan, store: Path, size: int) -> None:
        self._scan, self._store, self._size = scan, store, size
        self._classes, self._labels = scan.dataset.classes, scan.dataset.labels

    def mix(self, indices: NDArray[np.int64], *, judged: bool) -> Mixture:
        """Return the mixture of one side of a split.

        Args:
            indices: (N,) int64, its photos.
            judged: Whether it is judged by, and takes the drawn signers that are not learned from.
        """
        hands, cut = self._cut
        place = {int(index): number for number, index in enumerate(cut)}
        inside = [number for number, index in enumerate(indices) if int(index) in place]
        rows = torch.tensor([place[int(indices[number])] for number in inside], dtype=torch.int64)
        of, drawn_classes = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        if self._drawn is not None:
            of = np.flatnonzero((self._drawn.signers % _JUDGED == 0) == judged)
            number_of = {label: number for number, label in enumerate(self._labels)}
            drawn_classes = np.array([number_of[str(label)] for label in self._drawn.labels[of]])
        images, own = ChosenImages(self._scan.images, indices), np.array(inside, dtype=np.int64)
        chosen = replace(hands, rows=rows)
        return Mixture(images, self._classes[indices], chosen, own, self._drawn, of, drawn_classes)

    @cached_property
    def _drawn(self) -> DrawnHands | None:
        return drawn_hands(self._labels, self._store, self._size)

    @cached_property
    def _cut(self) -> tuple[CutOut, NDArray[np.int64]]:
        chosen = np.sort(np.random.default_rng(0).permutation(len(self._classes))[:_MOST_CUT])
        parts, kept = list[CutOut](), list[NDArray[np.int64]]()
        with track("Cutting hands out", len(chosen)) as advance:
            for start in range(0, len(chosen), _TOGETHER):
                some = chosen[start : start + _TOGETHER]
                hands, which = cut_hands(self._scan.images.take(some))
                parts.append(hands)
                kept.append(some[which])
                advance(len(some))
        return join_hands(parts), np.concatenate(kept)
