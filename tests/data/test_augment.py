from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from handshape.config.augment import AugmentOptions
from handshape.data.augment import MIRRORED, Views, make_views
from handshape.data.images.prepared import content_digest
from handshape.features.extract import Extractor
from handshape.models.backbones.registry import load_backbone

NAMES = [content_digest(bytes([number])) for number in range(6)]
STILL = Views(rotation=0, scale=0, shift=0, brightness=0)


def photos(count: int = 6, size: int = 24) -> Tensor:
    """Smooth photos, so that a small move is a small change."""
    rng = np.random.default_rng(0)
    small = [Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)) for _ in range(count)]
    return torch.from_numpy(np.stack([np.array(image.resize((size, size))) for image in small]))


def test_apply__views_differ_from_the_photo_and_from_each_other() -> None:
    batch = photos()
    seen = [Views().apply(batch, NAMES, view) for view in (1, 2, 3)]
    for view in seen:
        changed = (view - batch.float()).abs().mean(dim=(1, 2, 3))
        assert (changed > 1).all()
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[1], seen[2])


def test_apply__whatever_else_is_in_the_batch() -> None:
    batch = photos()
    whole = Views().apply(batch, NAMES, 1)
    for index in range(6):
        assert torch.equal(Views().apply(batch[[index]], [NAMES[index]], 1)[0], whole[index])
    order = [5, 2, 0]
    assert torch.equal(Views().apply(batch[order], [NAMES[i] for i in order], 1), whole[order])


def centres(batch: Tensor) -> Tensor:
    """(B, 2) where a bright spot is, in pixels from the top left corner."""
    light = batch.sum(dim=-1)
    place = torch.arange(batch.shape[1], dtype=torch.float32)
    total = light.sum(dim=(1, 2))
    return torch.stack([(light.sum(1) * place).sum(1), (light.sum(2) * place).sum(1)], dim=1) / total[:, None]


def spot(count: int, size: int = 64) -> Tensor:
    """A bright spot in the middle right, on black."""
    batch = torch.zeros(count, size, size, 3, dtype=torch.uint8)
    batch[:, size // 2 - 2 : size // 2 + 2, 3 * size // 4 - 2 : 3 * size // 4 + 2] = 200
    return batch


def test_apply__shifts_within_its_limit() -> None:
    names = [content_digest(bytes([1, number])) for number in range(40)]
    moved = centres(Views(0, 0, 0.1, 0).apply(spot(40), names, 1)) - centres(spot(40).float())
    assert moved.abs().max() <= 6.4 + 0.1
    assert moved.abs().amax(dim=0).min() > 5  # along both axes, nearly to the limit
    assert moved.min() < -5
    assert moved.max() > 5


def test_apply__turns_and_scales_within_their_limits() -> None:
    names = [content_digest(bytes([2, number])) for number in range(40)]
    middle = 31.5
    before = centres(spot(40).float()) - middle
    radius = before.norm(dim=1)
    turned = centres(Views(30, 0, 0, 0).apply(spot(40), names, 1)) - middle
    torch.testing.assert_close(turned.norm(dim=1), radius, atol=0.3, rtol=0)
    angles = torch.rad2deg(torch.atan2(turned[:, 1], turned[:, 0]) - torch.atan2(before[:, 1], before[:, 0]))
    assert 25 < angles.abs().max() <= 30.5
    assert angles.min() < -20
    assert angles.max() > 20
    scaled = (centres(Views(0, 0.2, 0, 0).apply(spot(40), names, 1)) - middle).norm(dim=1) / radius
    assert scaled.min() == pytest.approx(0.8, abs=0.05)
    assert scaled.max() == pytest.approx(1.2, abs=0.05)


def test_apply__light_changes_within_its_limit() -> None:
    names = [content_digest(bytes([4, number])) for number in range(40)]
    flat = torch.full((40, 4, 4, 3), 100, dtype=torch.uint8)
    lit = Views(0, 0, 0, 0.3).apply(flat, names, 1)
    assert lit.std(dim=(1, 2, 3)).max() < 0.01
    assert 69.99 <= lit.min() < 76
    assert 124 < lit.max() <= 130.01


def test_apply__nothing_dark_comes_in_from_outside() -> None:
    grey = torch.full((6, 16, 16, 3), 90, dtype=torch.uint8)
    seen = Views(brightness=0).apply(grey, NAMES, 1)
    torch.testing.assert_close(seen, grey.float(), atol=0.01, rtol=0)


def test_apply__mirrors_half_where_asked_and_only_there() -> None:
    names = [content_digest(bytes([5, number])) for number in range(200)]
    still = replace(STILL, mirror=True).apply(spot(200), names, 1)
    turned = centres(still)[:, 0] < 32
    assert 70 < int(turned.sum()) < 130
    torch.testing.assert_close(still[turned], spot(200)[turned].flip(2).float(), atol=0.01, rtol=0)


def test_views_of__two_policies_are_kept_apart(tmp_path: Path) -> None:
    tables = []
    backbone = load_backbone("squeezenet1_1", "untrained")
    for options in (AugmentOptions(), AugmentOptions(mirror=True)):
        extractor = Extractor(backbone, 2, make_views(options), torch.device("cpu"))
        assert extractor.table(tmp_path, 0).path == extractor.table(tmp_path, MIRRORED).path
        tables.append(extractor.table(tmp_path, 1).path)
    assert len(set(tables)) == 2
