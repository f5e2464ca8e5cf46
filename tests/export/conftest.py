"""A small recogniser, exported once for all tests of this folder."""

from pathlib import Path

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
