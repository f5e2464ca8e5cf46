import re
from pathlib import Path

import numpy as np
import pytest
import torch

from handshape.config.study import ChiralityConfig
from handshape.data.augment import MIRRORED
from handshape.errors import OutputError
from handshape.evaluation.intervals.accuracy import Interval
from handshape.studies.steps import StepResult, Steps, StudyData, select_settings
from handshape.training.checkpoint import Checkpoint
from handshape.training.loop import LoopConfig


def test_study_data__splits_and_features(data: StudyData) -> None:
    splits = data.splits
    assert sorted(np.concatenate(list(splits.values())).tolist()) == list(range(36))
    signers = {name: {data.signers[i] for i in indices} for name, indices in splits.items()}
    assert not signers["train"] & signers["test"] and not signers["train"] & signers["valid"]
    every = data.features()
    assert every.shape == (36, 192, 4, 4)
    assert np.array_equal(data.features(indices=np.array([5, 2])), every[[5, 2]])
    assert data.features(None, indices=np.array([1])).shape == (1, 192, 7, 7)
    assert not np.array_equal(data.features(view=MIRRORED), every)


def test_test_interval__views_of_a_photo_are_not_independent(data: StudyData) -> None:
    correct = np.arange(2 * len(data.splits["test"])) % 4 > 0
    interval = data.test_interval(correct)
    assert interval.low < correct.mean() < interval.high and interval.effective_photos < len(correct)


def test_select_settings__those_that_both_have() -> None:
    config = ChiralityConfig(data=Path("photos"), epochs=3, seed=5)
    assert select_settings(LoopConfig, config, batch_size=4) == LoopConfig(epochs=3, seed=5, batch_size=4)


def never(keeper: Checkpoint) -> StepResult:
    pytest.fail("the step is finished")


def test_run__works_once_and_reads_back_the_same(tmp_path: Path) -> None:
    figures = {
        "accuracy": 0.1 + 0.2,
        "interval": [1 / 3, Interval(0.2, 0.5, "", "", 4.0)],
        "none": float("nan"),
    }
    made = StepResult(figures, {"codes": torch.tensor([[0.1, 1e-30]])}, [{"epoch": 1, "loss": 0.7}])
    first = Steps(tmp_path).run("decoder", lambda keeper: made)
    again = Steps(tmp_path)
    second = again.run("decoder", never)
    for found in (first, second):
        interval = {"low": 0.2, "high": 0.5, "method": "", "scope": "", "effective_photos": 4.0}
        assert found.figures == {"accuracy": 0.1 + 0.2, "interval": [1 / 3, interval], "none": None}
        assert torch.equal(found.tensors["codes"], made.tensors["codes"])
        assert found.history == [{"epoch": 1, "loss": 0.7}]
    assert again.histories == {"decoder": [{"epoch": 1, "loss": 0.7}]}


def test_run__a_step_that_fails_is_done_again_from_its_checkpoint(tmp_path: Path) -> None:
    def cut(keeper: Checkpoint) -> StepResult:
        keeper.save({"epoch": 3})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Steps(tmp_path).run("decoder", cut)
    assert not (tmp_path / "decoder.json").exists()

    def work(keeper: Checkpoint) -> StepResult:
        state = keeper.load()
        assert state is not None
        return StepResult({"began": state["epoch"]})

    assert Steps(tmp_path).run("decoder", work).figures == {"began": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["decoder.json"]


@pytest.mark.parametrize("name", ["a.json", "a.safetensors"])
def test_run__a_damaged_file(tmp_path: Path, name: str) -> None:
    Steps(tmp_path).run("a", lambda keeper: StepResult({}, {"codes": torch.zeros(2)}))
    (tmp_path / name).write_bytes(b"{")
    message = f"the step kept in '{tmp_path / 'a.json'}' is damaged ("
    with pytest.raises(OutputError, match=re.escape(message)) as caught:
        Steps(tmp_path).run("a", never)
    assert "; expected files as handshape wrote them; delete it: the step is run again" in str(caught.value)
