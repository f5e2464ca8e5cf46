import numpy as np
import torch

from handshape.training.ood import fit_image_weight, fit_in_distribution


def cloud(count: int, seed: int, at: float = 0.0) -> torch.Tensor:
    """Two classes in turn, in a space that is narrow in one direction."""
    rows = torch.randn(count, 6, generator=torch.Generator().manual_seed(seed))
    rows[:, 0] = 0.1 * rows[:, 0] + at
    rows[::2, 1] += 10
    return rows[:, :, None, None].expand(count, 6, 2, 2)


def test_fit_in_distribution__tells_photos_that_differ_in_a_direction_of_little_variance() -> None:
    classes = (1 - np.arange(80) % 2).astype(np.int64)
    detector = fit_in_distribution(cloud(80, 0), classes, cloud(40, 1), 3)  # the third label has no photos
    assert float((detector(cloud(60, 2)) > 0.5).float().mean()) > 0.9
    assert float(detector(cloud(60, 2, at=3.0)).max()) < 0.01


def test_fit_in_distribution__photos_that_are_all_alike() -> None:
    same = torch.ones(6, 3, 2, 2)
    detector = fit_in_distribution(same, np.zeros(6, dtype=np.int64), same, 2)
    assert torch.isfinite(detector(same)).all() and torch.isfinite(detector(2 * same)).all()


def test_fit_image_weight__the_better_model_counts_more() -> None:
    rng = torch.Generator().manual_seed(0)
    classes = np.arange(60, dtype=np.int64) % 3
    good = (4 * torch.nn.functional.one_hot(torch.from_numpy(classes), 3).float()).log_softmax(1)
    bad = (2 * torch.randn(60, 3, generator=rng)).log_softmax(1)
    weight, logits = fit_image_weight(torch.ones(60), good, bad, classes)
    assert weight > 0.7 and np.array_equal(logits.argmax(dim=1).numpy(), classes)
    assert fit_image_weight(torch.ones(60), bad, good, classes)[0] < 0.2
