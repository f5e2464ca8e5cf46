import numpy as np
import torch

from handshape.studies.grid import as_pixels, photo_grid


def test_photo_grid__a_photo_is_where_its_row_and_column_meet() -> None:
    red, blue = np.full((2, 10, 10, 3), (200, 0, 0), np.uint8), np.full((1, 10, 10, 3), (0, 0, 200), np.uint8)
    sheet = photo_grid([red, blue], ["first", "second"], ["A", "B"], cell=20)
    assert sheet.dtype == np.uint8 and sheet.shape == (26 + 2 * 24, 130 + 2 * 24, 3)
    assert sheet[36, 140].tolist() == sheet[36, 164].tolist() == [200, 0, 0]
    assert sheet[60, 140].tolist() == [0, 0, 200] and sheet[60, 164].tolist() == [255, 255, 255]
    assert (sheet[:, :120] < 100).any() and (sheet[:20, 130:] < 100).any()  # words


def test_as_pixels__cut_and_rounded() -> None:
    photos = torch.tensor([-1.0, 0.5, 2.0]).reshape(1, 3, 1, 1)
    assert as_pixels(photos).tolist() == [[[[0, 128, 255]]]]
