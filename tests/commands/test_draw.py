from pathlib import Path

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
