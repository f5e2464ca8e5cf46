from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Finished

import handshape
from handshape.commands.train import train
from handshape.config.train import TrainConfig
from handshape.errors import UsageError
from handshape.progress import show_progress


class Noted(handshape.Callback):
    """Notes what it is called with, and may stop the training after an epoch as a kill would."""

    def __init__(self, last: int | None = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._last = last

    def on_epoch(self, model: str, epoch: Any) -> None:
        self.calls.append((model, epoch.epoch))
        if epoch.epoch == self._last:
            raise KeyboardInterrupt

    def on_fit(self, model: str, fitted: Any) -> None:
        self.calls.append((model, "fitted", fitted.valid_accuracy))

    def on_report(self, out: Path, metrics: dict[str, Any]) -> None:
        self.calls.append(("report", (out / "report.html").is_file(), metrics["best"]))


def settings(finished: Finished, out: Path, **more: Any) -> dict[str, Any]:
    place = {"signer": r"signer(\d+)_", "device": "cpu", "cache": finished.cache, "out": out}
    return {**place, "backbone": "squeezenet1_1", "weights": "untrained", **more}


@pytest.mark.slow
def test_callbacks__are_called_in_order(finished: Finished, tmp_path: Path) -> None:
    noted = Noted()
    given = settings(finished, tmp_path / "run", models="cnn,frozen", head="mlp", epochs=2)
    report = handshape.compare(finished.photos, callbacks=[noted], **given)
    fits = {name: one.fitted.valid_accuracy for name, one in report.models.items()}
    assert noted.calls == [
        ("cnn", 1), ("cnn", 2), ("cnn", "fitted", fits["cnn"]),
        ("frozen", 1), ("frozen", 2), ("frozen", "fitted", fits["frozen"]),
        ("report", True, report.best),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("model", ["cnn", "finetune"])
def test_train__goes_on_after_a_kill(
    finished: Finished, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = settings(finished, tmp_path / "run", model=model, epochs=4, tuning_epochs=4, patience=9)
    given["cache"] = tmp_path / "cache"
    with pytest.raises(KeyboardInterrupt):
        handshape.train(finished.photos, callbacks=[Noted(last=2)], **given)
    assert not (tmp_path / "run").exists()
    show_progress()
    try:
        rest = Noted()
        result: Any = handshape.train(finished.photos, callbacks=[rest], **given)
    finally:
        show_progress(False)
    assert "continues after epoch 2, where it was stopped." in capsys.readouterr().err
    assert [call[1] for call in rest.calls if call[0] == model and call[1] != "fitted"] == [3, 4]
    assert not [path for path in (tmp_path / "cache" / "training").iterdir() if path.is_dir()]
    whole: Any = handshape.train(finished.photos, **{**given, "out": tmp_path / "whole"})
    assert (result.evaluation.probabilities == whole.evaluation.probabilities).all()
    losses = [[row.loss for row in one.evaluation.fitted.history] for one in (result, whole)]
    assert losses[0] == losses[1]


@pytest.mark.slow
def test_track__mlflow_in_a_folder(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path / 'tracked'}")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    tracking = pytest.importorskip("mlflow.tracking")
    given = settings(finished, tmp_path / "run", model="cnn", epochs=2, track="mlflow")
    metrics = train(TrainConfig(data=finished.photos, **given))
    client = tracking.MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("handshape").experiment_id])
    assert run.info.run_name == "run" and run.info.status == "FINISHED"
    assert run.data.params["model"] == "cnn" and run.data.params["epochs"] == "2"
    assert run.data.metrics["cnn.final_test_accuracy"] == metrics["models"]["cnn"]["test_accuracy"]
    assert [one.step for one in client.get_metric_history(run.info.run_id, "cnn.loss")] == [1, 2]
    assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["report.html"]


@pytest.mark.slow
def test_track__tensorboard_in_event_files(finished: Finished, tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    given = settings(finished, tmp_path / "run", model="cnn", epochs=2, track="tensorboard")
    metrics = train(TrainConfig(data=finished.photos, **given))
    read = events.EventAccumulator(str(tmp_path / "tensorboard" / "run")).Reload()
    assert [one.step for one in read.Scalars("cnn/valid_accuracy")] == [1, 2]
    (last,) = read.Scalars("cnn/final_test_accuracy")
    assert last.value == pytest.approx(metrics["models"]["cnn"]["test_accuracy"])


def test_track__of_something_else(tmp_path: Path) -> None:
    wrong: Any = {"track": "paper"}
    with pytest.raises(UsageError, match="--track 'paper'; expected one of none, mlflow, tensorboard"):
        handshape.train(tmp_path, **wrong)
