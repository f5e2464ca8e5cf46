from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from handshape.commands.draw import draw
from handshape.config.draw import DrawConfig
from handshape.errors import UsageError


def test_draw__says_what_it_drew(tmp_path: Path) -> None:
    out = tmp_path / "hands"
    told = draw(DrawConfig(out=out, labels="A,X-Z", signers=2, images=1, size=48, seed=5, workers=1))
    assert told["images"] == 8
    assert told["labels"] == ["A", "X", "Y", "Z"]
    assert told["truth"] == str(out / "truth.csv")
    signers = told["signers"]
    assert isinstance(signers, dict) and set(signers) == {"1", "2"}
    assert signers["1"]["handedness"] in ("left", "right") and 1 <= signers["1"]["tone"] <= 10
    assert "nothing about people" in str(told["note"])


def test_draw__refuses_labels_that_are_no_letters(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--labels 'A,7': .*"):
        draw(DrawConfig(out=tmp_path / "hands", labels="A,7"))
    assert not (tmp_path / "hands").exists()


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"signers": 0}, "--signers 0"),
        ({"images": 0}, "--images 0"),
        ({"size": 47}, "--size 47"),
        ({"seed": -1}, "--seed -1"),
        ({"workers": -1}, "--workers -1"),
        ({"style": "beach"}, "--style 'beach'"),
    ],
)
def test_draw_config__refuses_impossible_settings(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        DrawConfig(out=Path("hands"), **options)


def test_draw_config__every_field_has_a_help_text() -> None:
    assert all(field.metadata["help"] for field in fields(DrawConfig))
