import numpy as np

from handshape.studies.page import photo_grid


def test_photo_grid__a_photo_is_where_its_row_and_column_meet() -> None:
    red, blue = np.full((2, 10, 10, 3), (200, 0, 0), np.uint8), np.full((1, 10, 10, 3), (0, 0, 200), np.uint8)
    sheet = photo_grid([red, blue], ["first", "second"], ["A", "B"])
    assert sheet.dtype == np.uint8 and sheet.shape == (26 + 2 * 108, 130 + 2 * 108, 3)
    assert sheet[36, 140].tolist() == sheet[36, 248].tolist() == [200, 0, 0]
    assert sheet[144, 140].tolist() == [0, 0, 200] and sheet[144, 248].tolist() == [255, 255, 255]
    assert (sheet[:, :120] < 100).any() and (sheet[:20, 130:] < 100).any()  # words
