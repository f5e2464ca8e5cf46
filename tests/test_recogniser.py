import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.bundles import accept, change

from handshape.bundle import BundleConfig
from handshape.cache.location import open_cache
from handshape.data.images.decode import Preprocessing
from handshape.errors import BundleError, DataNotFoundError, ImageError, ShapeError
from handshape.features.predict import predict_features
from handshape.inference.engine import packaged_graph
from handshape.models.backbones.registry import load_backbone
from handshape.models.cnn import CNN
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig, NetworkConfig
from handshape.models.sign_network import BackboneClassifier
from handshape.network_bundle import network_of, recogniser_of
from handshape.recogniser import Recogniser, load
from handshape.types import UNSURE

LABELS = ("A", "B", "C")
GRAPHS = open_cache(None)  # exported once for all tests


def cnn(threshold: float = 0.0, temperature: float = 1.0) -> Recogniser:
    torch.manual_seed(0)
    config = NetworkConfig("cnn", 3, Preprocessing(32))
    return recogniser_of(CNN(3, 32), BundleConfig(LABELS, config, temperature, threshold), GRAPHS)


def frozen() -> Recogniser:
    backbone = load_backbone("squeezenet1_1", "untrained")
    head_config = HeadConfig("linear", pool=2)
    torch.manual_seed(1)
    head = Head(512 * 4, 3, head_config)
    head.mean.uniform_()
    network = BackboneClassifier(backbone, Pool(2, 13, 13), head)
    config = NetworkConfig("frozen", 3, backbone.preprocessing, "squeezenet1_1", (512, 13, 13), head_config)
    return recogniser_of(network, BundleConfig(LABELS, config), GRAPHS)


def photos(count: int = 5, size: int = 50) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (size, size + 10, 3), dtype=np.uint8) for _ in range(count)]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    cnn().save(tmp_path / "bundle", "# A card\n")
    return tmp_path / "bundle"


@pytest.mark.parametrize("make", [cnn, frozen])
def test_save__and_load_give_identical_probabilities(make: Callable[[], Recogniser], tmp_path: Path) -> None:
    recogniser = make()
    recogniser.save(tmp_path / "bundle", "# A card\n")
    assert {path.name for path in (tmp_path / "bundle").iterdir()} == {
        "config.json",
        "model.safetensors",
        "image.onnx",
        "head.onnx",
        "README.md",
    }
    again = load(tmp_path / "bundle")
    assert again.config == recogniser.config and again.labels == LABELS
    assert np.allclose(again.predict_proba(photos()), recogniser.predict_proba(photos()), atol=1e-6)
    assert not network_of(again).training


@pytest.mark.parametrize("make", [cnn, frozen])
def test_probabilities__those_of_torch(make: Callable[[], Recogniser]) -> None:
    recogniser, some = make(), photos()
    config, network = recogniser.config.network, network_of(make())
    prepared = np.stack([config.preprocessing.prepare(photo) for photo in some])
    logits = predict_features(network, config.preprocessing, prepared, None)
    expected = torch.softmax(logits, dim=1).numpy()
    assert np.allclose(recogniser.predict_proba(some), expected, atol=1e-5)


def test_save__lets_the_same_people_read_every_file(tmp_path: Path) -> None:
    cnn().save(tmp_path / "bundle", "# A card\n")
    assert len({path.stat().st_mode for path in (tmp_path / "bundle").iterdir()}) == 1


def test_save__keeps_what_is_known(tmp_path: Path) -> None:
    trained_on, figures = {"split": "signer", "signers": ["änn"]}, {"test_accuracy": 0.5}
    config = BundleConfig(LABELS, cnn().config.network, 1.5, 0.25, trained_on, figures)
    recogniser_of(CNN(3, 32), config, GRAPHS).save(tmp_path / "bundle", "card")
    assert load(tmp_path / "bundle").config == config
    assert (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8") == "card"


def test_load__takes_the_run_that_holds_the_bundle(tmp_path: Path) -> None:
    cnn().save(tmp_path / "run" / "recogniser", "card")
    (tmp_path / "run" / "config.json").write_text("{}")
    assert load(str(tmp_path / "run")).labels == LABELS


def test_load__from_home(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(bundle.parent))
    assert load("~/bundle").labels == LABELS


def test_predict__path_picture_and_array_alike(tmp_path: Path) -> None:
    recogniser, pixels = cnn(), photos(1)[0]
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    answers = [recogniser.predict(image) for image in (path, str(path), Image.fromarray(pixels), pixels)]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].label in LABELS
    assert [label for label, _ in answers[0].top] and answers[0].top[0] == (
        answers[0].label,
        answers[0].probability,
    )
    assert sum(share for _, share in answers[0].top) == pytest.approx(1, abs=1e-5)
    assert list(answers[0].top) == sorted(answers[0].top, key=lambda pair: -pair[1])


