"""Teach without a browser: what is saved, trained, tested and used."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from tests.conftest import Finished, draw_shape
from tests.serve.conftest import hand, jpeg

from handshape.errors import AlbumError, OutputError

if TYPE_CHECKING:
    from handshape.recogniser import Recogniser
    from handshape.serve.teach.teacher import Teacher
    from handshape.teaching.taught_signs import TaughtSigns


def fill(teacher: "Teacher", signers: str, labels: str = "AB", count: int = 4) -> None:
    """Put drawn hands of some signs and people, each named by a letter, into the folder."""
    for label in labels:
        for signer in signers:
            for index in range(count):
                teacher.folder.add(label, signer, hand(label, ord(signer), index))


def train(teacher: "Teacher") -> "TaughtSigns":
    """Do in this process what the server has done in another: see test_training.py."""
    from handshape.serve.teach.train_album import train_album

    return train_album(teacher.training())


def taught(teacher: "Teacher") -> "Recogniser":
    """The recogniser that was saved."""
    from handshape.recogniser import load

    return load(teacher.bundle)


def likeliest(recogniser: "Recogniser", photo: bytes | Image.Image) -> str:
    image = Image.open(io.BytesIO(photo)) if isinstance(photo, bytes) else photo
    return recogniser.predict(image).top[0][0]


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which each drawing's landmarks are found once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def make_teacher(tmp_path: Path, cache_dir: Path) -> Callable[..., "Teacher"]:
    """Return a function that starts Teach on one folder, as a server does."""
    from handshape.serve.prediction_queue import PredictionQueue
    from handshape.serve.teach.photo_folder import PhotoFolder
    from handshape.serve.teach.teacher import Teacher

    def make(queue: Any = None) -> Teacher:
        return Teacher(PhotoFolder(tmp_path / "photos"), queue or PredictionQueue(None), cache_dir)

    return make


@pytest.fixture
def teacher(make_teacher: Callable[..., "Teacher"]) -> "Teacher":
    """Teach with an empty folder."""
    return make_teacher()


def test_train__one_person_is_no_test(teacher: "Teacher") -> None:
    fill(teacher, "a")
    result = train(teacher)
    assert result.figures is None
    assert "test_accuracy" not in result.to_dict()
    assert result.answer.startswith("Its accuracy on anyone but a is not known")


def test_train__two_people_are_tested_on_each_other(teacher: "Teacher") -> None:
    fill(teacher, "ab")
    result = train(teacher)
    assert [fold.tested.signers for fold in result.folds] == [("a",), ("b",)]
    assert "of a's photos and" in result.answer and "Two people are few" in result.answer


def test_train__more_people_are_each_left_out(teacher: "Teacher") -> None:
    fill(teacher, "abc")
    result = train(teacher)
    assert [len(fold.tested.signers) for fold in result.folds] == [1, 1, 1]
    figures = result.to_dict()
    assert set(figures["signers"]) == {"a", "b", "c"}
    assert 0 <= figures["test_interval"][0] <= figures["test_accuracy"] <= figures["test_interval"][1] <= 1
    assert "3 people are few" in result.answer


def test_train__a_sign_of_one_person_alone_is_not_tested(teacher: "Teacher") -> None:
    fill(teacher, "ab", "AB")
    fill(teacher, "a", "ABC")
    result = train(teacher)
    assert result.untested == pytest.approx(4 / 20)
    assert "20 % of the photos show a sign that only one person signs" in result.answer


def test_train__photos_without_a_signer(teacher: "Teacher") -> None:
    for label in "AB":
        (teacher.folder.path / label).mkdir(parents=True)
        for index in range(4):
            (teacher.folder.path / label / f"x{index}.jpg").write_bytes(hand(label, 1, index))
    assert "do not say who signs" in train(teacher).answer


def test_train__saves_a_run_that_predict_loads(teacher: "Teacher", tmp_path: Path) -> None:
    from handshape.commands.predict import predict
    from handshape.config.use import PredictConfig

    fill(teacher, "ab")
    train(teacher)
    assert teacher.bundle == tmp_path / "photos-recogniser"
    files = {"config.json", "metrics.json", "predictions.csv", "recogniser"}
    assert {path.name for path in teacher.bundle.iterdir()} == files
    assert json.loads((teacher.bundle / "config.json").read_text())["command"] == "teach"
    assert "16 photos of 2 people" in (teacher.bundle / "recogniser" / "README.md").read_text()
    images = [teacher.folder.find("A", "a_1.jpg"), teacher.folder.find("B", "b_1.jpg")]
    answers = predict(PredictConfig(bundle=teacher.bundle, images=images))
    assert [answer["top"][0][0] for answer in answers] == ["A", "B"]


def test_train__two_photos_of_a_sign_are_enough(teacher: "Teacher") -> None:
    fill(teacher, "a", "LVY", count=2)
    train(teacher)
    recogniser = taught(teacher)
    assert [likeliest(recogniser, hand(label, 3, 0)) for label in "LY"] == ["L", "Y"]
    prediction = recogniser.predict(np.zeros((64, 64, 3), np.uint8))
    assert prediction.label == "no hand" and prediction.probability == pytest.approx(1 / 3)


def test_train__too_few_photos(teacher: "Teacher") -> None:
    assert teacher.state()["missing"] == "take photos of two signs or more"
    fill(teacher, "a", count=1)
    assert teacher.state()["missing"] == "take at least 2 photos of A, B"
    with pytest.raises(AlbumError, match="too few photos"):
        train(teacher)


def test_train__leaves_out_damaged_photos_and_links(teacher: "Teacher", tmp_path: Path) -> None:
    fill(teacher, "ab")
    before = train(teacher).to_dict()
    damaged, elsewhere = teacher.folder.path / "A" / "a_1.jpg", tmp_path / "x.jpg"
    for letter in "AB":  # one more photo of each, of which nothing is learned
        teacher.folder.add(letter, "a", hand(letter, 9, 9))
    (teacher.folder.path / "A" / "a_5.jpg").write_bytes(damaged.read_bytes()[:-1] + b"x")
    (teacher.folder.path / "B" / "a_5.jpg").rename(elsewhere)
    (teacher.folder.path / "B" / "a_5.jpg").symlink_to(elsewhere)
    assert train(teacher).to_dict() == before
    advice = teacher.state()["advice"][0]
    assert advice["text"].startswith("1 photo is damaged and not trained on, the first A/a_5.jpg.")
    assert advice["photos"] == [["A", "a_5.jpg"]]


def test_train__refuses_a_folder_that_is_no_run(teacher: "Teacher") -> None:
    fill(teacher, "a")
    teacher.bundle.mkdir()
    (teacher.bundle / "mine.txt").write_text("keep this")
    with pytest.raises(OutputError):
        train(teacher)
    assert (teacher.bundle / "mine.txt").read_text() == "keep this"


def test_add__gives_the_landmarks_and_saves_a_photo_without_a_hand(teacher: "Teacher") -> None:
    photo, landmarks = teacher.add("L", "a", hand("L", 1, 0)).result(120)
    assert landmarks is not None and len(landmarks) == 21
    assert landmarks[8][1] < landmarks[5][1]  # the index finger of an L points up
    assert teacher.landmarks("L", photo.name).result(120) == landmarks
    empty, missing = teacher.add("L", "a", jpeg()).result(120)
    assert missing is None
    assert teacher.folder.find("L", empty.name).is_file()
    assert [one["hand"] for one in teacher.state()["labels"][0]["photos"]] == [True, False]


@pytest.mark.parametrize("label", ["Y", "nothing"])
def test_train__photos_without_a_hand(teacher: "Teacher", label: str) -> None:
    fill(teacher, "a", "LY")
    for index in range(4):
        teacher.folder.add(label, "a", jpeg(0, index))
    train(teacher)
    recogniser = taught(teacher)
    assert [likeliest(recogniser, hand(sign, 2, 0)) for sign in "LY"] == ["L", "Y"]
    # The only label that has photos without a hand.
    assert likeliest(recogniser, draw_shape(1, 1, 0)) == label


def test_use__exchanges_the_recogniser_of_the_queue(
    finished: Finished, make_teacher: Callable[..., "Teacher"]
) -> None:
    from handshape.serve.loaded_recogniser import load_for_serving
    from handshape.serve.prediction_queue import PredictionQueue

    started = load_for_serving(finished.out)
    queue = PredictionQueue(started)
    teacher = make_teacher(queue)
    with pytest.raises(AlbumError):
        teacher.use("taught")
    fill(teacher, "ab", "XY")
    train(teacher)
    teacher = make_teacher(queue)
    assert queue.recogniser is started
    teacher.use("taught")
    assert teacher.state()["in_use"] == "taught"
    prediction = queue.submit([hand("X", ord("a"), 0)])[0].result(120).prediction
    assert prediction.top[0][0] == "X"
    teacher.use("started")
    assert queue.recogniser is started


def test_teacher__loads_what_was_taught_before(
    teacher: "Teacher", make_teacher: Callable[..., "Teacher"]
) -> None:
    fill(teacher, "ab")
    train(teacher)
    again = make_teacher()
    state = again.state()
    assert (state["in_use"], state["started_with"], state["taught"]["stale"]) == ("taught", False, False)
    again.add("A", "a", hand("A", 1, 99)).result(120)
    assert again.state()["taught"]["stale"]
    (teacher.bundle / "recogniser" / "config.json").write_text("{}")
    damaged = make_teacher()
    assert damaged.state()["taught"] is None
    train(damaged)
    assert make_teacher().state()["taught"] is not None


@pytest.mark.slow
def test_train__adds_signs_to_the_recogniser_that_is_served(make_teacher: Callable[..., "Teacher"]) -> None:
    from handshape.serve.loaded_recogniser import load_for_serving
    from handshape.serve.prediction_queue import PredictionQueue

    queue = PredictionQueue(load_for_serving("asl"))
    teacher = make_teacher(queue)
    assert teacher.state()["missing"] == "take photos of a sign"
    for signer in "ab":
        for index in range(2):
            teacher.folder.add("wave", signer, hand("Y", ord(signer), index))
            teacher.folder.add("L", signer, hand("L", ord(signer), index))
    before = teacher.state()
    assert before["adds_to"]["labels"] == 26 and before["adds_to"]["model"] == "landmarks"
    assert before["adds_to"]["sentence"] == "Signs are added to the 26 labels of the recogniser in use."
    assert {one["label"]: one["in_base"] for one in before["labels"]} == {"L": True, "wave": False}
    assert (before["missing"], before["downloads"], before["taught"]) == ("", ["photos"], None)
    teacher.train()
    teacher.use("taught")
    state = teacher.state()
    assert state["taught"]["added"] == ["wave"] and len(state["taught"]["labels"]) == 27
    assert set(state["taught"]["figures"]["signers"]) == {"a", "b"}
    assert not state["taught"]["stale"] and state["downloads"] == ["photos", "bundle", "page"]
    assert "handshape add " in state["command"]
    assert "Ask 3 more people" in " ".join(one["text"] for one in state["advice"])
    prediction = queue.submit([hand("L", 7, 0)])[0].result(120).prediction
    assert prediction.top[0][0] == "L"
    other = make_teacher(PredictionQueue(None))  # what was added to another recogniser is to be trained again
    assert other.state()["taught"]["stale"]
