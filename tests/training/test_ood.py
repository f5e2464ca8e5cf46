import numpy as np
import torch

from handshape.training.ood import fit_familiarity, fit_weighing


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


def test_fit_weighing__the_reader_that_is_right_counts_and_what_is_strange_is_the_others() -> None:
    chance = torch.Generator().manual_seed(0)
    classes = np.arange(60, dtype=np.int64) % 3
    right = 4 * torch.nn.functional.one_hot(torch.from_numpy(classes), 3).float()
    wrong = 2 * torch.randn(60, 3, generator=chance)
    familiar, strange = torch.ones(60), torch.zeros(60)
    weighing, logits = fit_weighing(familiar, right, wrong, classes)
    assert float(weighing.own) > 0.7
    assert np.array_equal(logits.argmax(dim=1).numpy(), classes)
    assert torch.allclose(weighing(strange, right, wrong), wrong.log_softmax(dim=1))
    assert float(fit_weighing(familiar, wrong, right, classes)[0].own) < 0.2
