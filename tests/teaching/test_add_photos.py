"""Signs of photos, added to recognisers: real photos where they are."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.conftest import Finished
from tests.serve.conftest import hand

import handshape
from handshape.bundle import BundleConfig
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import ImageIndex, index_images
from handshape.data.io.folder import read_folder
from handshape.errors import BundleError
from handshape.models.network_config import NetworkConfig

if TYPE_CHECKING:
    from handshape.recogniser import Recogniser

NEW = "378"
"""Digits that do not look like a letter: 1 is D, 2 is V, 6 is W, 9 is F, 0 is O; 4 and 5 resemble B."""


def indexed(folder: Path, cache: Path, **options: Any) -> ImageIndex:
    """Read photos, and find the hands in them."""
    from handshape.features.hand_landmarks import HandCache

    return index_images(read_folder(folder, **options), cache, facts=HandCache(cache))


def correct(recogniser: "Recogniser", index: ImageIndex, cache: Path) -> float:
    """Return the share of photos that a recogniser classifies correctly."""
    from handshape.features.hand_landmarks import HandCache
    from handshape.predict_indexed import predict_indexed

    hands = HandCache(cache).rows(index.digests)
    rows = predict_indexed(recogniser, index, np.arange(len(index.dataset)), hands)
    best = np.array(recogniser.labels)[rows.argmax(axis=1)]
    return float((best == [sample.label for sample in index.dataset.samples]).mean())


def chosen(index: ImageIndex, people: set[str], *, are: bool) -> ImageIndex:
    """Return the photos of some people, or those of all others."""
    places = [i for i, sample in enumerate(index.dataset.samples) if (sample.signer in people) == are]
    stats = tuple(index.stats[i] for i in places)
    digests = tuple(index.digests[i] for i in places)
    return ImageIndex(index.dataset.take(places), digests, stats, index.images)


@pytest.mark.slow
def test_add_photos__new_signs_of_other_people_and_the_letters_as_before(
    shared_data: Path, tmp_path: Path
) -> None:
    from handshape.teaching.add_photos import add_photos

    asl = handshape.load("asl")
    digits = indexed(shared_data / "digits", tmp_path, signer=r"(p\d+)_", labels=",".join(NEW))
    letters = indexed(shared_data / "webcam", tmp_path, labels="A-I")
    people = {"p010", "p020"}
    taught = add_photos(asl, chosen(digits, people, are=True), tmp_path)
    assert taught.added == tuple(NEW) and len(taught.recogniser.labels) == 29
    assert set(taught.signers) == people
    others = chosen(digits, people, are=False)
    assert len(others.dataset.signers) > 100
    new = correct(taught.recogniser, others, tmp_path)
    before, after = (correct(one, letters, tmp_path) for one in (asl, taught.recogniser))
    print(f"new signs of other people {new:.3f}; letters {before:.3f} before, {after:.3f} after")
    assert new > 0.9
    assert after > before - 0.02


def test_add_signs__needs_hand_landmarks(finished: Finished, tmp_path: Path) -> None:
    from handshape.models.cnn import CNN
    from handshape.network_bundle import recogniser_of

    config = BundleConfig(("A", "B"), NetworkConfig("cnn", 2, Preprocessing()))
    recogniser = recogniser_of(CNN(2), config, finished.cache)
    with pytest.raises(BundleError, match="'cnn'"):
        handshape.add_signs(recogniser, finished.photos, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_add__a_project_on_the_command_line_and_in_python(cli: Any, tmp_path: Path) -> None:
    project, cache = tmp_path / "handshape-project.zip", tmp_path / "cache"
    with zipfile.ZipFile(project, "w") as archive:
        archive.writestr("project.json", '{"format": 1, "base": null, "base_labels": []}')
        for number, who in enumerate(("anna", "ben")):
            for index in range(3):
                archive.writestr(f"wave/{who}_{index + 1}.jpg", hand("Y", number, index))
                archive.writestr(f"L/{who}_{index + 1}.jpg", hand("L", number, index))
    shown = cli("add", "asl", project, "--out", tmp_path / "run", "--cache", cache)
    assert shown.code == 0, shown.err
    assert "Added to 26 labels, with 12 photos: wave" in shown.out
    assert "Added to signs that it knew: L" in shown.out
    assert "Each person left out" in shown.out and "Two people are few" in shown.out
    recogniser = handshape.load(tmp_path / "run")
    assert recogniser.labels == (*handshape.load("asl").labels, "wave")
    assert recogniser.config.threshold == handshape.load("asl").config.threshold
    taught = handshape.add_signs("asl", project, out=tmp_path / "again", cache=cache)
    photo = hand("L", 5, 0)
    (tmp_path / "photo.jpg").write_bytes(photo)
    predictions = [one.predict(tmp_path / "photo.jpg") for one in (recogniser, taught.recogniser)]
    assert predictions[0].top == predictions[1].top and predictions[0].top[0][0] == "L"
    assert repr(taught).startswith("TaughtSigns(1 added to 26 labels, 12 photos, accuracy ")
    # Its own photos are known to it, and nothing is left to measure.
    known = cli("evaluate", tmp_path / "run", project, "--cache", cache)
    assert known.code == 1 and "all 12 photos are training photos" in known.err
    refused = cli("add", "asl", project, "--out", tmp_path / "run", "--cache", cache)
    assert refused.code == 1 and "is not empty" in refused.err


@pytest.mark.slow
def test_add__to_a_combined_recogniser(tmp_path: Path) -> None:
    """The landmark classifier inside it gets the sign: the result has all labels, and needs no backbone."""
    from handshape.serve.loaded_recogniser import load_for_serving
    from handshape.serve.prediction_queue import PredictionQueue
    from handshape.serve.teach.photo_folder import PhotoFolder
    from handshape.serve.teach.teacher import Teacher

    photos = tmp_path / "photos"
    for letter in "LVY":
        (photos / letter).mkdir(parents=True)
        for signer in range(1, 4):
            for index in range(4):
                (photos / letter / f"p{signer}_{index}.jpg").write_bytes(hand(letter, signer, index))
    run = tmp_path / "combined"
    settings: dict[str, Any] = {"signer": r"(p\d)_", "cache": tmp_path / "cache"}
    handshape.train(photos, model="combined", backbone="handnet", views=0, out=run, **settings)
    own = tmp_path / "own" / "A"
    own.mkdir(parents=True)
    for signer in range(1, 4):
        (own / f"p{signer}_1.jpg").write_bytes(hand("B", signer, 0))
    taught = handshape.add_signs(run, tmp_path / "own", layout="labels", out=tmp_path / "more", **settings)
    assert taught.recogniser.config.network.model == "landmarks"
    assert taught.recogniser.labels == ("A", "L", "V", "Y")
    best = [taught.recogniser.predict(photos / "V" / f"p{signer}_0.jpg").top[0][0] for signer in (1, 2, 3)]
    assert best == ["V", "V", "V"]
    teacher = Teacher(PhotoFolder(own.parent), PredictionQueue(load_for_serving(run)), tmp_path / "cache")
    assert "recognise all labels by landmarks alone" in teacher.state()["adds_to"]["sentence"]
