import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import handshape
from handshape.data.images.decode import read_image
from handshape.models.combined import shown
from handshape.models.network import RoomsNetwork
from handshape.synthetic.dataset import draw_dataset

from ..conftest import draw_photos


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recogniser of the best recipe."""
    place = tmp_path_factory.mktemp("adapt")
    draw_dataset(place / "photos", "BLY", signers=3, images=2, size=128)
    handshape.train(
        place / "photos", signer=r"signer(\d)", backbone="handnet", recipe="best", views=0, device="cpu",
        store=place / "store", out=place / "run",
    )  # fmt: skip
    return place / "run"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos in a room, in folders of any name, one file of them broken."""
    place = tmp_path_factory.mktemp("room")
    draw_dataset(place / "drawn", "BLY", signers=4, images=3, size=128, style="room", seed=1)
    (place / "room" / "première prise").mkdir(parents=True)
    for path in sorted((place / "drawn").rglob("*.jpg")):
        name = f"{path.parent.name} {path.name}"
        shutil.copy(path, place / "room" / "première prise" / name)
    (place / "room" / "broken.jpg").write_bytes(b"no photo")
    return place / "room"


def seen(recogniser: handshape.Recogniser, room: Path) -> torch.Tensor:
    """Mean of the landmarks of hands in a room, one photo at a time."""
    preprocessing, network = recogniser.config.network.preprocessing, recogniser.network
    assert isinstance(network, RoomsNetwork)
    features = list[torch.Tensor]()
    with torch.inference_mode():
        for path in sorted((room / "première prise").iterdir()):
            prepared = torch.from_numpy(preprocessing.prepare(read_image(path)).copy())[None]
            hands, _ = network.reader.look(preprocessing.normalise(prepared))
            features.append(hands[shown(hands)])
    return torch.cat(features).mean(dim=0)


@pytest.mark.slow
def test_adapt__moves_the_second_reader_towards_the_room_and_nothing_else(
    cli: Any, run: Path, room: Path, tmp_path: Path
) -> None:
    out = tmp_path / "adapted"
    answer = cli("adapt", run, "--unlabelled", room, "--out", out)
    assert answer.code == 0 and answer.out.startswith("Adapted to 36 photos: ")
    shown = " ".join(answer.out.split())
    assert "How well it reads has not been measured" in shown
    assert f"`handshape evaluate {out} PHOTOS`" in shown
    assert "broken.jpg" in answer.err
    found = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert (found["photos"], found["unreadable"]) == (36, 1)
    assert 0 <= found["changed"] <= 1 and 0 < found["probability_after"] <= 1
    before, after = (handshape.load(place) for place in (run, out))
    old, new = (one.network.state_dict() for one in (before, after))
    assert {name for name in old if not old[name].equal(new[name])} == {
        "reader.head.mean",
        "reader.head.scale",
    }
    halfway = (old["reader.head.mean"] + seen(before, room)) / 2
    assert torch.allclose(new["reader.head.mean"], halfway, atol=2e-3)
    # Another's figures are not told as this one's.
    assert before.config.figures and after.config.figures == {}
    assert after.config.trained_on["adapted_to"]["photos"] == 36
    again = cli("adapt", out, "--unlabelled", room, "--out", tmp_path / "again", "--json").json
    assert again == json.loads((tmp_path / "again" / "metrics.json").read_text(encoding="utf-8"))
    assert again["probability_before"] == pytest.approx(found["probability_after"], abs=1e-5)


def test_adapt__what_it_cannot_work_with(cli: Any, run: Path, room: Path, tmp_path: Path) -> None:
    missing = cli("adapt", run, "--out", tmp_path / "a")
    assert missing.code == 2 and "no --unlabelled; expected a folder of photos of the new room" in missing.err
    nowhere = cli("adapt", run, "--unlabelled", tmp_path / "nowhere", "--out", tmp_path / "a")
    assert nowhere.code == 1 and "no folder at" in nowhere.err and "check the path" in nowhere.err
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted((room / "première prise").iterdir())[:5]:
        shutil.copy(path, few)
    answer = cli("adapt", run, "--unlabelled", few, "--out", tmp_path / "a")
    assert answer.code == 1 and "5 photos in" in answer.err and "expected 30 or more" in answer.err
    walls = tmp_path / "walls"
    walls.mkdir()
    for number in range(31):
        Image.new("RGB", (40, 40), (number, 80, 90)).save(walls / f"{number}.png")
    empty = cli("adapt", run, "--unlabelled", walls, "--out", tmp_path / "a")
    assert empty.code == 1 and "0 photos in" in empty.err and "with a hand that was found" in empty.err
    refused = cli("adapt", run, "--unlabelled", room, "--out", run)
    assert refused.code == 1 and "is not empty" in refused.err
    assert not (tmp_path / "a").exists()


def test_adapt__a_recogniser_without_a_second_reader(cli: Any, room: Path, tmp_path: Path) -> None:
    photos = draw_photos(tmp_path / "photos", "AB", signers=4, images=2)
    handshape.train(
        photos, signer=r"signer(\d)_", backbone="handnet", recipe="fast", views=0, device="cpu",
        store=tmp_path / "store", out=tmp_path / "fast",
    )  # fmt: skip
    answer = cli("adapt", tmp_path / "fast", "--unlabelled", room, "--out", tmp_path / "a")
    assert answer.code == 1 and "has no reader for rooms never seen" in answer.err
    assert "expected a recogniser that was trained with --recipe best" in answer.err
