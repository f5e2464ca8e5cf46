import numpy as np
import torch

from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.training.add_signs import add_signs, join_labels
from handshape.training.landmarks import count_hands
from handshape.types import HandRows


def hands(count: int, seed: int, *, missed: int = 0) -> HandRows:
    """Hands around one random hand, the last of them not found."""
    rng = np.random.default_rng(seed)
    rows = (rng.normal(0, 1, 88) + rng.normal(0, 0.05, (count, 88))).astype(np.float32)
    rows[count - missed :] = 0
    return HandRows(rows, np.ones(count, dtype=bool), rows)


def together(*parts: HandRows) -> HandRows:
    rows = np.concatenate([part.rows for part in parts])
    return HandRows(rows, np.ones(len(rows), dtype=bool), rows)


def fitted(parts: list[HandRows], temperature: float) -> LandmarkClassifier:
    """Fit a classifier to hands, one label for each part."""
    every = together(*parts)
    classes = np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts])
    network = LandmarkClassifier(PoseClassifier(len(parts)))
    count_hands(network, every.found, classes)
    rows = torch.from_numpy(every.rows[every.found])
    network.pose.count(rows, rows, classes[every.found])
    network.pose.fit(temperature)
    return network


def test_add_signs__is_as_if_all_had_been_fitted_together() -> None:
    parts = [hands(8, 1), hands(6, 2), hands(7, 3, missed=2), hands(5, 4)]
    base = fitted([parts[0], parts[2]], 4.0)
    before = {name: tensor.clone() for name, tensor in base.state_dict().items()}
    shown = ["B"] * 6 + ["D"] * 5
    added = add_signs(base, ("A", "C"), together(parts[1], parts[3]), shown)
    whole = fitted(parts, 4.0)
    rows = torch.from_numpy(together(*parts).rows)
    torch.testing.assert_close(added.classify(rows), whole.classify(rows), rtol=1e-4, atol=1e-4)
    assert join_labels(("A", "C"), shown) == ("A", "B", "C", "D")
    assert float(added.pose.temperature) == 4
    assert all(torch.equal(base.state_dict()[name], tensor) for name, tensor in before.items())


def test_add_signs__a_label_that_is_known_gets_one_more_handshape() -> None:
    base = fitted([hands(8, 1), hands(6, 2)], 4.0)
    found, missed = base.log_found.clone(), base.log_missed.clone()
    other = hands(6, 3, missed=1)
    added = add_signs(base, ("A", "B"), other, ["B"] * 6)
    rows = torch.from_numpy(together(hands(8, 1), hands(6, 2), other).rows[:-1])
    assert added.classify(rows).argmax(dim=1).tolist() == [0] * 8 + [1] * 11
    assert len(added.pose.counts) == 3 and added.pose.labels == 2
    assert torch.equal(added.log_found, found) and torch.equal(added.log_missed, missed)


def test_add_signs__photos_without_a_hand_count_for_how_often_one_is_found() -> None:
    base = fitted([hands(8, 1), hands(6, 2)], 4.0)
    empty = HandRows(np.zeros((5, 88), np.float32), np.zeros(5, dtype=bool), np.zeros((5, 88), np.float32))
    added = add_signs(base, ("A", "B"), empty, ["nothing"] * 5)
    torch.testing.assert_close(added.log_found.exp()[2], torch.tensor(1 / 7))
    assert added.classify(torch.zeros(1, 88)).argmax() == 2
    rows = torch.from_numpy(together(hands(8, 1), hands(6, 2)).rows)
    assert added.classify(rows).argmax(dim=1).tolist() == [0] * 8 + [1] * 6
