from pathlib import Path

import numpy as np
import pytest
import torch

from handshape.data.augment import MIRRORED
from handshape.evaluation.intervals.accuracy import Interval
from handshape.studies.steps import StepResult, Steps, StudyData
from handshape.training.checkpoint import Checkpoint


def test_study_data__splits_features_and_intervals(data: StudyData) -> None:
    signers = {name: {data.signers[i] for i in indices} for name, indices in data.splits.items()}
    assert not signers["train"] & signers["test"] and not signers["train"] & signers["valid"]
    every = data.features()
    assert every.shape == (36, 192, 4, 4) and not np.array_equal(data.features(view=MIRRORED), every)
    assert np.array_equal(data.features(indices=np.array([5, 2])), every[[5, 2]])
    assert data.features(None, indices=np.array([1])).shape == (1, 192, 7, 7)
    # Two views of a photo are not independent.
    correct = np.arange(2 * len(data.splits["test"])) % 4 > 0
    interval = data.test_interval(correct)
    assert interval.low < correct.mean() < interval.high and interval.effective_photos < len(correct)


def never(keeper: Checkpoint) -> StepResult:
    pytest.fail("the step is finished")


def test_run__runs_once_and_reads_back_the_same(tmp_path: Path) -> None:
    interval = Interval(0.2, 0.5, "", "", 4.0)
    figures = {"accuracy": 0.1 + 0.2, "interval": [1 / 3, interval], "none": float("nan")}
    made = StepResult(figures, {"codes": torch.tensor([[0.1, 1e-30]])}, [{"epoch": 1, "loss": 0.7}])
    first, again = Steps(tmp_path).run("decoder", lambda keeper: made), Steps(tmp_path)
    for found in (first, again.run("decoder", never)):
        assert found.figures == {**figures, "interval": [1 / 3, interval.to_dict()], "none": None}
        assert torch.equal(found.tensors["codes"], made.tensors["codes"])
        assert found.history == [{"epoch": 1, "loss": 0.7}]
    assert again.histories == {"decoder": [{"epoch": 1, "loss": 0.7}]}


def test_run__an_interrupted_step_is_run_again_from_its_checkpoint(tmp_path: Path) -> None:
    def cut(keeper: Checkpoint) -> StepResult:
        keeper.save({"epoch": 3})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Steps(tmp_path).run("decoder", cut)
    assert not (tmp_path / "decoder.finished").exists()
    assert Steps(tmp_path).run("decoder", lambda keeper: StepResult(keeper.load() or {})).figures == {
        "epoch": 3
    }
    assert [path.name for path in tmp_path.iterdir()] == ["decoder.finished"]
