import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from handshape.data.images.decode import read_image
from handshape.inference.engine import Graph
from handshape.recogniser import Recogniser, load

from ..export.conftest import small_recogniser


@pytest.fixture
def bundle(finished: Any, tmp_path: Path) -> Path:
    shutil.copytree(finished.out, tmp_path / "run")
    return tmp_path / "run" / "recogniser"


@pytest.mark.slow
def test_export__into_the_bundle(cli: Any, finished: Any, bundle: Path) -> None:
    answer = cli("export", bundle.parent, "--json")
    found = answer.json
    assert (
        found["file"] == str(bundle / "model.onnx")
        and found["bytes"] == (bundle / "model.onnx").stat().st_size
    )
    assert (found["labels"], found["precision"], found["opset"]) == (["A", "B", "C"], "fp32", 18)
    parity = found["parity"]
    assert parity["photos"] == finished.metrics["split"]["test"] and parity["torch"] < 1e-4
    assert parity["different"] <= parity["photos"] and found["attempts"] == 1
    photos = sorted(finished.photos.rglob("*.png"))
    graph = Graph(bundle / "model.onnx")
    rows = np.concatenate([graph.run(images=read_image(path)[None])["probabilities"] for path in photos])
    assert rows.shape == load(bundle).predict_proba(photos).shape
    assert "model.onnx" in {path.name for path in bundle.iterdir()}
    kept = {one.key: one.value for one in onnx.load(bundle / "model.onnx").metadata_props}
    assert json.loads(kept["handshape.parity"]) == parity and kept["handshape.attempts"] == "1"
    assert '"test_accuracy"' in kept["handshape.figures"] and '"signer"' in kept["handshape.trained_on"]


@pytest.mark.slow
def test_export__as_a_person_reads_it(cli: Any, finished: Any, bundle: Path, tmp_path: Path) -> None:
    answer = cli("export", bundle, "--out", tmp_path / "reader.onnx", "--images", finished.photos)
    lines = answer.out.splitlines()
    assert lines[0].startswith(f"{tmp_path / 'reader.onnx'}: ") and lines[0].endswith(" MB, fp32, opset 18")
    assert lines[2].startswith("It looks for the hand once")
    assert lines[3] == "Labels: A, B, C"
    assert lines[4].startswith(f"Compared on 12 photos (photos in {finished.photos}): another label than the")
    assert "Comparing: 12/12" in answer.err


@pytest.mark.slow
def test_export__refuses_another_answer(cli: Any, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Recogniser.classify
    monkeypatch.setattr(Recogniser, "classify", lambda self, *given: right(self, *given) * 0.99)
    answer = cli("export", bundle)
    assert (answer.code, answer.out) == (1, "")
    assert "the bundle's probabilities differ from those of torch by up to 0.0" in answer.err
    assert not (bundle / "model.onnx").exists()


def test_export__in_8_bits(cli: Any, make_photos: Any, tmp_path: Path) -> None:
    small_recogniser(tmp_path).save(tmp_path / "bundle", "# A card\n")
    photos = make_photos("ABC", signers=2, images=6)
    words = ("export", tmp_path / "bundle", "--precision", "int8", "--images", photos)
    answer = cli(*words)
    assert answer.out.splitlines()[0].endswith(" MB, int8, opset 18")
    assert answer.out.splitlines()[-1].startswith("Accuracy on ")
    parity = cli(*words, "--json").json["parity"]
    assert parity["labelled"] == 18 and parity["largest"] < 1e-4
    assert parity["accuracy"] - parity["int8_accuracy"] <= 0.005
    kept = {one.key: one.value for one in onnx.load(tmp_path / "bundle" / "model.onnx").metadata_props}
    assert kept["handshape.precision"] == '"int8"'


def test_export__in_8_bits_needs_labels(cli: Any, tmp_path: Path) -> None:
    small_recogniser(tmp_path).save(tmp_path / "bundle", "# A card\n")
    answer = cli("export", tmp_path / "bundle", "--precision", "int8")
    assert answer.code == 1 and not (tmp_path / "bundle" / "model.onnx").exists()
    assert "the accuracy in 8 bits cannot be measured: the photos have no labels (drawn hands" in answer.err


def test_export__wrong_usage(cli: Any, bundle: Path) -> None:
    answer = cli("export", bundle, "--out", "model.bin")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("handshape export: --out 'model.bin'")


def test_export__never_into_the_hub_s_own_copy(cli: Any) -> None:
    answer = cli("export", "hub:owner/name")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("handshape export: no --out for a bundle on the hub")
