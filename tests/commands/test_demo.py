from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from handshape.commands.demo import demo
from handshape.config.draw import DemoConfig
from handshape.errors import OutputError
from handshape.recogniser import load


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", refuse)


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_demo__frozen_beats_the_cnn_offline_on_unseen_drawn_signers(in_folder: Path) -> None:
    found: dict[str, Any] = demo(DemoConfig(cache=in_folder / "cache", images=6))
    assert found["backbone"] == "handnet"
    assert "could not be downloaded" in found["reason"]
    assert found["split"]["kind"] == "signer"
    models = found["models"]
    assert models["frozen"]["test_accuracy"] >= models["cnn"]["test_accuracy"] + 0.10
    assert (in_folder / "runs/demo/report.html").is_file()
    answer = load(in_folder / "runs/demo").predict(found["first_photo"])
    assert answer.label in {"unsure", *"ABCDEFGHI"}


def test_demo__leaves_an_earlier_run_alone(in_folder: Path) -> None:
    (in_folder / "taken").mkdir()
    (in_folder / "taken" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="'taken' is not empty"):
        demo(DemoConfig(out=Path("taken")))
    assert (in_folder / "taken" / "mine.txt").read_text() == "mine"
