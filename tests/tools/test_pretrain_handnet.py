import csv
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from handshape.models.backbones.bundled_weights import file_digest
from handshape.models.backbones.handnet import HandNet

SCRIPT = Path(__file__).parents[2] / "tools" / "pretrain_handnet.py"
SIZES = ("--images", "8", "--valid", "3", "--epochs", "2", "--batch", "4", "--workers", "1")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pretrain_handnet", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pretrain_handnet"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def drawings(tool: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work") / "drawings"
    tool.draw_all(folder, 8, 3, 1)
    return folder


@pytest.fixture
def work(drawings: Path, tmp_path: Path) -> Path:
    (tmp_path / "drawings").symlink_to(drawings)
    return tmp_path


def test_augment__the_keypoints_move_with_the_hand(tool: ModuleType, drawings: Path) -> None:
    read = tool.read_drawings(drawings, 8, held_out=False)
    marked = torch.zeros(8, 3, tool.DRAWN, tool.DRAWN)
    places = ((read.keypoints + 1) / 2 * tool.DRAWN).long().clamp(2, tool.DRAWN - 3)
    for image, points in zip(marked, places, strict=True):
        x, y = points[0].tolist()  # a bright spot on the wrist
        image[:, y - 2 : y + 3, x - 2 : x + 3] = 1
    torch.manual_seed(0)
    moved, keypoints = tool._moved(marked, read.keypoints)
    for image, points in zip(moved, keypoints, strict=True):
        x, y = (((points[0] + 1) / 2) * tool.SIDE).long().tolist()
        if 2 <= x < tool.SIDE - 2 and 2 <= y < tool.SIDE - 2:
            assert image[0, y - 2 : y + 3, x - 2 : x + 3].max() > 0.5


@pytest.mark.slow
def test_main__a_run_that_was_killed_ends_with_the_same_weights(
    tool: ModuleType, work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--work", str(work), *SIZES, "--threads", str(torch.get_num_threads())]
    tool.main(arguments)
    whole = load_file(work / "handnet.safetensors")
    assert file_digest(work / "handnet.safetensors") in capsys.readouterr().out
    assert {tensor.dtype for tensor in whole.values()} == {torch.float16}
    HandNet().load_state_dict({name: tensor.float() for name, tensor in whole.items()})
    log = (work / "log.csv").read_text()
    assert [row["epoch"] for row in csv.DictReader(log.splitlines())] == ["1", "2"]
    for name in ("checkpoint.pt", "handnet.safetensors", "log.csv"):
        (work / name).unlink()

    train, step = tool.train, tool._step
    monkeypatch.setattr(tool, "train", lambda *given: train(*given, every=1))

    def killed(*given: Any) -> float:
        if given[-1] == 3:
            raise KeyboardInterrupt
        loss: float = step(*given)
        return loss

    monkeypatch.setattr(tool, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        tool.main(arguments)
    assert not (work / "handnet.safetensors").exists()
    steps: list[int] = []

    def counted(*given: Any) -> float:
        steps.append(given[-1])
        loss: float = step(*given)
        return loss

    monkeypatch.setattr(tool, "_step", counted)
    tool.main(arguments)
    assert steps == [3]
    again = load_file(work / "handnet.safetensors")
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    seconds = slice(0, -1)
    rows, before = (list(csv.reader(text.splitlines())) for text in ((work / "log.csv").read_text(), log))
    assert [row[seconds] for row in rows] == [row[seconds] for row in before]


def test_fold__gives_the_features_of_the_normalised_network(tool: ModuleType) -> None:
    torch.manual_seed(0)
    network = HandNet(normalised=True)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
            nn.init.normal_(module.running_mean)  # type: ignore[arg-type]
    images = torch.rand(2, 3, 64, 64)
    folded = tool.fold(network.eval())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    with torch.inference_mode():
        ours, own = folded(images), network(images)
    assert (ours - own).abs().max() < 1e-4 * own.abs().max()
