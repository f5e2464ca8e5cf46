import pytest
import torch

from handshape.errors import UsageError
from handshape.models.device import choose_device


def test_choose_device__takes_what_is_asked_for() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize(
    "cuda, mps, chosen", [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_choose_device__auto_takes_the_fastest(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, chosen: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
    assert choose_device("auto").type == chosen


def test_choose_device__names_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(
        UsageError,
        match="--device cuda",
    ):
        choose_device("cuda")
