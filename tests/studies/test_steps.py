import re
from pathlib import Path

import pytest
import torch

from handshape.errors import OutputError
from handshape.evaluation.intervals.accuracy import Interval
from handshape.evaluation.json_result import to_json_types
from handshape.studies.steps import Result, Steps
from handshape.training.checkpoint import Checkpoint


def never(keeper: Checkpoint) -> Result:
    pytest.fail("the step is finished")


def test_run__works_once_and_reads_back_the_same(tmp_path: Path) -> None:
    figures = {"accuracy": 0.1 + 0.2, "interval": [1 / 3, 2 / 3], "none": float("nan")}
    made = Result(figures, {"codes": torch.tensor([[0.1, 1e-30]])}, [{"epoch": 1, "loss": 0.7}])
    first = Steps(tmp_path).run("decoder", lambda keeper: made)
    again = Steps(tmp_path)
    second = again.run("decoder", never)
    for found in (first, second):
        assert found.figures == {**figures, "none": None}
        assert torch.equal(found.tensors["codes"], made.tensors["codes"])
        assert found.history == [{"epoch": 1, "loss": 0.7}]
    assert again.histories == {"decoder": [{"epoch": 1, "loss": 0.7}]}


def test_run__a_step_that_fails_is_done_again_from_its_checkpoint(tmp_path: Path) -> None:
    def cut(keeper: Checkpoint) -> Result:
        keeper.save({"epoch": 3})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Steps(tmp_path).run("decoder", cut)
    assert not (tmp_path / "decoder.json").exists()

    def work(keeper: Checkpoint) -> Result:
        state = keeper.load()
        assert state is not None
        return Result({"began": state["epoch"]})

    assert Steps(tmp_path).run("decoder", work).figures == {"began": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["decoder.json"]


def test_run__tensors_alone_are_not_a_finished_step(tmp_path: Path) -> None:
    Steps(tmp_path).run("a", lambda keeper: Result({}, {"codes": torch.zeros(2)}))
    (tmp_path / "a.json").unlink()
    found = Steps(tmp_path).run("a", lambda keeper: Result({}, {"codes": torch.ones(2)}))
    assert torch.equal(found.tensors["codes"], torch.ones(2))


@pytest.mark.parametrize("name", ["a.json", "a.safetensors"])
def test_run__a_damaged_file(tmp_path: Path, name: str) -> None:
    Steps(tmp_path).run("a", lambda keeper: Result({}, {"codes": torch.zeros(2)}))
    (tmp_path / name).write_bytes(b"{")
    message = f"the step kept in '{tmp_path / 'a.json'}' is damaged ("
    with pytest.raises(OutputError, match=re.escape(message)) as caught:
        Steps(tmp_path).run("a", never)
    assert "; expected files as handshape wrote them; delete it: the step is done again" in str(caught.value)


def test_plain__figures_become_dictionaries() -> None:
    interval = Interval(0.25, 0.5, "Wilson", "photos", 4.0)
    found = to_json_types({"a": [interval, (1, float("inf"))]})
    assert found == {"a": [interval.to_dict(), [1, None]]}
