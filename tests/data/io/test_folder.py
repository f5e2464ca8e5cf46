import os
import re
from collections.abc import Callable
from pathlib import Path

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


def refused(data: Path, message: str, **options: str) -> None:
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


def test_read_folder__a_name_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    (sample,) = read_folder(tmp_path).samples
    assert sample.name == "A/caf\ufffd.png"
    assert sample.path.read_bytes() == b"x"


def test_read_folder__knows_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    put(tmp_path / "photos" / "A" / "1.png")
    assert listed(read_folder("~/photos")) == ["A/1.png"]


def test_read_folder__leaves_out_what_nobody_means(tmp_path: Path) -> None:
    put(tmp_path / "A" / "1.png", tmp_path / "A" / ".DS_Store", tmp_path / "A" / "._1.png")
    put(tmp_path / "A" / "Thumbs.db", tmp_path / "A" / "desktop.ini", tmp_path / "A" / ".cache" / "2.png")
    put(tmp_path / ".git" / "3.png", tmp_path / "README.md")
    data = read_folder(tmp_path)
    assert listed(data) == ["A/1.png"]
    assert data.labels == ("A",)
    assert data.unreadable == ()


def test_read_folder__lists_what_is_no_image(tmp_path: Path) -> None:
    put(tmp_path / "A" / "1.png", tmp_path / "A" / "notes.txt", tmp_path / "B" / "README")
    (tmp_path / "A" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "A" / "pipe.png")
    data = read_folder(tmp_path)
    assert listed(data) == ["A/1.png"]
    assert data.labels == ("A", "B")
    assert {(u.name, u.label, u.reason) for u in data.unreadable} == {
        ("A/notes.txt", "A", "not an image file (.txt)"),
        ("A/gone.png", "A", "no such file"),
        ("A/pipe.png", "A", "no such file"),
        ("B/README", "B", "not an image file (no ending)"),
    }


def test_read_folder__links_are_followed_once(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    put(root / "A" / "1.png", root / "A" / "sub" / "2.png", root / "B" / "3.png", tmp_path / "more" / "4.png")
    (root / "A" / "loop").symlink_to(root / "A")
    (root / "A" / "same").symlink_to(root / "A" / "sub")
    (root / "A" / "up").symlink_to(root)
    (root / "A" / "far up").symlink_to(tmp_path)
    (root / "A" / "top").symlink_to("/")
    (root / "A" / "sub" / "self").symlink_to("self")
    (root / "B" / "more").symlink_to(tmp_path / "more")
    (tmp_path / "more" / "back").symlink_to(root)
    (root / "C").symlink_to(tmp_path / "more")
    data = read_folder(root)
    # `self` is a file that leads nowhere, not a folder.
    assert [u.name for u in data.unreadable] in (["A/same/self"], ["A/sub/self"])
    assert [s.label for s in data.samples] == ["A", "A", "B", "B", "C"]
    assert [s.path.name for s in data.samples] == ["1.png", "2.png", "3.png", "4.png", "4.png"]


@pytest.mark.parametrize("valid", ["valid", "val"])
def test_read_folder__given_splits(tmp_path: Path, valid: str) -> None:
    put(tmp_path / "train" / "A" / "1.png", tmp_path / "train" / "B" / "2.png")
    put(
        tmp_path / valid / "B" / "3.png",
        tmp_path / "test" / "A" / "x" / "4.png",
        tmp_path / "extra" / "D" / "5.png",
    )
    data = read_folder(tmp_path)
    assert [(s.name, s.label, s.split) for s in data.samples] == [
        ("test/A/x/4.png", "A", "test"),
        ("train/A/1.png", "A", "train"),
        ("train/B/2.png", "B", "train"),
        (f"{valid}/B/3.png", "B", "valid"),
    ]
    assert data.labels == ("A", "B")


def test_read_folder__a_label_called_test_alone(tmp_path: Path) -> None:
    put(tmp_path / "test" / "1.png", tmp_path / "hello" / "2.png")
    assert read_folder(tmp_path).labels == ("hello", "test")


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


def make_flat(root: Path) -> None:
    put(root / "A.png", root / "B.png")


def make_empty_splits(root: Path) -> None:
    put(root / "train" / "1.png")
    (root / "test").mkdir()


def make_headings(root: Path) -> None:
    root.write_text("path,label\n")


@pytest.mark.parametrize("make", [make_empty, make_empty_labels, make_flat, make_empty_splits, make_headings])
def test_read_folder__empty(tmp_path: Path, make: Callable[[Path], None]) -> None:
    root = tmp_path / "data"
    make(root)
    refused(
        root,
        f"no images in '{root}'",
    )


def test_read_folder__no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)  # root may read anything
    refused(
        tmp_path,
        f"cannot read '{tmp_path}' (Permission denied)",
    )


