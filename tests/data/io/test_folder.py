import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handshape.data.dataset import Dataset
from handshape.data.io.folder import read_folder, read_unlabelled
from handshape.errors import DataError, DataNotFoundError

MakePhotos = Callable[..., Path]


def put(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"any bytes: nothing is decoded here")


def listed(data: Dataset) -> list[str]:
    return [sample.name for sample in data.samples]


def refused(data: Path, message: str, **options: Any) -> None:
    with pytest.raises(DataError, match="^" + re.escape(message)):
        read_folder(data, **options)


def same_as_image_folder(root: Path) -> None:
    from torchvision.datasets import ImageFolder

    theirs, ours = ImageFolder(root), read_folder(root)
    assert list(ours.labels) == theirs.classes
    assert ours.class_to_idx == theirs.class_to_idx
    pairs = zip(ours.samples, ours.classes.tolist(), strict=True)
    assert [(str(sample.path), index) for sample, index in pairs] == theirs.samples


def test_read_folder__as_image_folder(make_photos: MakePhotos) -> None:
    root = make_photos(labels="BAC")
    put(root / "a b" / "z.JPG", root / "a b" / "sub" / "a.jpeg", root / "a b" / "Sub" / "é è.png")
    put(root / "é" / "10.png", root / "é" / "9.png", root / "thumbs-up" / "1.webp")
    put(root / "loose.png")
    (root / "a b" / "sub2").mkdir()
    same_as_image_folder(root)


@pytest.mark.shared
def test_read_folder__as_image_folder_on_real_photos(shared_data: Path) -> None:
    same_as_image_folder(shared_data / "webcam")
    assert len(read_folder(shared_data / "webcam", labels="A-I")) == 1800


@pytest.mark.shared
def test_read_folder__signers_of_real_photos(shared_data: Path) -> None:
    data = read_folder(shared_data / "studio", signer=r"hand(\d+)_")
    assert data.signers == ("1", "2", "3", "4")
    assert [sum(s.signer == n for s in data.samples) for n in data.signers] == [650, 645, 130, 130]


def test_read_folder__one_image(tmp_path: Path) -> None:
    put(tmp_path / "A" / "1.png")
    data = read_folder(str(tmp_path))
    assert data.labels == ("A",)
    assert listed(data) == ["A/1.png"]
    assert data.samples[0].split is None
    assert data.samples[0].signer is None
    assert data.root == tmp_path.resolve()


def test_read_folder__names_with_spaces_and_accents(tmp_path: Path) -> None:
    put(tmp_path / "pouce levé" / "ma photo n° 1 (2).JPEG", tmp_path / "手" / "写真.png")
    data = read_folder(tmp_path)
    assert listed(data) == ["pouce levé/ma photo n° 1 (2).JPEG", "手/写真.png"]
    assert all(sample.path.is_file() for sample in data.samples)


def test_read_folder__knows_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    put(tmp_path / "photos" / "A" / "1.png")
    assert listed(read_folder("~/photos")) == ["A/1.png"]


def test_read_folder__labels_are_chosen(tmp_path: Path) -> None:
    put(*(tmp_path / label / "1.png" for label in ("A", "B", "C", "thumbs-up")))
    assert read_folder(tmp_path, labels="B-Z,thumbs-up").labels == ("B", "C", "thumbs-up")
    with pytest.raises(DataError, match="no label 'D' in the data"):
        read_folder(tmp_path, labels="A,D")


def test_read_folder__not_there(tmp_path: Path) -> None:
    place = tmp_path / "nowhere"
    message = f"no folder or table at '{place}'"
    refused(place, message)
    with pytest.raises(DataNotFoundError):
        read_folder(place)


def make_empty(root: Path) -> None:
    root.mkdir()


def make_empty_labels(root: Path) -> None:
    (root / "A" / "sub").mkdir(parents=True)
    put(root / "A" / ".hidden.png")


@pytest.mark.parametrize("make", [make_empty, make_empty_labels])
def test_read_folder__empty(tmp_path: Path, make: Callable[[Path], None]) -> None:
    root = tmp_path / "data"
    make(root)
    refused(
        root,
        f"no images in '{root}'",
    )


def test_read_folder__signer_in_the_path(tmp_path: Path) -> None:
    put(tmp_path / "A" / "hand1_a.png", tmp_path / "A" / "hand12_a.png", tmp_path / "A" / "other.png")
    data = read_folder(tmp_path, signer=r"hand(\d+)_")
    assert [(s.path.name, s.signer) for s in data.samples] == [
        ("hand12_a.png", "12"),
        ("hand1_a.png", "1"),
        ("other.png", None),
    ]


def test_read_folder__signer_is_a_folder(tmp_path: Path) -> None:
    put(*(tmp_path / label / who / "1.png" for label in "AB" for who in ("Ann", "Bo")))
    assert read_folder(tmp_path, signer="^[^/]+/([^/]+)/").signers == ("Ann", "Bo")


def test_read_folder__signer_of_an_optional_group(tmp_path: Path) -> None:
    put(tmp_path / "A" / "hand.png", tmp_path / "A" / "hand3.png")
    data = read_folder(tmp_path, signer=r"hand(\d)?")
    assert [s.signer for s in data.samples] == [None, "3"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "hand(",
            "--signer 'hand(' is not a regular expression (missing ), unterminated subpattern at position 4)",
        ),
        ("hand", r"--signer 'hand' has 0 groups"),
        ("(h)(a)", r"--signer '(h)(a)' has 2 groups"),
        (
            "foot(.)",
            "--signer 'foot(.)' matches no path",
        ),
    ],
)
def test_read_folder__signer_is_refused(tmp_path: Path, pattern: str, message: str) -> None:
    put(tmp_path / "A" / "hand1.png")
    refused(tmp_path, message, signer=pattern)


