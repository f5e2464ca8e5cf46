"""Teach without a browser: what is kept, trained, told and used."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image
from tests.conftest import Finished, draw_shape
from tests.serve.conftest import encoded, hand

from handshape.commands.predict import predict
from handshape.config.use import PredictConfig
from handshape.errors import AlbumError, OutputError
from handshape.recogniser import load
from handshape.serve.engine import Engine
from handshape.serve.reader import open_reader
from handshape.serve.teach.album import Album
from handshape.serve.teach.teacher import Teacher, missing_photos


def fill(teacher: Teacher, signers: str, labels: str = "AB", count: int = 4) -> None:
    """Put drawn hands of some signs and people, each named by a letter, into the album."""
    for label in labels:
        for signer in signers:
            for index in range(count):
                teacher.album.add(label, signer, hand(label, ord(signer), index))


@pytest.fixture
def engine() -> Engine:
    """An engine with nothing to read with."""
    return Engine(None, threads=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which each drawing's hand is looked for once."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def teacher(engine: Engine, tmp_path: Path, store: Path) -> Teacher:
    """A teacher with an empty album."""
    return Teacher(Album(tmp_path / "photos"), engine, store)


def test_train__one_person_is_no_test(teacher: Teacher) -> None:
    fill(teacher, "a")
    lesson = teacher.train()
    assert lesson.figures is None
    assert lesson.to_dict().keys() == {"sentence"}
    assert lesson.sentence.startswith("How well it reads anyone but a is not known")


def test_train__two_people_are_read_by_each_other(teacher: Teacher) -> None:
    fill(teacher, "ab")
    lesson = teacher.train()
    assert [fold.tested.signers for fold in lesson.folds] == [("a",), ("b",)]
    assert lesson.sentence.startswith("Taught by one person, it reads the other like this: ")
    assert "Two people are few" in lesson.sentence


def test_train__more_people_are_each_left_out(teacher: Teacher) -> None:
    fill(teacher, "abc")
    lesson = teacher.train()
    assert len(lesson.folds) == 3
    figures = lesson.to_dict()
    assert set(figures["signers"]) == {"a", "b", "c"}
    assert 0 <= figures["test_interval"][0] <= figures["test_accuracy"] <= figures["test_interval"][1] <= 1
    assert "3 people are few" in lesson.sentence
    # Nobody is read by a model that learnt from them.
    for fold in lesson.folds:
        assert len(fold.tested.signers) == 1


def test_train__a_sign_of_one_person_alone_is_not_tested(teacher: Teacher) -> None:
    fill(teacher, "ab", "AB")
    fill(teacher, "a", "ABC")
    lesson = teacher.train()
    assert lesson.alone == pytest.approx(4 / 20)
    assert "20 % of the photos show a sign that one person alone signs" in lesson.sentence


def test_train__photos_without_a_signer(teacher: Teacher) -> None:
    for label in "AB":
        (teacher.album.folder / label).mkdir(parents=True)
        for index in range(4):
            (teacher.album.folder / label / f"x{index}.jpg").write_bytes(hand(label, 1, index))
    assert teacher.train().sentence == "How well it reads is not known: the photos do not tell who signs."


def test_train__leaves_a_run_that_predict_loads(teacher: Teacher, tmp_path: Path) -> None:
    fill(teacher, "ab")
    teacher.train()
    assert teacher.bundle == tmp_path / "photos-recogniser"
    assert {path.name for path in teacher.bundle.iterdir()} == {
        "config.json",
        "metrics.json",
        "predictions.csv",
        "recogniser",
    }
    assert json.loads((teacher.bundle / "config.json").read_text())["command"] == "teach"
    card = (teacher.bundle / "recogniser" / "README.md").read_text()
    assert "taught on the page from 16 photos of 2 people" in card
    images = [teacher.album.path("A", "a_1.jpg"), teacher.album.path("B", "b_1.jpg")]
    answers = predict(PredictConfig(bundle=teacher.bundle, images=images))
    assert [answer["top"][0][0] for answer in answers] == ["A", "B"]


def test_train__two_photos_of_a_sign_are_enough(teacher: Teacher) -> None:
    fill(teacher, "a", "LY", count=2)
    teacher.train()
    read = load(teacher.bundle)
    for label in "LY":
        assert read.predict(Image.open(io.BytesIO(hand(label, 3, 0)))).top[0][0] == label


def test_train__too_few_photos(teacher: Teacher) -> None:
    assert missing_photos(teacher.album.photos()) == "take photos of two signs or more"
    fill(teacher, "a", count=1)
    assert teacher.state()["missing"] == "take at least 2 photos of A, B"
    with pytest.raises(AlbumError, match="too few photos to train on"):
        teacher.train()


def test_train__refuses_a_folder_that_is_no_run(teacher: Teacher) -> None:
    fill(teacher, "a")
    teacher.bundle.mkdir()
    (teacher.bundle / "mine.txt").write_text("keep this")
    with pytest.raises(OutputError, match="holds something else than a run"):
        teacher.train()
    assert (teacher.bundle / "mine.txt").read_text() == "keep this"


def test_add__says_where_the_hand_is_and_keeps_a_photo_without_one(teacher: Teacher) -> None:
    photo, points = teacher.add("L", "a", hand("L", 1, 0))
    assert points is not None and len(points) == 21
    tip, root = points[8], points[5]
    assert tip[1] < root[1]  # the index finger of an L points up
    assert teacher.hand("L", photo.name) == points
    empty, missing = teacher.add("L", "a", encoded(draw_shape(0, 1, 0), "JPEG"))
    assert missing is None
    assert teacher.album.path("L", empty.name).is_file()
    assert [one["hand"] for one in teacher.state()["labels"][0]["photos"]] == [True, False]


def test_train__learns_from_hands_and_not_from_photos_without(teacher: Teacher) -> None:
    fill(teacher, "a", "LY")
    plain = teacher.train()
    for index in range(4):  # the hand was out of the box
        teacher.album.add("Y", "a", encoded(draw_shape(0, 1, index), "JPEG"))
    lesson = teacher.train()
    assert len(lesson.dataset) == len(plain.dataset) + 4
    read = load(teacher.bundle)
    for label in "LY":
        assert read.predict(Image.open(io.BytesIO(hand(label, 2, 0)))).top[0][0] == label
    # Half of Y's photos show no hand, and none of L's.
    assert read.predict(draw_shape(1, 1, 0)).top[0][0] == "Y"


def test_train__what_shows_no_hand_is_unsure(teacher: Teacher) -> None:
    fill(teacher, "a", "LVY")
    teacher.train()
    answer = load(teacher.bundle).predict(draw_shape(0, 1, 0))
    assert answer.label == "unsure"
    assert answer.probability == pytest.approx(1 / 3)


def test_train__nothing_is_what_shows_no_hand(teacher: Teacher) -> None:
    fill(teacher, "a", "LY")
    for index in range(4):
        teacher.album.add("nothing", "a", encoded(draw_shape(0, 1, index), "JPEG"))
    teacher.train()
    read = load(teacher.bundle)
    assert read.predict(draw_shape(1, 2, 0)).top[0][0] == "nothing"
    assert read.predict(Image.open(io.BytesIO(hand("L", 2, 0)))).top[0][0] == "L"


def test_use__exchanges_what_the_engine_reads_with(finished: Finished, tmp_path: Path, store: Path) -> None:
    engine = Engine(open_reader(finished.out), threads=1)
    teacher = Teacher(Album(tmp_path / "photos"), engine, store)
    started = engine.reader
    with pytest.raises(AlbumError, match="there is no recogniser 'taught'"):
        teacher.use("taught")
    fill(teacher, "ab", "XY")
    teacher.train()
    assert engine.reader is started
    teacher.use("taught")
    assert teacher.state()["in_use"] == "taught"
    (future,) = engine.submit([hand("X", ord("a"), 0)])
    assert future.result().top[0][0] == "X"
    teacher.use("started")
    assert engine.reader is started


def test_teacher__finds_what_was_taught_before(teacher: Teacher, tmp_path: Path, store: Path) -> None:
    fill(teacher, "ab")
    teacher.train()
    engine = Engine(None, threads=1)
    again = Teacher(Album(tmp_path / "photos"), engine, store)
    assert engine.reader is not None
    state = again.state()
    assert (state["in_use"], state["started_with"], state["taught"]["stale"]) == ("taught", False, False)
    again.add("A", "a", hand("A", 1, 99))
    taught = again.state()["taught"]
    assert taught is not None and taught["stale"]


def test_teacher__starts_although_what_was_taught_is_damaged(
    teacher: Teacher, tmp_path: Path, store: Path
) -> None:
    fill(teacher, "a")
    teacher.train()
    (teacher.bundle / "recogniser" / "config.json").write_text("{}")
    again = Teacher(Album(tmp_path / "photos"), Engine(None, threads=1), store)
    assert again.state()["taught"] is None
    again.train()