def test_read_folder__neither_folder_nor_file() -> None:
    refused(
        Path("/dev/null"),
        "cannot read '/dev/null' (Not a directory)",
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
    put(tmp_path / "A" / "Ann" / "1.png", tmp_path / "A" / "Bo" / "1.png")
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


def test_read_folder__source_is_never_guessed(tmp_path: Path) -> None:
    put(tmp_path / "hall" / "A" / "1.png", tmp_path / "lab" / "A" / "1.png")
    data = read_folder(tmp_path)
    assert data.labels == ("hall", "lab") and data.sources == ()


def test_read_folder__each_folder_is_a_source(tmp_path: Path) -> None:
    put(
        tmp_path / "lab" / "B" / "1.png",
        tmp_path / "lab" / "A" / "more" / "2.png",
        tmp_path / "lab" / "truth.csv",
    )
    put(tmp_path / "hall" / "A" / "3.png", tmp_path / ".git" / "A" / "4.png", tmp_path / "README.md")
    (tmp_path / "far").mkdir()
    put(tmp_path / "far" / "C" / "5.png")
    data = read_folder(tmp_path, source="folder")
    assert data.sources == ("far", "hall", "lab") and data.labels == ("A", "B", "C")
    assert [(s.name, s.label, s.source, s.split) for s in data.samples] == [
        ("hall/A/3.png", "A", "hall", None),
        ("lab/A/more/2.png", "A", "lab", None),
        ("lab/B/1.png", "B", "lab", None),
        ("far/C/5.png", "C", "far", None),
    ]
    assert data.unreadable == ()


def test_read_folder__a_source_may_be_a_link_and_may_have_given_sides(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "train" / "A" / "1.png", tmp_path / "elsewhere" / "val" / "A" / "2.png")
    root = tmp_path / "photos"
    put(root / "lab" / "train" / "A" / "3.png", root / "lab" / "test" / "A" / "4.png")
    (root / "hall").symlink_to(tmp_path / "elsewhere")
    data = read_folder(root, source="folder")
    assert [(s.name, s.source, s.split) for s in data.samples] == [
        ("hall/train/A/1.png", "hall", "train"),
        ("hall/val/A/2.png", "hall", "valid"),
        ("lab/test/A/4.png", "lab", "test"),
        ("lab/train/A/3.png", "lab", "train"),
    ]


def make_labels_only(root: Path) -> None:
    put(root / "A" / "1.png", root / "B" / "x" / "2.png")


def make_given(root: Path) -> None:
    put(root / "train" / "A" / "1.png", root / "test" / "A" / "2.png")


def make_an_empty_source(root: Path) -> None:
    put(root / "hall" / "A" / "1.png", root / "notes" / "about.txt")


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (make_labels_only, "'A/1.png' is in no label folder"),
        (make_given, "test and train are folders of a split"),
        (make_an_empty_source, "'notes' holds no label folder with files in it"),
        (make_flat, "there is no folder in '{root}'"),
    ],
)
def test_read_folder__folders_that_are_no_sources(
    tmp_path: Path, make: Callable[[Path], None], wrong: str
) -> None:
    root = tmp_path / "data"
    make(root)
    refused(
        root,
        f"--source folder, but {wrong.format(root=root)}",
        source="folder",
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
    ]
    data = read_folder(write_table(tmp_path / "t", ending.join(lines), encoding))
    assert [(s.name, s.label, s.signer, s.split) for s in data.samples] == [
        ("A/1.png", "A", "Ann", "train"),
        (str(outside), "A", "Bo", "valid"),
        ("B b/ä,2.png", "B", None, None),
        ("A/1.png", "é", "Ann", "test"),
    ]
    assert data.labels == ("A", "B", "C", "é")
    assert [(u.name, u.reason) for u in data.unreadable] == [("A/none.png", "no such file")]
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


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("", "label or path"),
        ("file,label\nA/1.png,A\n", "path"),
        ("path;label\nA/1.png;A\n", "label or path"),
    ],
)
def test_read_folder__table_without_a_column(tmp_path: Path, text: str, lacking: str) -> None:
    table = write_table(tmp_path, text)
    refused(
        table,
        f"'{table}' has no column {lacking}",
    )


@pytest.mark.parametrize("row", [",A,,", "A/1.png,,,", "A/1.png", " , ,,"])
def test_read_folder__table_with_a_gap(tmp_path: Path, row: str) -> None:
    table = write_table(tmp_path, f"path,label,signer,split\nA/1.png,A,,\n{row}\n")
    refused(table, f"'{table}' line 3 lacks a path or a label")


@pytest.mark.parametrize("split", ["dev", "Train"])
def test_read_folder__table_with_a_bad_split(tmp_path: Path, split: str) -> None:
    table = write_table(tmp_path, f"path,label,split\nA/1.png,A,train\nA/1.png,A,{split}\n")
    refused(table, f"'{table}' line 3 has the split '{split}'")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n\x00", "codec can't decode"),
        ("path,label\nA/1.png,A\n".encode("utf-16"), "codec can't decode"),
        (b"path,label\n" + b"A" * 200_000, "field larger than field limit (131072)"),
    ],
)
def test_read_folder__no_table(tmp_path: Path, content: bytes, reason: str) -> None:
    table = tmp_path / "a.png"
    table.write_bytes(content)
    message = f"^'{re.escape(str(table))}' is not a table \\(.*{re.escape(reason)}.*\\)"
    with pytest.raises(DataError, match=message):
        read_folder(table)


def test_read_unlabelled__images_anywhere_below_a_folder(tmp_path: Path) -> None:
    place = tmp_path / "küche 1"
    for name in ("a.jpg", "train/b.png", "train/deep/c.jpg", ".hidden/d.jpg", "._a.jpg", "notes.txt"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(b"")
    dataset = read_unlabelled(place)
    assert [sample.path.name for sample in dataset.samples] == ["a.jpg", "b.png", "c.jpg"]
    assert dataset.root == place.resolve() and dataset.labels == ("küche 1",)
    assert [(one.name, one.reason) for one in dataset.unreadable] == [
        ("küche 1/notes.txt", "not an image file (.txt)")
    ]
    with pytest.raises(DataNotFoundError, match=r"no folder at .*"):
        read_unlabelled(tmp_path / "nowhere")
