"""Recognisers and pages, exported once for all tests of this folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from handshape.bundle import BundleConfig
from handshape.config.export import ExportConfig
from handshape.data.images.decode import Preprocessing
from handshape.models.cnn import CNN
from handshape.models.network_config import NetworkConfig
from handshape.network_bundle import recogniser_of
from handshape.recogniser import Recogniser

LABELS = ("A", "B", "C")
MODELS = ("combined", "frozen", "landmarks")


def small_recogniser(cache: Path, temperature: float = 1.5) -> Recogniser:
    torch.manual_seed(0)
    config = NetworkConfig("cnn", 3, Preprocessing(32, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)))
    return recogniser_of(CNN(3, 32), BundleConfig(LABELS, config, temperature, 0.2), cache)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with an exported model, which tests leave as it is."""
    from handshape.commands.export import export

    place = tmp_path_factory.mktemp("exported")
    bundle = place / "bundle"
    small_recogniser(place).save(bundle, "# A card\n")
    export(ExportConfig(bundle=bundle))
    return bundle


@dataclass(frozen=True)
class Pages:
    """Recognisers of drawn hands, and their exported pages.

    Args:
        place: Holds a run and a page of each model.
    """

    place: Path

    def run(self, model: str) -> Path:
        """Return the run of a model."""
        return self.place / model

    def page(self, model: str) -> Path:
        """Return the page of a model."""
        return self.place / f"{model}-page"


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory, web_runtime: Path) -> Pages:
    from handshape.commands.export import export
    from handshape.commands.train import train
    from handshape.config.export import ExportConfig
    from handshape.config.train import TrainConfig
    from handshape.synthetic.dataset import draw_dataset

    place = tmp_path_factory.mktemp("pages")
    draw_dataset(place / "drawn", "ABC", signers=3, images=4, size=160)
    pages = Pages(place)
    for model in MODELS:
        config: dict[str, Any] = {"backbone": "handnet"} if model != "landmarks" else {}
        train(
            TrainConfig(
                data=place / "drawn",
                model=model,  # type: ignore[arg-type]
                signer=r"signer(\d+)_",
                cache=place / "cache",
                device="cpu",
                out=pages.run(model),
                **config,
            )
        )
        out = pages.page(model)
        told = export(ExportConfig(bundle=pages.run(model), format="web", out=out, runtime=web_runtime))
        assert told["bytes"] == sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return pages
