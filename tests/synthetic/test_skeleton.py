import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshape.errors import UsageError
from handshape.synthetic.skeleton import (
    BONES,
    JOINTS,
    LIMITS,
    Proportions,
    place_bones,
    pose_array,
)


def test_pose_array__places_named_angles() -> None:
    pose = pose_array({"index.mcp": 40.0, "wrist.deviate": 5.0})
    assert pose[JOINTS.index("index.mcp")] == 40.0
    assert pose[JOINTS.index("wrist.deviate")] == 5.0
    assert np.count_nonzero(pose) == 2


def test_pose_array__refuses_what_no_hand_can_do() -> None:
    with pytest.raises(UsageError, match=r"index\.dip = 120 degrees"):
        pose_array({"index.dip": 120.0})


def test_pose_array__refuses_unknown_joint() -> None:
    with pytest.raises(UsageError, match=r"no joint 'elbow'"):
        pose_array({"elbow": 1.0})


def test_place_bones__bends_fingers_to_the_palm() -> None:
    tip = BONES.index("middle.distal")
    straight = place_bones(pose_array({})).ends[tip]
    bent = place_bones(pose_array({"middle.mcp": 90.0})).ends[tip]
    assert straight[1] > 170.0  # millimetres from the wrist of an average hand
    assert bent[2] > 80.0 and bent[1] < 100.0


@settings(max_examples=25, deadline=None)
@given(shares=st.lists(st.floats(0, 1), min_size=len(JOINTS), max_size=len(JOINTS)), size=st.floats(0.8, 1.2))
def test_place_bones__keeps_bones_whole_in_any_legal_pose(shares: list[float], size: float) -> None:
    bounds = np.array(list(LIMITS.values()))
    pose = bounds[:, 0] + np.array(shares) * (bounds[:, 1] - bounds[:, 0])
    proportions = Proportions(size=size)
    bones, rest = place_bones(pose, proportions), place_bones(pose_array({}), proportions)
    lengths = np.linalg.norm(bones.ends - bones.starts, axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(rest.ends - rest.starts, axis=1), rtol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(bones.palmar, axis=1), 1.0, rtol=1e-9)
    across = ((bones.ends - bones.starts) * bones.palmar).sum(axis=1)
    np.testing.assert_allclose(across, 0.0, atol=1e-6)
    assert bones.keypoints.shape == (21, 3)