def test_predict__one_many_a_tensor_and_a_folder(tmp_path: Path) -> None:
    recogniser: Any = cnn()
    many = photos(3)
    for number, pixels in enumerate(many):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    paths = sorted(tmp_path.glob("*.png"))
    tensors = [torch.from_numpy(pixels).permute(2, 0, 1) for pixels in many]
    expected = [recogniser.predict(pixels) for pixels in many]
    assert recogniser.predict(many) == recogniser.predict(paths) == recogniser.predict(tensors) == expected
    assert recogniser.predict(np.stack(many)) == recogniser.predict(torch.stack(tensors) / 255) == expected
    assert recogniser.predict([tmp_path]) == recogniser.predict(tmp_path) == expected
    assert [one.path for one in recogniser.predict(paths)] == paths and expected[0].path is None
    assert recogniser.predict_proba(tmp_path).shape == (3, 3) == recogniser.predict_proba(many).shape
    assert recogniser.predict_proba(many[0]).shape == (1, 3)
    with pytest.raises(ShapeError, match=r"a tensor with values from -1 to .*; expected floats in \[0, 1\]"):
        recogniser.predict(tensors[0] / 255 * 2 - 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataNotFoundError, match="no photo in"):
        recogniser.predict(tmp_path / "empty")


def test_recogniser__shows_itself(bundle: Path) -> None:
    recogniser = load(bundle)
    assert repr(recogniser) == "Recogniser(cnn, 3 labels (A, B, C))" and recogniser.device == "cpu"
    shown = recogniser._repr_html_()
    assert "A card" in shown and "3: A, B, C" in shown and "has not been measured" in shown


def test_features__are_what_the_head_takes() -> None:
    recogniser, many = frozen(), photos(2)
    features = recogniser.features(many)
    assert features.shape == (2, 512 * 4) and features.dtype == np.float32
    network = network_of(recogniser)
    nothing = torch.zeros(0)
    logits = network.from_features(torch.from_numpy(features), nothing, nothing)
    assert np.allclose(logits.softmax(dim=1).detach(), recogniser.predict_proba(many), atol=1e-5)


