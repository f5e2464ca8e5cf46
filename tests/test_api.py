from pathlib import Path
from typing import Any

import pytest

import handshape
from handshape.errors import DataNotFoundError, UsageError


def test_draw__is_the_command(tmp_path: Path) -> None:
    found = handshape.draw(tmp_path / "drawn", labels="A,B", signers=1, images=1, size=48, workers=1)
    assert found["images"] == 2 and len(list((tmp_path / "drawn").glob("*/*.jpg"))) == 2


@pytest.mark.parametrize("name", ["shoes", "run_study", "replace", "Path"])
def test_study__no_such_study(name: str) -> None:
    text = f"study '{name}'; expected one that `handshape study --help` lists; choose one of those"
    with pytest.raises(UsageError, match=text):
        handshape.study(name, "photos")


def test_study__is_the_command(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"backbone": "handnet", "cache": tmp_path, "out": tmp_path / "run"}
    with pytest.raises(DataNotFoundError, match="no folder or table at"):
        handshape.study("chirality", tmp_path / "nowhere", **settings)


def test_handshape__every_public_name_is_there() -> None:
    assert all(getattr(handshape, name) is not None for name in handshape.__all__)
    with pytest.raises(AttributeError, match="module 'handshape' has no attribute 'nothing'"):
        handshape.nothing  # noqa: B018
