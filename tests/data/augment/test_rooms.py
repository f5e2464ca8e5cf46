from pathlib import Path

import pytest
from PIL import Image

from handshape.config.augment import AugmentOptions
from handshape.data.augment.rooms import load_rooms, rooms_digest
from handshape.errors import DataError, DataNotFoundError, UsageError


def test_load_rooms__photos_that_can_be_read(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), (9, 8, 7)).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("no photo")
    rooms = load_rooms(str(tmp_path), rooms_digest(str(tmp_path)))
    assert rooms.shape == (1, 320, 320, 3) and rooms[0, 0, 0].tolist() == [9, 8, 7]
    with pytest.raises(DataError, match="changed; expected photos that stay as they are; run again"):
        load_rooms(str(tmp_path), "another digest")


def test_rooms_digest__no_photo(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can be read; expected photos of rooms; check --backgrounds"):
        rooms_digest(str(tmp_path))


def test_options__what_does_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--augment none with --mirror or --background new"):
        AugmentOptions(augment="none", mirror=True)
    with pytest.raises(UsageError, match="--backgrounds with --background keep; expected --background new"):
        AugmentOptions(backgrounds=tmp_path)
    with pytest.raises(DataNotFoundError, match=r"no folder .*expected a folder of photos of rooms"):
        AugmentOptions(background="new", backgrounds=tmp_path / "nowhere")
