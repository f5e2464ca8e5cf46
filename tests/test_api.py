import html
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from tests.conftest import Finished
from tools.write_keywords import COMMANDS, PLACE, keywords_name, keywords_text

import handshape
from handshape import keywords
from handshape.errors import DataNotFoundError, UsageError

# Every function that takes the settings of a command.
FUNCTIONS = ("inspect", "extract_features", "train", "compare", "evaluate", "export_bundle", "push", "draw")


def test_draw__is_the_command(tmp_path: Path) -> None:
    found = handshape.draw(tmp_path / "drawn", labels="A,B", signers=1, images=1, size=48, workers=1)
    assert found["images"] == 2 and len(list((tmp_path / "drawn").glob("*/*.jpg"))) == 2


@pytest.mark.slow
def test_draw__works_in_a_plain_script(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import handshape\n\nhandshape.draw('drawn', labels='A-I', signers=6, images=4, size=48)\n"
    )
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True, capture_output=True)
    assert len(list((tmp_path / "drawn").glob("*/*.jpg"))) == 216


@pytest.mark.parametrize("name", ["shoes", "run_study", "replace", "Path"])
def test_study__no_such_study(name: str) -> None:
    text = f"study '{name}'; expected one of chirality, autoencoder, finetune; choose one of those"
    with pytest.raises(UsageError, match=text):
        handshape.study(name, "photos")  # type: ignore[call-overload]


def test_study__is_the_command(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"backbone": "handnet", "cache": tmp_path, "out": tmp_path / "run"}
    with pytest.raises(DataNotFoundError, match="no folder or table at"):
        handshape.study("chirality", tmp_path / "nowhere", **settings)


def test_study__quick_says_what_it_would_change() -> None:
    with pytest.raises(UsageError, match="--quick with --epochs; expected one of them"):
        handshape.study("chirality", "photos", quick=True, epochs=3)


def test_handshape__every_public_name_is_there() -> None:
    assert all(getattr(handshape, name) is not None for name in handshape.__all__)
    assert dir(handshape) == sorted(handshape.__all__)
    with pytest.raises(AttributeError, match="module 'handshape' has no attribute 'nothing'"):
        handshape.nothing  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions__have_the_settings_as_their_signature(name: str) -> None:
    function = getattr(handshape, name)
    parameters = inspect.signature(function).parameters.values()
    assert not any(one.kind is one.VAR_KEYWORD for one in parameters)
    named = [one for one in parameters if one.kind is one.KEYWORD_ONLY]
    assert named and all(
        one.default is not one.empty and f"\n    {one.name}: " in function.__doc__ for one in named
    )


def test_functions__a_misspelt_setting_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    wrong: Any = {"modle": "cnn"}
    with pytest.raises(UsageError, match=r"train has no setting 'modle'; expected .*; did you mean 'model'"):
        handshape.train(tmp_path, **wrong)
    with pytest.raises(UsageError, match=r"study chirality has no setting 'xyz'.*help\(study chirality\)"):
        handshape.study("chirality", tmp_path, xyz=1)  # type: ignore[call-overload]


def test_keywords__are_those_of_the_settings() -> None:
    assert PLACE.read_text(encoding="utf-8") == keywords_text(), "run `python -m tools.write_keywords`"
    for config in COMMANDS:
        typed = get_type_hints(getattr(keywords, keywords_name(config)))
        hints: Any = config.__dataclass_fields__
        assert set(typed) == {name for name, one in hints.items() if not one.metadata.get("positional")}


def test_inspect__takes_a_data_set_as_it_was_read(finished: Finished, tmp_path: Path) -> None:
    dataset = handshape.read_folder(finished.photos, signer=r"signer(\d+)_")
    some = dataset.where(sample.signer != "4" for sample in dataset)
    report = handshape.inspect(some, cache=tmp_path)
    assert report.to_dict()["signers"] == {"1": 6, "2": 6, "3": 6} and len(report.dataset) == 18
    assert report.to_frame().loc["B"].tolist() == [2, 2, 2, 6]
    assert "InspectionReport(18 photos, 3 labels, split by signer" in repr(report)
    shown = report._repr_html_()
    assert "<td" in shown and all(html.escape(one.message) in shown for one in report.findings)
    with pytest.raises(
        UsageError, match=r"inspect with a Dataset and signer='a'.*pass signer= to read_folder"
    ):
        handshape.inspect(some, signer="a")


def test_extract_features__gives_them_as_an_array(finished: Finished, tmp_path: Path) -> None:
    dataset = handshape.read_folder(finished.photos)[:3]
    features = handshape.extract_features(dataset, backbone="handnet", views=0, cache=tmp_path, device="cpu")
    assert features.array.shape == (3, *features.to_dict()["shape"]) and features.rows.shape[0] == 3
    assert [sample.name for sample in features.dataset] == [sample.name for sample in dataset]
    assert repr(features).startswith("ImageFeatures(3 x ")


def test_evaluate__of_a_recogniser(finished: Finished) -> None:
    recogniser = handshape.load(finished.out)
    report = handshape.evaluate(recogniser, finished.photos, include_known=True, cache=finished.cache)
    assert report.recogniser is recogniser and report.report_path is None
    low, high = report.interval
    assert 0 <= low <= report.accuracy <= high <= 1
    frame = report.confusion
    assert list(frame.index) == list(frame.columns) == ["A", "B", "C"] and frame.to_numpy().sum() == 24
    wrong = 24 - sum(frame.to_numpy().diagonal())
    assert len(report.mistakes) == wrong == round(24 * (1 - report.accuracy))
    assert all(one.sample.label != one.predicted and one.image().size == (64, 64) for one in report.mistakes)
    assert list(report.to_frame().index) == ["A", "B", "C"]
    shown = report._repr_html_()
    assert shown.count("<figure") == min(wrong, 8) and "of 24 photos were classified correctly" in shown
    assert json.loads(json.dumps(report.to_dict()))["accuracy"] == report.accuracy
    for figure in (report.plot.confusion(), report.plot.reliability(), report.plot.coverage()):
        assert figure.axes


@pytest.mark.slow
def test_train_and_compare__give_typed_results(finished: Finished, tmp_path: Path) -> None:
    dataset = handshape.read_folder(finished.photos, signer=r"signer(\d+)_")
    common: Any = {
        "backbone": "squeezenet1_1",
        "weights": "untrained",
        "device": "cpu",
        "cache": finished.cache,
    }
    result = handshape.train(dataset, model="frozen", out=tmp_path / "train", **common)
    assert result.accuracy == finished.metrics["models"]["frozen"]["test_accuracy"]
    assert (
        result.recogniser.labels == ("A", "B", "C") and result.report_path == tmp_path / "train/report.html"
    )
    assert {sample.split for sample in result.dataset} == {"train", "valid", "test"}
    assert len(result.history) > 0 and result.plot.learning_curves().axes
    assert repr(result).startswith("TrainResult(frozen, accuracy ")
    report = handshape.compare(
        dataset, models="frozen,cnn", epochs=1, out=tmp_path / "compare", folds="signers", **common
    )
    assert list(report.models) == list(report.to_frame().index) == ["frozen", "cnn"]
    assert report.accuracy == report.to_dict()["folds"][report.best]["mean"]
    assert report.confusion.to_numpy().sum() == 24  # over all folds
    assert report.plot.accuracy().axes and report.plot.reliability().axes
    assert report.best_because in report._repr_html_() and report.best in repr(report)
