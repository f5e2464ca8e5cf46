import torch

from handshape.data.augment.camera import nudge, photograph


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_photograph__every_photo_in_its_own_way_and_the_same_for_the_same_chance() -> None:
    grey = torch.full((4, 3, 16, 16), 0.5)
    seen = photograph(grey, chance())
    assert torch.equal(seen, photograph(grey, chance())) and float(seen.min()) >= 0 and float(seen.max()) <= 1
    assert len({round(float(photo.mean()), 3) for photo in seen}) == 4


def test_nudge__moves_little_and_keeps_the_colours_of_the_edges() -> None:
    white = torch.ones(3, 3, 20, 20)
    moved = nudge(white, 32, chance(), turn=0.3, scale=0.3, shift=0.3)
    assert moved.shape == (3, 3, 32, 32) and torch.allclose(moved, torch.ones_like(moved))


def test_nudge__by_nothing_is_nothing() -> None:
    photo = torch.rand(2, 3, 16, 16, generator=chance(1))
    assert torch.allclose(nudge(photo, 16, chance(), turn=0.0, scale=0.0, shift=0.0), photo, atol=1e-5)
