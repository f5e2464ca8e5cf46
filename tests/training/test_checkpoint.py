import re
from pathlib import Path

import pytest
import torch

from handshape.errors import OutputError
from handshape.training.checkpoint import Checkpoint


def test_checkpoint__none_before_the_first(tmp_path: Path) -> None:
    assert Checkpoint(tmp_path / "deep" / "down").load() is None
    assert not (tmp_path / "deep").exists()


def test_checkpoint__the_latest_state_and_nothing_beside_it(tmp_path: Path) -> None:
    keeper = Checkpoint(tmp_path / "deep" / "training")
    keeper.save({"epoch": 1, "weights": torch.arange(3.0)})
    keeper.save({"epoch": 2, "weights": torch.arange(4.0)})
    state = keeper.load()
    assert state is not None and state["epoch"] == 2 and torch.equal(state["weights"], torch.arange(4.0))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["training"]


def test_checkpoint__runs_no_code(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "trapped",)

    path = tmp_path / "state"
    torch.save({"epoch": Trap()}, path)
    message = (
        f"the checkpoint '{path}' is damaged (UnpicklingError); expected a checkpoint as handshape wrote it; "
        "delete it: the step begins again"
    )
    with pytest.raises(OutputError, match=re.escape(message)):
        Checkpoint(path).load()
    assert not (tmp_path / "trapped").exists()
