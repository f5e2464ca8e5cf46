import numpy as np

from handshape.synthetic.light import find_normals
from handshape.synthetic.render import NOTHING, View, render_surface
from handshape.synthetic.signer import make_signer
from handshape.synthetic.skeleton import BONES, place_bones, pose_array, rotation
from handshape.synthetic.skin import paint
from handshape.synthetic.solids import PALM, build_solids


def _painted(turn: float) -> tuple[np.ndarray, np.ndarray]:
    signer = next(s for s in map(make_signer, range(1, 11)) if s.tone == 9)
    solids = build_solids(place_bones(pose_array({}), signer.proportions), 60.0, None)
    surface = render_surface(solids, View(rotation(1, turn), False, 900.0, 0.6, (64.0, 122.0)), 128)
    solid = surface.part != NOTHING
    rows, columns = np.nonzero(solid)
    normals = find_normals(surface.depth, solid)[:, rows, columns]
    colour = paint(surface, (rows, columns), normals, signer, np.random.default_rng(0))
    return colour, surface.part[rows, columns]


def test_paint__the_palm_is_paler_than_the_back() -> None:
    (front, front_part), (back, back_part) = _painted(0.0), _painted(180.0)
    assert front[:, front_part == PALM].mean() > 1.2 * back[:, back_part == PALM].mean()


def test_paint__nails_are_on_the_back_only() -> None:
    tip = BONES.index("middle.distal")
    (front, front_part), (back, back_part) = _painted(0.0), _painted(180.0)
    nails = back[:, back_part == tip].max() / np.median(back[:, back_part == BONES.index("middle.middle")])
    pads = front[:, front_part == tip].max() / np.median(front[:, front_part == BONES.index("middle.middle")])
    assert nails > 1.5 * pads


def test_paint__stays_in_range() -> None:
    colour, _ = _painted(60.0)
    assert colour.dtype == np.float32 and colour.min() >= 0.0 and colour.max() <= 1.0
