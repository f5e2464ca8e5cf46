import pickle
import re
from collections.abc import Callable, Mapping
from http.client import IncompleteRead
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from handshape.errors import WeightsError
from handshape.models.backbones.weights import Weights, find_weights, fit, read_state_dict, state_digest

State = dict[str, Tensor]


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def no_download() -> Mapping[str, Tensor]:
    raise AssertionError("nothing was to be downloaded")


def write(path: Path, state: State) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("ending", [".safetensors", ".pth", ".pt"])
def test_find_weights__a_given_file(tmp_path: Path, ending: str) -> None:
    state = network().state_dict()
    found = find_weights("any", write(tmp_path / f"mine{ending}", state), no_download)
    assert found.source == f"mine{ending}"
    assert found.state.keys() == state.keys()
    assert all(torch.equal(found.state[name], state[name]) for name in state)


@pytest.mark.parametrize("ending", [".safetensors", ".pth", ".pt"])
def test_find_weights__the_folder_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setenv("HANDSHAPE_WEIGHTS", str(tmp_path))
    (tmp_path / "alexnet-notes.txt").write_text("not weights")
    write(tmp_path / f"alexnet2-other{ending}", {"b": torch.ones(1)})
    write(tmp_path / f"alexnet-owt{ending}", {"a": torch.ones(1)})
    found = find_weights("alexnet", None, no_download)
    assert found.source == f"alexnet-owt{ending}"
    assert list(found.state) == ["a"]


def test_find_weights__a_given_file_comes_before_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDSHAPE_WEIGHTS", str(tmp_path))
    write(tmp_path / "alexnet-owt.pth", {"a": torch.ones(1)})
    given = write(tmp_path / "mine.pth", {"b": torch.ones(1)})
    assert list(find_weights("alexnet", given, no_download).state) == ["b"]


def test_find_weights__a_download_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSHAPE_WEIGHTS", str(tmp_path))
    found = find_weights("alexnet", None, lambda: {"c": torch.ones(1)})
    assert list(found.state) == ["c"]
    assert "download" in found.source


def test_find_weights__a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError,
        match=r"no weights at '.*gone.pth'",
    ):
        find_weights("alexnet", tmp_path / "gone.pth", no_download)


@pytest.mark.parametrize(
    "error, reason",
    [
        (URLError(OSError(-3, "Temporary failure in name resolution")), "Temporary failure in name"),
        (HTTPError("https://example.org", 403, "Forbidden", None, None), "Forbidden"),  # type: ignore[arg-type]
        (ConnectionResetError("reset by peer"), "reset by peer"),
        (IncompleteRead(b""), "IncompleteRead"),
        (RuntimeError('invalid hash value (expected "7be5be79", got "00")'), "invalid hash value"),
    ],
)
def test_find_weights__no_internet_names_the_three_roads(error: Exception, reason: str) -> None:
    def offline() -> Mapping[str, Tensor]:
        raise error

    with pytest.raises(WeightsError) as caught:
        find_weights("alexnet", None, offline)
    text = str(caught.value)
    assert reason in text and "\n" not in text
    assert all(way in text for way in ("--weights", "$HANDSHAPE_WEIGHTS", "internet", "--model landmarks"))


class Trap:
    """Leaves a file behind when it is unpickled by a reader that executes what it reads."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_read_state_dict__executes_nothing(tmp_path: Path, save: Callable[[Any, Path], None]) -> None:
    mark, path = tmp_path / "executed", tmp_path / "weights.pth"
    save({"a": Trap(mark)}, path)
    with pytest.raises(WeightsError, match=r"cannot read the weights in '.*weights.pth' \(UnpicklingError\)"):
        read_state_dict(path)
    assert not mark.exists()
    # The trap works on a reader that is not careful.
    torch.load(path, weights_only=False) if save is torch.save else pickle.loads(path.read_bytes())
    assert mark.exists()


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_read_state_dict__a_damaged_file(tmp_path: Path, ending: str, damage: str) -> None:
    path = write(tmp_path / f"weights{ending}", network().state_dict())
    data = {"empty": b"", "text": b"<html>not found</html>", "cut": path.read_bytes()[:-100]}[damage]
    path.write_bytes(data)
    with pytest.raises(WeightsError) as caught:
        read_state_dict(path)
    assert re.match(
        r"cannot read the weights in '.*' \(.+\); expected a safetensors file or a torchvision state dict; "
        "download it again$",
        str(caught.value),
    )


@pytest.mark.parametrize("value", [torch.ones(2), [1, 2], {"epoch": 3}, {"model": {"a": torch.ones(1)}}])
def test_read_state_dict__something_else(tmp_path: Path, value: Any) -> None:
    torch.save(value, tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match=r"\(it holds no state dict\); .*; download it again"):
        read_state_dict(tmp_path / "weights.pth")


def test_fit__copies_every_tensor() -> None:
    source, target = network(1), network(2)
    source.get_buffer("1.running_mean").add_(3)
    more = {**source.state_dict(), "another.weight": torch.ones(1)}
    fit(target, Weights(more, "file"), ignored=lambda name: False)
    assert state_digest(target) == state_digest(source)


def test_fit__names_the_first_wrong_tensor_and_both_shapes() -> None:
    state = {**network().state_dict(), "0.weight": torch.zeros(4, 3, 5, 5), "3.weight": torch.zeros(1)}
    before = network(7)
    digest = state_digest(before)
    with pytest.raises(
        WeightsError,
        match=r"weights from 'file.pth' do not fit: '0.weight' has shape \(4, 3, 5, 5\)",
    ):
        fit(before, Weights(state, "file.pth"), ignored=lambda name: False)
    assert state_digest(before) == digest


def test_fit__names_a_missing_tensor() -> None:
    state = network().state_dict()
    del state["1.running_var"]
    with pytest.raises(WeightsError, match=r"'1.running_var' has no such tensor"):
        fit(network(), Weights(state, "file"), ignored=lambda name: False)


def test_fit__leaves_ignored_tensors_alone() -> None:
    source, target = network(1), network(2)
    kept = target.get_parameter("3.weight").clone()
    state = {k: v for k, v in source.state_dict().items() if not k.startswith("3.")}
    fit(target, Weights({**state, "3.bias": torch.zeros(99)}, "file"), ignored=lambda n: n.startswith("3."))
    assert torch.equal(target.get_parameter("3.weight"), kept)
    assert torch.equal(target.get_parameter("0.weight"), source.get_parameter("0.weight"))


def test_fit__does_without_batch_counts() -> None:
    state = {k: v for k, v in network(1).state_dict().items() if not k.endswith("num_batches_tracked")}
    target = network(2)
    fit(target, Weights(state, "file"), ignored=lambda name: False)
    assert torch.equal(target.get_parameter("0.weight"), state["0.weight"])


def test_state_digest__stands_for_every_number() -> None:
    one, same, other = network(0), network(0), network(0)
    other.get_buffer("1.running_mean")[2] = 1e-6
    assert state_digest(one) == state_digest(same) != state_digest(other)
    assert re.fullmatch("[0-9a-f]{32}", state_digest(one))
    # How numbers lie in memory is not part of what they are.
    assert state_digest(same.to(memory_format=torch.channels_last)) == state_digest(one)
