import numpy as np
import pytest

from handshape.data.splits.group_hold_out import hold_out_groups
from handshape.errors import SplitError


def test_hold_out__every_label_alike() -> None:
    classes = np.repeat([0, 1, 2], [50, 20, 10])
    train, valid = hold_out_groups(classes, np.arange(80), 0.2, 0)
    assert np.bincount(classes[valid]).tolist() == [10, 4, 2]
    assert np.array_equal(np.sort([*train, *valid]), np.arange(80))


def test_hold_out__groups_stay_whole() -> None:
    rng = np.random.default_rng(0)
    classes, groups = rng.integers(0, 3, 200), rng.integers(0, 10, 200)
    for seed in range(5):
        train, valid = hold_out_groups(classes, groups, 0.2, seed)
        assert not set(groups[train]) & set(groups[valid])
        assert 0.05 < len(valid) / 200 < 0.4
        assert set(classes[train]) == {0, 1, 2}


def test_hold_out__one_of_two_signers() -> None:
    classes, groups = np.tile([0, 1], 10), np.repeat([0, 1], 10)
    train, valid = hold_out_groups(classes, groups, 0.2, 0)
    assert len(set(groups[valid])) == 1 and len(train) == len(valid) == 10


def test_hold_out__never_the_only_group_of_a_label() -> None:
    # Group 0 alone has label 1, so that label is learned and not chosen with.
    classes, groups = np.array([0, 1, 0, 0, 0]), np.array([0, 0, 1, 2, 3])
    for seed in range(10):
        assert 1 in classes[hold_out_groups(classes, groups, 0.2, seed)[0]]


def test_hold_out__single_photos_where_no_group_can_be_spared() -> None:
    train, valid = hold_out_groups(np.array([0, 0, 1, 1]), np.zeros(4, np.int64), 0.2, 0)
    assert len(valid) >= 1 and len(train) + len(valid) == 4


def test_hold_out__nothing_to_spare() -> None:
    text = "3 photos, one of each label"
    with pytest.raises(SplitError, match=text):
        hold_out_groups(np.arange(3), np.arange(3), 0.2, 0)