def test_read_folder__source_in_the_path(tmp_path: Path) -> None:
    put(tmp_path / "A" / "hall_hand1.png", tmp_path / "A" / "lab_hand1.png", tmp_path / "A" / "x.png")
    data = read_folder(tmp_path, source="(hall|lab)_", signer=r"hand(\d)")
    assert [(s.source, s.signer) for s in data.samples] == [("hall", "1"), ("lab", "1"), (None, None)]
    refused(
        tmp_path,
        "--source 'cam(.)' matches no path",
        source="cam(.)",
    )


def write_table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    put(folder / "A" / "1.png", folder / "B b" / "ä,2.png")
    table = folder / "my table.csv"
    table.write_bytes(text.encode(encoding))
    return table


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_read_folder__table(tmp_path: Path, encoding: str, ending: str) -> None:
    outside = tmp_path / "outside.png"
    put(outside)
    lines = [
        "path,label,signer,split,remark",
        '"B b/ä,2.png",B,,,',
        "A/1.png, A ,Ann,train,blurred",
        f"{outside},A,Bo,val,",
        "A/1.png,é,Ann,test,,,more",
        "A/none.png,C,Ann,valid",
        ",A,Ann,train",
        "A/1.png,,Ann,train",
        "A/1.png,A,Ann,holdout",
    ]
    data = read_folder(write_table(tmp_path / "t", ending.join(lines), encoding))
    assert [(s.name, s.label, s.signer, s.split) for s in data.samples] == [
        ("A/1.png", "A", "Ann", "train"),
        (str(outside), "A", "Bo", "valid"),
        ("B b/ä,2.png", "B", None, None),
        ("A/1.png", "é", "Ann", "test"),
    ]
    assert data.labels == ("A", "B", "é")
    assert [(one.name, one.reason) for one in data.unused] == [
        ("my table.csv line 6", "there is no file 'A/none.png'"),
        ("my table.csv line 7", "it has no path"),
        ("my table.csv line 8", "it has no label"),
        ("my table.csv line 9", "its split 'holdout' is none of train, valid and test"),
    ]
    assert data.samples[2].path == tmp_path / "t" / "B b" / "ä,2.png"
    assert data.root == (tmp_path / "t").resolve()


def test_read_folder__table_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(tmp_path / "t", "path,label\nA/1.png,A\n")
    monkeypatch.chdir(tmp_path)
    (sample,) = read_folder("t/my table.csv").samples
    monkeypatch.chdir("/")
    assert sample.path.is_file()


def test_read_folder__table_with_sources(tmp_path: Path) -> None:
    table = write_table(tmp_path, "path,label,source,camera\nA/1.png,A,hall,phone\n")
    assert read_folder(table).sources == ("hall",)
    assert read_folder(table, source="camera").sources == ("phone",)
    with pytest.raises(DataError, match="has no column 'folder' for --source"):
        read_folder(table, source="folder")


def test_read_folder__table_with_a_signer_pattern(tmp_path: Path) -> None:
    table = write_table(tmp_path, "path,label,signer\nA/1.png,A,Ann\n")
    assert read_folder(table, signer=r"(\d)\.png").signers == ("1",)


def test_read_folder__neither_folder_nor_file() -> None:
    refused(Path("/dev/null"), "'/dev/null' is neither a folder nor a file")


def test_read_unlabelled__images_anywhere_below_a_folder(tmp_path: Path) -> None:
    place = tmp_path / "küche 1"
    for name in ("a.jpg", "train/b.png", "train/deep/c.jpg", ".hidden/d.jpg", "._a.jpg", "notes.txt"):
        put(place / name)
    dataset = read_unlabelled(place)
    assert [sample.path.name for sample in dataset.samples] == ["a.jpg", "b.png", "c.jpg"]
    assert dataset.root == place.resolve() and dataset.labels == ("küche 1",)
    assert [(one.name, one.reason) for one in dataset.unreadable] == [
        ("notes.txt", "not an image file (.txt)")
    ]
    assert [one.name for one in dataset.unused] == ["._a.jpg", ".hidden"]
    with pytest.raises(DataNotFoundError, match=r"no folder at .*"):
        read_unlabelled(tmp_path / "nowhere")


def test_read_folder__excluded_photos_stay_where_they_are(tmp_path: Path) -> None:
    put(*(tmp_path / "d" / label / f"{i}.png" for label in "AB" for i in range(3)))
    names = tmp_path / "bad.txt"
    names.write_text("# wrong\nA/1.png\n\nB\\2.png\n")
    data = read_folder(tmp_path / "d", exclude=names)
    assert listed(data) == ["A/0.png", "A/2.png", "B/0.png", "B/1.png"]
    assert [(one.name, one.kind) for one in data.unused] == [("A/1.png", "excluded"), ("B/2.png", "excluded")]
    assert (tmp_path / "d" / "A" / "1.png").is_file()
    names.write_text("A/9.png\n")
    refused(tmp_path / "d", f"1 name in '{names}' not found, such as 'A/9.png'", exclude=names)
    refused(tmp_path / "d", f"cannot read '{tmp_path / 'none'}' (No such file", exclude=tmp_path / "none")
