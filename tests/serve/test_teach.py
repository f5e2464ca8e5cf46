"""Teach without a browser: what is kept, trained, told and used."""

import json
from pathlib import Path

import pytest
from tests.conftest import Finished, draw_shape
from tests.serve.conftest import encoded

from handshape.commands.predict import predict
from handshape.config.use import PredictConfig
from handshape.errors import AlbumError, OutputError
from handshape.serve.album import Album
from handshape.serve.engine import Engine
from handshape.serve.reader import open_reader
from handshape.serve.teach import Teacher, missing_photos


def photo(label: int, signer: int, index: int) -> bytes:
    """Return a JPEG of a drawn shape."""
    return encoded(draw_shape(label, signer, index), "JPEG")


def fill(teacher: Teacher, signers: str, labels: str = "AB", count: int = 6) -> None:
    """Take photos of some signs from some people, each named by a letter."""
    for number, label in enumerate(labels):
        for signer in signers:
            for index in range(count):
                teacher.add(label, signer, photo(number, ord(signer), index))


@pytest.fixture
def engine() -> Engine:
    """An engine with nothing to read with."""
    return Engine(None, threads=1)


@pytest.fixture
def teacher(engine: Engine, tmp_path: Path) -> Teacher:
    """A teacher with an empty album."""
    return Teacher(Album(tmp_path / "photos"), engine, tmp_path / "store")


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
    assert lesson.alone == pytest.approx(6 / 30)
    assert "20 % of the photos show a sign that one person alone signs" in lesson.sentence


def test_train__photos_without_a_signer(teacher: Teacher) -> None:
    for number, label in enumerate("AB"):
        (teacher.album.folder / label).mkdir(parents=True)
        for index in range(4):
            (teacher.album.folder / label / f"x{index}.jpg").write_bytes(photo(number, 1, index))
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
    assert "taught on the page from 24 photos of 2 people" in card
    images = [teacher.album.path("A", "a_1.jpg"), teacher.album.path("B", "b_1.jpg")]
    answers = predict(PredictConfig(bundle=teacher.bundle, images=images))
    assert [answer["top"][0][0] for answer in answers] == ["A", "B"]


def test_train__too_few_photos(teacher: Teacher) -> None:
    assert missing_photos(teacher.album.photos()) == "take photos of two signs or more"
    fill(teacher, "a", count=3)
    assert teacher.state()["missing"] == "take at least 4 photos of A, B"
    with pytest.raises(AlbumError, match="too few photos to train on"):
        teacher.train()


def test_train__refuses_a_folder_that_is_no_run(teacher: Teacher) -> None:
    fill(teacher, "a")
    teacher.bundle.mkdir()
    (teacher.bundle / "mine.txt").write_text("keep this")
    with pytest.raises(OutputError, match="holds something else than a run"):
        teacher.train()
    assert (teacher.bundle / "mine.txt").read_text() == "keep this"


def test_use__exchanges_what_the_engine_reads_with(finished: Finished, tmp_path: Path) -> None:
    engine = Engine(open_reader(finished.out), threads=1)
    teacher = Teacher(Album(tmp_path / "photos"), engine, tmp_path / "store")
    started = engine.reader
    with pytest.raises(AlbumError, match="there is no recogniser 'taught'"):
        teacher.use("taught")
    fill(teacher, "ab", "XY")
    teacher.train()
    assert engine.reader is started
    teacher.use("taught")
    assert teacher.state()["in_use"] == "taught"
    (future,) = engine.submit([photo(0, ord("a"), 0)])
    assert future.result().top[0][0] == "X"
    teacher.use("started")
    assert engine.reader is started


def test_teacher__uses_the_backbone_that_is_served(finished: Finished, tmp_path: Path) -> None:
    engine = Engine(open_reader(finished.out), threads=1)
    teacher = Teacher(Album(tmp_path / "photos"), engine, tmp_path / "store")
    served = engine.reader.recogniser.config.network.backbone if engine.reader else None
    assert teacher.backbone().name == (served or "handnet")


def test_teacher__finds_what_was_taught_before(teacher: Teacher, tmp_path: Path) -> None:
    fill(teacher, "ab")
    teacher.train()
    engine = Engine(None, threads=1)
    again = Teacher(Album(tmp_path / "photos"), engine, tmp_path / "store")
    assert engine.reader is not None
    state = again.state()
    assert (state["in_use"], state["started_with"], state["taught"]["stale"]) == ("taught", False, False)
    again.add("A", "a", photo(0, 1, 99))
    taught = again.state()["taught"]
    assert taught is not None and taught["stale"]


def test_teacher__starts_although_what_was_taught_is_damaged(teacher: Teacher, tmp_path: Path) -> None:
    fill(teacher, "a")
    teacher.train()
    (teacher.bundle / "recogniser" / "config.json").write_text("{}")
    again = Teacher(Album(tmp_path / "photos"), Engine(None, threads=1), tmp_path / "store")
    assert again.state()["taught"] is None
    again.train()