@pytest.mark.parametrize(
    "image, text",
    [
        (
            np.zeros((8, 8), np.uint8),
            r"an image of shape \(8, 8\) and type uint8",
        ),
        (np.zeros((8, 8, 4), np.uint8), r"an image of shape \(8, 8, 4\)"),
        (np.zeros((8, 8, 3), np.float32), r"type float32"),
        ([[0, 0, 0]], "an image of type 'list'"),
        (None, "an image of type 'NoneType'"),
    ],
)
def test_predict__refuses_other_arrays(image: Any, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        cnn().predict(image)


def test_predict__an_image_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(ImageError, match=r"text.png': not an image, or of an unknown format"):
        cnn().predict(tmp_path / "text.png")
    with pytest.raises(ImageError, match=r"cannot read '.*gone.png' \(No such file or directory\)"):
        cnn().predict(tmp_path / "gone.png")


def test_predict__unsure_below_the_threshold() -> None:
    sure = cnn().predict(photos(1)[0])
    above, below = (sure.probability + change for change in (1e-4, -1e-4))
    assert cnn(threshold=above).predict(photos(1)[0]).label == UNSURE
    assert cnn(threshold=below).predict(photos(1)[0]).label == sure.label
    # The most probable label is still told.
    assert cnn(threshold=above).predict(photos(1)[0]).top == sure.top


def test_probabilities__any_number_of_photos() -> None:
    recogniser = cnn()
    whole = recogniser.predict_proba(photos(7))
    assert whole.shape == (7, 3) and whole.dtype == np.float32
    assert np.array_equal(recogniser.predict_proba(iter(photos(7))), whole)
    assert recogniser.predict_proba([]).shape == (0, 3)


def test_probabilities__temperature_flattens() -> None:
    cold, warm = cnn().predict_proba(photos()), cnn(temperature=4.0).predict_proba(photos())
    assert (warm.max(axis=1) < cold.max(axis=1)).all()
    assert (warm.argmax(axis=1) == cold.argmax(axis=1)).all()


def test_load__leaves_no_gradient(tmp_path: Path) -> None:
    frozen().save(tmp_path / "bundle", "card")
    network = network_of(load(tmp_path / "bundle"))
    assert isinstance(network, BackboneClassifier)
    assert not any(parameter.requires_grad for parameter in network.backbone.parameters())


def damaged(bundle: Path, file: str, field: str, reason: str) -> None:
    with pytest.raises(BundleError) as caught:
        network_of(load(bundle))
    text = str(caught.value)
    pattern = rf"the bundle's {re.escape(file)} is damaged at '{re.escape(field)}': .*{reason}.*; "
    assert re.match(pattern, text), text


def test_load__no_bundle(tmp_path: Path) -> None:
    with pytest.raises(
        BundleError,
        match=r"no bundle at '.*nowhere'",
    ):
        load(tmp_path / "nowhere")


def test_load__no_tensors(bundle: Path) -> None:
    (bundle / "model.safetensors").unlink()
    damaged(bundle, "model.safetensors", "the file", "No such file")


@pytest.mark.parametrize("text", ["", "{", "\x00\x01", '{"labels": ['])
def test_load__config_is_no_json(bundle: Path, text: str) -> None:
    (bundle / "config.json").write_text(text)
    damaged(bundle, "config.json", "the file", "")


def test_load__config_is_no_text(bundle: Path) -> None:
    (bundle / "config.json").write_bytes(b"\xff\xfe\xff")
    damaged(bundle, "config.json", "the file", "utf-8")


@pytest.mark.parametrize(
    "text", ["[]", "null", "3", "{}", '{"format_version": 99}', '{"format_version": "1"}']
)
def test_load__another_version_or_another_program_s(bundle: Path, text: str) -> None:
    (bundle / "config.json").write_text(text)
    with pytest.raises(BundleError, match=r"is of format .*"):
        load(bundle)


@pytest.mark.parametrize(
    "edit, field, reason",
    [
        (lambda c: c.pop("labels"), "labels", "required"),
        (lambda c: c.pop("network"), "network", "required"),
        (lambda c: c["network"].pop("preprocessing"), "network.preprocessing", "required"),
        (
            lambda c: c["network"].update(model="rnn"),
            "network.model",
            "'landmarks' or 'combined'",
        ),
        (lambda c: c["network"].update(labels="many"), "network.labels", "integer"),
        (lambda c: c.update(labels=3), "labels", "tuple"),
        (lambda c: c.update(labels=["A", 2, "C"]), "labels.1", "string"),
        (lambda c: c.update(labels=["A", "B", "C", "D"]), "labels", "has 4 for 3 outputs"),
        (lambda c: c.update(labels=["A", "B", "A"]), "labels", "a label twice"),
        (lambda c: c.update(temperature=0), "temperature", "is 0.0, not a positive number"),
        (lambda c: c.update(temperature=float("nan")), "temperature", "is nan, not a finite number"),
        (lambda c: c.update(threshold=1.5), "threshold", r"is 1.5, not in \[0, 1\]"),
        (lambda c: c["network"]["preprocessing"].update(size=0), "network.preprocessing.size", "is 0"),
        (lambda c: c["network"]["preprocessing"].update(size=9999), "network.preprocessing.size", "is 9999"),
        (
            lambda c: c["network"]["preprocessing"].update(size=8),
            "network.preprocessing.size",
            "image.onnx takes other images",
        ),
        (
            lambda c: c["network"]["preprocessing"].update(std=[1, 0, 1]),
            "network.preprocessing.std",
            "not pos",
        ),
        (
            lambda c: c["network"]["preprocessing"].update(mean=[1]),
            "network.preprocessing.mean.1",
            "required",
        ),
    ],
)
def test_load__a_damaged_field(
    bundle: Path, edit: Callable[[dict[str, Any]], object], field: str, reason: str
) -> None:
    change(bundle, edit)
    damaged(bundle, "config.json", field, reason)


@pytest.mark.parametrize(
    "edit, field, reason",
    [
        (lambda n: n.update(backbone="squeezenet9"), "network", "no backbone 'squeezenet9'"),
        (lambda n: n.update(backbone=None), "network", "needs backbone, feature_shape and head"),
        (lambda n: n.update(head=None), "network", "needs backbone, feature_shape and head"),
        (lambda n: n.update(feature_shape=[512, 26, 26]), "network", r"features of shape \(512, 13, 13\)"),
        (lambda n: n["head"].update(kind="tree"), "network.head.kind", "'linear', 'mlp' or 'sklearn'"),
        (lambda n: n["head"].update(pool=0), "network.head", "1 or more"),
    ],
)
def test_load__a_damaged_description_of_a_frozen_network(
    tmp_path: Path, edit: Callable[[dict[str, Any]], object], field: str, reason: str
) -> None:
    frozen().save(tmp_path / "bundle", "card")
    change(tmp_path / "bundle", lambda config: edit(config["network"]))
    damaged(tmp_path / "bundle", "config.json", field, reason)


@pytest.mark.parametrize(
    "edit, field, reason",
    [
        (lambda s: s.pop("features.0.bias"), "features.0.bias", "is missing"),
        (lambda s: s.update(extra=torch.ones(1)), "extra", "does not belong to this network"),
        (
            lambda s: s.update({"classifier.2.bias": torch.ones(4)}),
            "classifier.2.bias",
            r"is torch.float32 of shape \(4,\) instead of torch.float32 of shape \(3,\)",
        ),
        (
            lambda s: s.update({"classifier.2.bias": torch.ones(3).half()}),
            "classifier.2.bias",
            r"is torch.float16 of shape \(3,\) instead of torch.float32",
        ),
    ],
)
def test_load__a_damaged_tensor(
    bundle: Path, edit: Callable[[dict[str, torch.Tensor]], object], field: str, reason: str
) -> None:
    state = load_file(bundle / "model.safetensors")
    edit(state)
    save_file(state, bundle / "model.safetensors")
    accept(bundle)
    damaged(bundle, "model.safetensors", field, reason)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_load__cut_tensors(bundle: Path, keep: int) -> None:
    path = bundle / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    damaged(bundle, "model.safetensors", "the file", "")


def test_load__a_pickle_instead_of_tensors(bundle: Path) -> None:
    torch.save(CNN(3, 32).state_dict(), bundle / "model.safetensors")
    damaged(bundle, "model.safetensors", "the file", "")


def test_load__tensors_of_another_bundle(bundle: Path, tmp_path: Path) -> None:
    frozen().save(tmp_path / "other", "card")
    shutil.copy(tmp_path / "other" / "model.safetensors", bundle)
    damaged(bundle, "model.safetensors", "the file", "not the file that was saved")
    accept(bundle)
    damaged(bundle, "model.safetensors", "backbone.body.features.0.bias", "does not belong")


@pytest.mark.parametrize("name", ["image.onnx", "head.onnx"])
def test_load__a_graph_that_is_missing_cut_or_of_another_bundle(
    bundle: Path, tmp_path: Path, name: str
) -> None:
    frozen().save(tmp_path / "other", "card")
    kept = (bundle / name).read_bytes()
    (bundle / name).write_bytes(kept[:-1])
    damaged(bundle, name, "the file", "not the file that was saved")
    accept(bundle, name)
    damaged(bundle, name, "the graph", "")
    shutil.copy(tmp_path / "other" / name, bundle)
    accept(bundle, name)
    with pytest.raises(BundleError):
        load(bundle)
    change(bundle, lambda config: config["digests"].pop(name))
    damaged(bundle, name, "the graph", "is missing")


def test_load_and_predict__without_torch(bundle: Path, tmp_path: Path) -> None:
    Image.fromarray(photos(1)[0]).save(tmp_path / "photo.png")
    code = (
        "import sys; from handshape.cli import main\n"
        f"sys.argv = ['handshape', 'predict', {str(bundle)!r}, {str(tmp_path / 'photo.png')!r}]\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules and 'lance' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_load_and_predict__report_nothing_to_the_engines_makers(bundle: Path, tmp_path: Path) -> None:
    Image.fromarray(photos(1)[0]).save(tmp_path / "photo.png")
    reports = tmp_path / "reports"  # before it sends anything, ONNX Runtime writes it here
    reports.mkdir()
    code = f"import handshape; handshape.load({str(bundle)!r}).predict({str(tmp_path / 'photo.png')!r})"
    silenced = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS"}  # what would hide it
    environment = {name: value for name, value in os.environ.items() if name not in silenced}
    subprocess.run([sys.executable, "-c", code], check=True, env={**environment, "TMPDIR": str(reports)})
    assert not list(reports.iterdir())


def test_load__the_networks_of_the_package_are_opened_once() -> None:
    load("asl")
    before = packaged_graph.cache_info()
    load("asl")
    after = packaged_graph.cache_info()
    assert (after.hits - before.hits, after.misses) == (2, before.misses)
