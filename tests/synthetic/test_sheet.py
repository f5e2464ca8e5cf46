import numpy as np

from handshape.synthetic.sheet import draw_sheet


def test_draw_sheet__holds_every_letter() -> None:
    sheet = np.asarray(draw_sheet(size=48))
    assert sheet.shape == (4 * 48, 7 * 48, 3)
    cells = sheet.reshape(4, 48, 7, 48, 3).swapaxes(1, 2).reshape(28, -1)
    assert (cells[:26].std(axis=1) > 5).all()
    assert (cells[26:] == 255).all()
