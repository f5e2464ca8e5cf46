import time
from pathlib import Path

import torch
from tests.conftest import draw_shape
from tests.serve.conftest import encoded

from handshape.data.augment import Views
from handshape.data.prepared import content_digest
from handshape.features.extract import Extractor
from handshape.models.backbone import load_backbone
from handshape.serve.album import Album
from handshape.serve.features import Features


def test_features__are_extracted_as_photos_come_in_and_for_those_of_earlier_days(tmp_path: Path) -> None:
    backbone = load_backbone("handnet", None, seed=0)
    album = Album(tmp_path / "photos")
    photos = [encoded(draw_shape(0, 1, index), "JPEG") for index in range(2)]
    album.add("A", "Anna", photos[0])
    features = Features(album, lambda: backbone, tmp_path / "store")
    album.add("A", "Anna", photos[1])
    features.come()
    table = Extractor(backbone, 4, Views(), torch.device("cpu")).table(tmp_path / "store")
    end = time.monotonic() + 30
    while (table.rows([content_digest(data) for data in photos], 0) < 0).any():
        assert time.monotonic() < end
        time.sleep(0.05)
