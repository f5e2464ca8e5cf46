import time
from pathlib import Path

from tests.conftest import draw_shape
from tests.serve.conftest import encoded, hand

from handshape.serve.teach.album import Album, Photo
from handshape.serve.teach.features import Features
from handshape.serve.teach.hands import Hands


def test_features__finds_hands_in_photos_of_earlier_days(tmp_path: Path) -> None:
    album, hands = Album(tmp_path / "photos"), Hands(tmp_path / "store")
    album.add("A", "Anna", hand("A", 1, 0))
    album.add("A", "Anna", encoded(draw_shape(0, 1, 0), "JPEG"))
    (album.folder / "A" / "Anna_3.jpg").write_bytes(b"damaged")
    photos = [Photo("A", f"Anna_{number}.jpg", "Anna") for number in (1, 2, 3)]
    features = Features(album, hands, tmp_path / "store")
    end = time.monotonic() + 60
    while features.found(photos[1]) is None:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert [features.found(photo) for photo in photos] == [True, False, None]
    features.come(photos[2], True)
    assert features.found(photos[2])
