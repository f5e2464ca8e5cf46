import base64
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from handshape.data.images.index import index_images
from handshape.data.images.photo_grid import photo_grid
from handshape.data.io.folder import read_folder
from handshape.evaluation.report.thumbnails import highlight, sample_sheet, thumbnail


def test_thumbnail__is_the_picture_without_a_file() -> None:
    pixels = np.zeros((64, 64, 3), dtype=np.uint8)
    pixels[:, 32:] = (255, 0, 0)
    head, _, data = thumbnail(pixels, side=40).partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.size == (40, 40)
        left, right = (np.array(image.getpixel((x, 20))) for x in (5, 35))
    assert left.max() < 40 and right[0] > 200 and right[1:].max() < 60


def test_highlight__is_coloured_where_it_is_hot_and_grey_elsewhere() -> None:
    pixels = np.zeros((2, 20, 3), dtype=np.uint8)
    pixels[:] = np.linspace(0, 40, 20)[None, :, None]  # a dark photo
    heat = np.zeros((2, 20), dtype=np.float32)
    heat[0, :10], heat[1, :10] = 1, 0.1
    shown = highlight(pixels, heat).astype(int)
    spread = shown.max(axis=2) - shown.min(axis=2)
    assert spread[:, 10:].max() == 0  # grey
    assert spread[0, :10].min() > spread[1, :10].min() > 30  # the hotter, the more colour
    assert shown[0, 19, 0] > 200  # lighter than the photo


def sheet(data: Path, tmp_path: Path, signer: str | None) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    indexed = index_images(read_folder(data, signer=signer), tmp_path / "cache")
    sample_sheet(indexed, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as image:
        return np.asarray(image.convert("RGB"))


def dark_cells(row: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> int:
    """How many photos (which are nearly black at their corners) stand in a row of the sheet."""
    return sum(int(row[2, x : x + 3].mean() < 100) for x in range(110, row.shape[1], 100))


def test_sample_sheet__a_row_a_label_and_a_column_a_signer(
    make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    photos = make_photos("ABC", signers=3, images=1)
    (photos / "B" / "signer2_0.png").unlink()
    picture = sheet(photos, tmp_path, r"(signer\d+)_")
    assert picture.shape == (28 + 3 * 100, 110 + 3 * 100, 3)
    assert [dark_cells(picture[28 + 100 * row : 124 + 100 * row]) for row in range(3)] == [3, 2, 3]


def test_sample_sheet__several_photos_where_signers_are_unknown(
    make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    picture = sheet(make_photos("AB", signers=1, images=3), tmp_path, None)
    assert picture.shape == (4 + 2 * 100, 110 + 8 * 100, 3)
    assert [dark_cells(picture[4 + 100 * row : 100 + 100 * row]) for row in range(2)] == [3, 3]


def test_photo_grid__a_photo_is_where_its_row_and_column_meet() -> None:
    red, blue = np.full((2, 10, 10, 3), (200, 0, 0), np.uint8), np.full((1, 10, 10, 3), (0, 0, 200), np.uint8)
    sheet = photo_grid([red, blue], ["first", "second"], ["A", "B"])
    assert sheet.dtype == np.uint8 and sheet.shape == (28 + 2 * 100, 110 + 2 * 100, 3)
    assert sheet[36, 120].tolist() == sheet[36, 220].tolist() == [200, 0, 0]
    assert sheet[136, 120].tolist() == [0, 0, 200] and sheet[136, 220].tolist() == [255, 255, 255]
