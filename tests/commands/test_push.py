import shutil
from pathlib import Path
from typing import Any

import pytest

from handshape.bundle import BundleConfig
from handshape.commands.push import number_signers
from handshape.data.images.decode import Preprocessing
from handshape.models.network_config import NetworkConfig

# What the hub does with it is in tests/test_hub.py.


def described(**known: Any) -> BundleConfig:
    return BundleConfig(("A", "B"), NetworkConfig("cnn", 2, Preprocessing(32)), **known)


def test_number_signers__one_number_for_one_person() -> None:
    config = described(
        trained_on={"signers": ["anna", "zoe"], "train": 3},
        figures={"signers": {"bob": {"n": 1}, "zoe": {"n": 2}}, "test_accuracy": 0.5},
    )
    numbered = number_signers(config)
    assert numbered.trained_on == {"signers": ["signer 1", "signer 3"], "train": 3}
    assert numbered.figures == {"signers": {"signer 2": {"n": 1}, "signer 3": {"n": 2}}, "test_accuracy": 0.5}
    assert config.trained_on["signers"] == ["anna", "zoe"]


def test_number_signers__numbers_sources_too() -> None:
    config = described(figures={"sources": {"anna's kitchen": {"n": 1}, "office": {"n": 2}}})
    assert number_signers(config).figures == {"sources": {"source 1": {"n": 1}, "source 2": {"n": 2}}}


def test_number_signers__nothing_known() -> None:
    assert number_signers(described()) == described()


@pytest.mark.parametrize("licence", ["apache 2.0", "mit\ntags: x", ""])
def test_push__no_identifier_of_a_licence(cli: Any, finished: Any, tmp_path: Path, licence: str) -> None:
    bundle = shutil.copytree(finished.out / "recogniser", tmp_path / "bundle")
    answer = cli("push", bundle, "owner/signs", "--license", licence)
    assert answer.code == 2
    assert f"--license {licence!r}" in answer.err
