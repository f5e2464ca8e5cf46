from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.utils.data import DataLoader

from handshape.cache.location import open_cache
from handshape.data.data_report import make_data_report
from handshape.data.dataset import SPLITS, Dataset, Sample
from handshape.data.images.index import index_images
from handshape.data.io.folder import read_folder
from handshape.data.splits.train_valid_test import split_dataset
from handshape.errors import DataError


def sample(label: str, number: int, signer: str | None = None) -> Sample:
    return Sample(
        Path(f"/d/{label}/{number}.png"), f"{label}/{number}.png", label, signer, SPLITS[number % 3]
    )


DATA = Dataset(
    Path("/d"),
    (sample("B", 0, "2"), sample("B", 1, "10"), sample("C", 2), sample("C", 3, "2")),
    ("A", "B", "C"),
)
NONE = Dataset(Path("/d"), (), ())


def test_dataset__classes_are_places_in_the_labels() -> None:
    assert DATA.class_to_idx == {"A": 0, "B": 1, "C": 2}
    assert DATA.classes.tolist() == [1, 1, 2, 2]
    assert DATA.classes.dtype == np.int64
    assert len(DATA) == 4


def test_dataset__without_samples() -> None:
    assert len(NONE) == 0
    assert NONE.classes.shape == (0,)
    assert NONE.classes.dtype == np.int64
    assert NONE.counts() == {}
    assert NONE.signers == ()


def test_dataset__signers_are_sorted_and_known() -> None:
    assert DATA.signers == ("10", "2")


def test_dataset__counts_labels_without_any() -> None:
    assert DATA.counts() == {"A": 0, "B": 2, "C": 2}


def test_where__never_shifts_a_class() -> None:
    kept = DATA.where(s.label == "C" for s in DATA.samples)
    assert [s.name for s in kept.samples] == ["C/2.png", "C/3.png"]
    assert kept.labels == DATA.labels
    assert kept.classes.tolist() == [2, 2]


def test_where__one_answer_for_each_sample() -> None:
    with pytest.raises(ValueError, match="shorter"):
        DATA.where([True])


def test_on__one_side() -> None:
    assert [s.name for s in DATA.on("train").samples] == ["B/0.png", "C/3.png"]
    assert [s.name for s in DATA.on("test").samples] == ["C/2.png"]


def test_sample__is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        DATA.samples[0].label = "C"  # type: ignore[misc]


def test_dataset__sources_are_sorted_and_known() -> None:
    assert DATA.sources == ()
    rooms = ("office", None, "kitchen", "office")
    samples = tuple(replace(one, source=room) for one, room in zip(DATA.samples, rooms, strict=True))
    assert replace(DATA, samples=samples).sources == ("kitchen", "office")


def test_dataset__is_a_sequence_of_samples(make_photos: Callable[..., Path], monkeypatch: Any) -> None:
    photos = make_photos("AB", signers=3, images=2)
    monkeypatch.chdir(photos.parent)
    dataset = read_folder(photos.name, signer=r"signer(\d)")  # the path is relative
    assert [one.name for one in dataset] == [one.name for one in dataset.samples]
    assert all(one.path.is_absolute() and one.path.is_file() for one in dataset)
    assert dataset[0].image().size == (64, 64) and dataset[-1].label == "B" and len(dataset[:3]) == 3
    assert repr(dataset) == "Dataset('photos', 12 photos, 2 labels (A, B), 3 signers)"
    frame = dataset.to_frame()
    assert frame.columns.tolist() == ["path", "label", "signer", "source", "split"] and len(frame) == 12
    assert dataset.show(columns=2).width > dataset.show(columns=1).width
    assert "data:image/png;base64," in dataset._repr_html_() and "A, B" in dataset._repr_html_()
    images, classes = next(iter(DataLoader(dataset.as_torch(size=32), batch_size=5)))
    assert images.shape == (5, 3, 32, 32) and images.min() >= 0 and images.max() <= 1
    assert classes.tolist() == [0] * 5
    assert dataset.as_torch(lambda image: image.size)[7] == ((64, 64), 1)


def test_split__as_training_splits(make_photos: Callable[..., Path]) -> None:
    photos = make_photos("AB", signers=4, images=3)
    by_signer = read_folder(photos, signer=r"signer(\d)").split()
    held = {name: by_signer.on(name).signers for name in SPLITS}
    assert all(held.values()) and len(set().union(*held.values())) == sum(map(len, held.values())) == 4
    assert [one.split for one in by_signer] == [one.split for one in split_dataset(by_signer).dataset]
    plain = read_folder(photos)
    index = index_images(plain, open_cache(None))
    expected = make_data_report(index, kind="auto", valid_fraction=0.2, test_fraction=0.2, seed=3).split
    assert [one.split for one in plain.split(seed=3)] == [one.split for one in expected.dataset]


def test_from_paths_and_frames__are_as_the_folder(make_photos: Callable[..., Path]) -> None:
    folder = read_folder(make_photos("AB", signers=2, images=2), signer=r"signer(\d)")
    frame = folder.to_frame()
    again = Dataset.from_frame(frame.sample(frac=1, random_state=0))
    assert {(one.path, one.name, one.label, one.signer) for one in again} == {
        (one.path, one.name, one.label, one.signer) for one in folder
    }
    assert [one.label for one in again] == [one.label for one in folder] and again.root == folder.root
    renamed = frame.rename(columns={"path": "file", "label": "sign"})
    assert len(Dataset.from_frame(renamed, path="file", label="sign")) == 8
    with pytest.raises(DataError, match="no column 'path' in the frame; expected one of file, sign"):
        Dataset.from_frame(renamed)
    paths, labels = [one.path for one in folder], frame["label"].tolist()
    words: list[Any] = ["Train", "val"] * 4
    assert [one.split for one in Dataset.from_paths(paths, labels, splits=words)[:2]] == ["train", "valid"]
    with pytest.raises(DataError, match="1 labels for 8 paths"):
        Dataset.from_paths(paths, ["A"])
    never: list[Any] = ["never"] * 8
    with pytest.raises(DataError, match="the split 'never'"):
        Dataset.from_paths(paths, labels, splits=never)


@pytest.mark.slow
def test_from_hugging_face__images_in_tables(make_photos: Callable[..., Path], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    folder = read_folder(make_photos("AB", signers=2, images=2))
    kinds = datasets.Features({"image": datasets.Image(), "sign": datasets.ClassLabel(names=["A", "B"])})
    images = [{"bytes": one.path.read_bytes(), "path": None} for one in folder]
    table = datasets.Dataset.from_dict({"image": images, "sign": folder.classes.tolist()}, features=kinds)
    both = datasets.DatasetDict({"train": table, "validation": table, "test": table})
    found = Dataset.from_hugging_face(both, label="sign", cache=tmp_path)
    assert {name: len(found.on(name)) for name in SPLITS} == dict.fromkeys(SPLITS, 8)
    assert np.array_equal(found.on("train")[0].pixels(), folder[0].pixels())
    with pytest.raises(DataError, match="no column 'label' in the data set; expected one of image, sign"):
        Dataset.from_hugging_face(table)
