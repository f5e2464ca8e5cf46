import numpy as np
import pytest

from handshape.synthetic.poses import letters
from handshape.synthetic.render import View, render_surface
from handshape.synthetic.skeleton import BONES, place_bones, pose_array
from handshape.synthetic.solids import FOREARM, PALM, SLEEVE, build_solids

_SIZE = 96


def _view(mirror: bool = False) -> View:
    return View(np.eye(3), mirror, 1e6, 0.4, (48.0, 88.0))


def test_project__puts_near_things_larger() -> None:
    view = View(np.eye(3), False, 400.0, 1.0, (10.0, 20.0))
    points, scale = view.project(np.array([[5.0, 7.0, 0.0], [5.0, 7.0, 200.0]]))
    np.testing.assert_allclose(points[0], [15.0, 13.0, 0.0])
    np.testing.assert_allclose(points[1], [20.0, 6.0, 400.0])
    np.testing.assert_allclose(scale, [1.0, 2.0])


def test_render_surface__depth_is_the_top_of_each_ball() -> None:
    bones = place_bones(pose_array({}))
    surface = render_surface(build_solids(bones, 60.0, None), _view(), _SIZE)
    tip = BONES.index("index.distal")
    (x, y, z), _ = _view().project(bones.ends[tip])
    top = z + 0.4 * bones.radii[tip, 1]
    assert surface.part[round(y), round(x)] == tip
    assert surface.depth[round(y), round(x)] == pytest.approx(top, abs=0.15)  # pixels


def test_render_surface__a_bent_finger_hides_the_palm() -> None:
    straight = render_surface(build_solids(place_bones(pose_array({})), 60.0, None), _view(), _SIZE)
    fist = render_surface(build_solids(place_bones(letters()["S"].pose), 60.0, None), _view(), _SIZE)
    assert (fist.part == PALM).sum() < 0.8 * (straight.part == PALM).sum()


def test_render_surface__a_left_hand_is_the_mirror_image() -> None:
    solids = build_solids(place_bones(letters()["Y"].pose), 60.0, None)
    right = render_surface(solids, View(np.eye(3), False, 600.0, 0.35, (47.5, 88.0)), _SIZE)
    left = render_surface(solids, View(np.eye(3), True, 600.0, 0.35, (47.5, 88.0)), _SIZE)
    assert np.mean(left.mask[:, ::-1] != right.mask) < 0.002


def test_build_solids__a_sleeve_covers_the_forearm() -> None:
    bones = place_bones(pose_array({}))
    parts = [render_surface(build_solids(bones, 120.0, hem), _view(), _SIZE).part for hem in (None, 5.0)]
    assert not (parts[0] == SLEEVE).any()
    assert (parts[1] == SLEEVE).sum() > (parts[1] == FOREARM).sum()
