"""The recogniser of the ASL alphabet that comes with the package."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.processes import Starter
from tests.programs import chromium_page, serve_folder
from tests.serving import Running
from websockets.sync.client import connect

from handshape.bundle import CARD, CONFIG, HAND, HEAD, MODEL, PALM
from handshape.commands.evaluate import evaluate
from handshape.commands.export import export
from handshape.config.export import ExportConfig
from handshape.config.use import EvaluateConfig
from handshape.errors import BundleError, DataError, UsageError
from handshape.network_bundle import network_of
from handshape.recogniser import ASL, load
from handshape.serve.loaded_recogniser import load_for_serving
from handshape.serve.prediction_queue import PredictionQueue
from handshape.synthetic.picture import draw_image
from handshape.synthetic.signer import make_signer
from handshape.types import NO_HAND, HandRows


def drawn(letter: str, number: int) -> np.ndarray:
    """Draw a signer whom the recogniser has not learned from."""
    return draw_image(letter, make_signer(number, 77), seed=77, style="room").pixels


def test_asl__comes_with_the_package_and_is_small() -> None:
    sizes = {path.name: path.stat().st_size for path in ASL.iterdir()}
    assert not {PALM, HAND} & sizes.keys()  # the package has these already
    assert sum(sizes.values()) < 1_500_000 and sizes[HEAD] < sizes[MODEL]
    recogniser = load("asl")
    assert "".join(recogniser.labels) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    card = (ASL / CARD).read_text(encoding="utf-8")
    figures = recogniser.config.figures
    assert f"{100 * figures['test_accuracy']:.0f} % on average over the people" in card
    assert len(figures["signers"]) == 11 and len(figures["labels"]) == 24


def test_asl__its_graph_and_its_weights_predict_the_same() -> None:
    recogniser, rng = load("asl"), np.random.default_rng(0)
    rows = rng.normal(size=(5, 88)).astype(np.float32)
    rows[4] = 0  # no hand
    by_graph = recogniser.classify_prepared(np.zeros((5, 1, 1, 3), np.uint8), HandRows(rows, rows[:, 0] > 0))
    import torch

    with torch.inference_mode():
        logits = network_of(recogniser).from_features(torch.zeros(0), torch.from_numpy(rows), torch.zeros(0))
    assert np.allclose(by_graph, logits.softmax(dim=1).numpy(), atol=1e-4)


def test_asl__most_drawn_letters_and_no_hand() -> None:
    recogniser = load("asl")
    letters = "ABCFILVWY"
    top = [recogniser.predict(drawn(one, 1 + number)).top[0][0] for number, one in enumerate(letters)]
    assert sum(a == b for a, b in zip(top, letters, strict=True)) >= 7
    wall = np.full((240, 320, 3), 90, dtype=np.uint8)
    assert recogniser.predict(wall).label == NO_HAND and recogniser.predict(wall).hand_found is False
    queue = PredictionQueue(load_for_serving("asl"))
    try:
        content = io.BytesIO()
        Image.fromarray(wall).save(content, "PNG")
        (future,) = queue.submit([content.getvalue()])
        assert future.result(60).prediction.label == NO_HAND
    finally:
        queue.close()


def test_asl__a_bundle_of_the_same_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "asl").mkdir()  # of photos, perhaps
    monkeypatch.chdir(tmp_path)
    assert load("asl").folder == ASL
    (tmp_path / "asl" / CONFIG).write_text("{}")
    with pytest.raises(BundleError, match="format None"):
        load("asl")


def test_asl__is_predicted_with_and_exported(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.fromarray(drawn("B", 3)).save(photo)
    found = subprocess.run(
        [Path(sys.executable).with_name("handshape"), "predict", "asl", photo],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split("\t")[:2] == [str(photo), "B"]
    with pytest.raises(UsageError, match="--out"):
        export(ExportConfig(bundle=Path("asl")))
    metadata = export(ExportConfig(bundle=Path("asl"), out=tmp_path / "asl.onnx"))
    assert metadata["labels"][25] == "Z" and (tmp_path / "asl.onnx").stat().st_size > 8_000_000


@pytest.mark.slow
def test_asl__another_camera_and_photos_it_learned_from(shared_data: Path, tmp_path: Path) -> None:
    bundle = Path("asl")
    webcam = EvaluateConfig(bundle=bundle, data=shared_data / "webcam", labels="A-I", cache=tmp_path)
    metrics = evaluate(webcam)
    assert metrics["known_photos"] == 0 and metrics["accuracy"] > 0.88
    assert metrics["labels"]["D"]["recall"] > 0.8
    with pytest.raises(DataError, match="training photos"):
        evaluate(EvaluateConfig(bundle=bundle, data=shared_data / "room", cache=tmp_path))


@pytest.mark.slow
@pytest.mark.shared
def test_asl__ten_empty_rooms_by_every_road(
    shared_data: Path, cli: Callable[..., Any], starter: Starter, web_runtime: Path, tmp_path: Path
) -> None:
    rooms = sorted((shared_data / "webcam" / "nothing").iterdir())[::20]
    expected = [NO_HAND] * 10
    assert [one.label for one in load("asl").predict(rooms)] == expected
    assert [one["label"] for one in cli("predict", "asl", *rooms, "--json").json] == expected
    running = Running(starter, {}, "asl", "--teach", tmp_path / "taught")
    answers = [
        json.loads(running.open("/v1/predict", room.read_bytes(), Content_Type="image/jpeg"))
        for room in rooms
    ]
    assert [answer["predictions"][0]["label"] for answer in answers] == expected
    with connect(f"ws://{running.authority}/v1/stream") as stream:
        for room in rooms:
            stream.send(room.read_bytes())
            assert json.loads(stream.recv())["label"] == NO_HAND
    assert running.end()[0] == 0
    page_folder = tmp_path / "page"
    export(ExportConfig(bundle=Path("asl"), format="web", out=page_folder, runtime=web_runtime))
    with serve_folder(page_folder) as address, chromium_page() as page:
        page.goto(f"{address}/index.html#photo")
        page.set_input_files("#choose", rooms)
        page.locator("#photos .what").nth(29).wait_for(timeout=240_000)
        assert page.locator("#photos .verdict").all_inner_texts() == ["No hand found"] * 10
        notes = tmp_path / "notes.txt"
        notes.write_text("not a photo")
        page.set_input_files("#choose", [notes, *rooms, *rooms[:3]])
        assert page.locator("#photo-note").inner_text() == (
            "notes.txt is not a photo. The first 12 of 13 photos are shown. Choose the others after these."
        )
