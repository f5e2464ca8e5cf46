import numpy as np
import torch

from handshape.training.familiar import fit_familiarity


def cloud(count: int, seed: int, at: float = 0.0) -> torch.Tensor:
    """Two classes in turn, in a space that is narrow in one direction."""
    rows = torch.randn(count, 6, generator=torch.Generator().manual_seed(seed))
    rows[:, 0] = 0.1 * rows[:, 0] + at
    rows[::2, 1] += 10
    return rows[:, :, None, None].expand(count, 6, 2, 2)


def test_fit_familiarity__knows_its_own_and_what_lies_off_in_the_narrow_direction() -> None:
    classes = (1 - np.arange(80) % 2).astype(np.int64)
    measure = fit_familiarity(cloud(80, 0), classes, cloud(40, 1), 3)  # the third label has no photos
    assert float((measure(cloud(60, 2)) > 0.5).float().mean()) > 0.9
    assert float(measure(cloud(60, 2, at=3.0)).max()) < 0.01


def test_fit_familiarity__photos_that_are_all_alike() -> None:
    same = torch.ones(6, 3, 2, 2)
    measure = fit_familiarity(same, np.zeros(6, dtype=np.int64), same, 2)
    assert torch.isfinite(measure(same)).all() and torch.isfinite(measure(2 * same)).all()
