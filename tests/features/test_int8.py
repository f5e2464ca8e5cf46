import importlib.util
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from handshape.config.train import BackboneConfig, TrainConfig
from handshape.data.augment import Views
from handshape.errors import BackboneError, MissingExtraError, UsageError
from handshape.features import int8
from handshape.features.extract import Extractor, make_extractor
from handshape.features.int8 import Int8Backbone
from handshape.models.backbones.registry import Backbone, load_backbone

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def handnet() -> Backbone:
    return load_backbone("handnet")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, handnet: Backbone) -> Path:
    """A store with handnet quantised in it."""
    pytest.importorskip("nncf")
    place = tmp_path_factory.mktemp("store")
    Int8Backbone(handnet, place)
    return place


@pytest.fixture(scope="module")
def images(handnet: Backbone) -> torch.Tensor:
    pixels = torch.randint(0, 256, (8, 224, 224, 3), generator=torch.Generator().manual_seed(0))
    return handnet.preprocessing.normalise(pixels.to(torch.uint8))


def test_int8_backbone__near_float32_and_the_same_in_every_thread(
    handnet: Backbone, store: Path, images: torch.Tensor
) -> None:
    quantised = Int8Backbone(handnet, store)
    with torch.inference_mode():
        exact, found = handnet(images), quantised(images)
        assert found.shape == exact.shape
        assert 0 < (found - exact).abs().mean() / exact.abs().mean() < 0.5
        with ThreadPoolExecutor(2) as pool:
            for other in pool.map(quantised, [images] * 6):
                assert torch.equal(other, found)


def test_compile__no_thread_is_tied_to_a_core(store: Path) -> None:
    # Readers on all threads would be tied to the same one.
    (path,) = (store / "int8").glob("*.xml")
    assert int8._compile(path).get_property("ENABLE_CPU_PINNING") is False


def test_int8_backbone__is_quantised_once(
    handnet: Backbone, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(*_: object) -> None:
        pytest.fail("it is there already")

    monkeypatch.setattr(int8, "_quantise", again)
    assert Int8Backbone(handnet, store).digest == Int8Backbone(handnet, store).digest


def test_int8_backbone__a_broken_one_is_refused(
    handnet: Backbone, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "_WORST", 1e-6)
    message = (
        r"handnet in 8-bit integers gives features that are \d+ % off here; "
        "expected less than 0 %; leave out --precision int8"
    )
    with pytest.raises(BackboneError, match="^" + message + "$"):
        Int8Backbone(handnet, store)


@pytest.mark.parametrize("missing", ["openvino", "nncf"])
def test_int8_backbone__without_the_extra(
    handnet: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    find = importlib.util.find_spec

    def hide(name: str, package: str | None = None) -> Any:
        return None if name == missing else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", hide)
    message = (
        f"--precision int8 needs {missing}, which is not installed; expected the extra `int8`; "
        "run `pip install 'handshape[int8]'`"
    )
    if missing == "nncf":
        pytest.importorskip("openvino")
    with pytest.raises(MissingExtraError, match="^" + re.escape(message) + "$"):
        Int8Backbone(handnet, tmp_path)


@pytest.mark.parametrize(
    ("precision", "device", "message"),
    [
        ("int8", "cuda", "--precision int8 on cuda; expected the processor; add --device cpu"),
        (
            "fp16",
            "cpu",
            "--precision fp16 on cpu; expected a CUDA device; take fp32, or int8 on a processor",
        ),
    ],
)
def test_make_extractor__a_precision_of_another_device(
    handnet: Backbone, tmp_path: Path, precision: Any, device: str, message: str
) -> None:
    options = BackboneConfig(backbone="handnet", precision=precision)
    with pytest.raises(UsageError, match="^" + re.escape(message) + "$"):
        make_extractor(handnet, options, torch.device(device), tmp_path)


def test_make_extractor__every_precision_has_its_table(handnet: Backbone, store: Path) -> None:
    plain = make_extractor(handnet, BackboneConfig(), CPU, store)
    assert plain == Extractor(handnet, 4, Views(), CPU)
    quantised = make_extractor(handnet, BackboneConfig(precision="int8"), CPU, store)
    half = Extractor(handnet, 4, Views(), CPU, "fp16")
    assert len({one.table(store).path for one in (plain, quantised, half)}) == 3


def test_network__half_precision_is_near_float32(handnet: Backbone, images: torch.Tensor) -> None:
    pixels = torch.randint(0, 256, (2, 224, 224, 3), dtype=torch.uint8).numpy()
    rows = []
    for precision in ("fp32", "fp16"):
        network = Extractor(handnet, 4, Views(), CPU, precision).network(["a", "b"], 0)
        with torch.inference_mode():
            rows.append(network(pixels, torch.tensor([0, 1]).numpy()).float())
    assert not torch.equal(*rows)
    torch.testing.assert_close(*rows, atol=0.05 * float(rows[0].max()), rtol=0.05)


def test_train__reads_training_photos_in_int8_and_judges_in_float32(store: Path, make_photos: Any) -> None:
    from handshape.commands.train import train

    settings: dict[str, Any] = {"signer": r"signer(\d+)_", "backbone": "handnet", "device": "cpu"}
    photos = make_photos()
    out = photos.parent
    quick = train(TrainConfig(data=photos, store=store, precision="int8", out=out / "int8", **settings))[
        "models"
    ]["frozen"]
    plain = train(TrainConfig(data=photos, store=store, out=out / "fp32", **settings))["models"]["frozen"]
    assert 0 <= quick["training_precision_accuracy"] <= 1
    assert "training_precision_accuracy" not in plain
    assert abs(quick["test_accuracy"] - plain["test_accuracy"]) < 0.5
