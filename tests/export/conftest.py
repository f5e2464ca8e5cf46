"""A small recogniser, exported once for all tests of this folder."""

from pathlib import Path

import pytest
import torch

from handshape.bundle import BundleConfig
from handshape.config.export import ExportConfig
from handshape.data.images.decode import Preprocessing
from handshape.models.cnn import CNN
from handshape.models.network_config import NetworkConfig
from handshape.recogniser import Recogniser

LABELS = ("A", "B", "C")


def small_recogniser(temperature: float = 1.5) -> Recogniser:
    torch.manual_seed(0)
    config = NetworkConfig("cnn", 3, Preprocessing(32, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)))
    return Recogniser(CNN(3, 32), BundleConfig(LABELS, config, temperature, 0.2))


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with an exported model, which tests leave as it is."""
    from handshape.commands.export import export

    bundle = tmp_path_factory.mktemp("exported") / "bundle"
    small_recogniser().save(bundle, "# A card\n")
    export(ExportConfig(bundle=bundle))
    return bundle
