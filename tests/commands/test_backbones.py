from pathlib import Path
from typing import Any

import pytest

from handshape.models.backbones.registry import load_backbone


def test_backbones__what_each_is_and_whether_its_weights_are_here(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "resnet18-abc.pth").write_bytes(b"")
    monkeypatch.setenv("HANDSHAPE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (handnet,) = cli("backbones", "handnet", "--json").json
    loaded = load_backbone("handnet")
    assert handnet["features"] == list(loaded.feature_shape) and handnet["weights"] == "in the package"
    assert handnet["parameters"] == sum(one.numel() for one in loaded.body.parameters())
    found = {one["name"]: one for one in cli("backbones", "*et18", "--json").json}
    assert set(found) == {"resnet18"} and found["resnet18"]["weights"] == "resnet18-abc.pth"
    (alexnet,) = cli("backbones", "alexnet", "--json").json
    assert (alexnet["features"], alexnet["cost"], alexnet["weights"]) == ([256, 6, 6], 1.0, None)
    assert 2 < found["resnet18"]["cost"] < 4
    assert "alexnet" in cli("backbones", "alex*").out
    answer = cli("backbones", "nothing*")
    assert answer.code == 1 and "no backbone is called 'nothing*'" in answer.err


def test_backbones__of_timm(cli: Any) -> None:
    pytest.importorskip("timm")
    (one,) = cli("backbones", "timm:resnet10t", "--json").json
    assert one["name"] == "timm:resnet10t" and one["features"] == [512, 6, 6]
