import re
from pathlib import Path

import pytest
from tests import cases

from handshape.data.dataset import Dataset
from handshape.data.io.folder import read_folder
from handshape.data.io.table import find_beside, parse_table, read_rows
from handshape.errors import DataError

HEADINGS = {
    "plain": ("path", "label"),
    "usual": ("Filename", " Class"),
    "spaced": ("image path", "Sign "),
    "none": None,
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for label in ("é", "B b"):
        (root / label).mkdir()
        for number in range(2):
            (root / label / f"{number}.jpg").write_bytes(b"x")
    return root


def listed(root: Path) -> list[list[str]]:
    return [[path.relative_to(root).as_posix(), path.parent.name] for path in sorted(root.glob("*/*.jpg"))]


@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("headings", HEADINGS.values(), ids=HEADINGS)
@pytest.mark.parametrize("backslash", [False, True])
def test_matrix__delimiter_encoding_headings_and_slash(
    photos: Path, sep: str, encoding: str, headings: tuple[str, ...] | None, backslash: bool
) -> None:
    rows = listed(photos)
    if backslash:
        rows = [[path.replace("/", "\\"), label] for path, label in rows]
    table = photos / "t.csv"
    cases.write_rows(table, [[*headings], *rows] if headings else rows, sep=sep, encoding=encoding)
    data = read_folder(table)
    assert data.labels == ("B b", "é")
    assert [sample.name for sample in data.samples] == [path for path, _ in listed(photos)]
    assert data.unused == () and data.unreadable == ()


def table(tmp_path: Path, text: str) -> Dataset:
    for label in "AB":
        (tmp_path / "A").mkdir(exist_ok=True)
        (tmp_path / "A" / f"{label}.png").write_bytes(b"x")
    (tmp_path / "t.csv").write_text(text)
    return read_folder(tmp_path / "t.csv")


def test_columns__of_usual_names(tmp_path: Path) -> None:
    data = table(
        tmp_path, "file,class,person,room,subset\nA/A.png,a,Ann,hall,Training\nA/B.png,b,Bo,lab,dev\n"
    )
    assert [(s.label, s.signer, s.source, s.split) for s in data.samples] == [
        ("a", "Ann", "hall", "train"),
        ("b", "Bo", "lab", "valid"),
    ]


def test_paths__in_one_folder_beside_the_table(tmp_path: Path) -> None:
    data = table(tmp_path, "image,label\nA.png,a\nB.png,b\nC.png,c\n")
    assert [sample.name for sample in data.samples] == ["A/A.png", "A/B.png"]
    assert [(one.name, one.kind) for one in data.unused] == [("t.csv line 4", "table row")]


def test_one_hot__of_roboflow(tmp_path: Path) -> None:
    data = table(tmp_path, "filename, a, b\nA/A.png,1,0\nA/B.png,0,1\nA/A.png,1,1\nA/B.png,0,0\n")
    assert [sample.label for sample in data.samples] == ["a", "b"]
    assert [one.reason for one in data.unused] == [f"it has {n} labels instead of one" for n in (2, 0)]


def test_pixels__become_photos_once(tmp_path: Path) -> None:
    rows = cases.pixel_rows(8)
    rows += [["1", "300", *rows[1][2:]], ["", *rows[1][1:]], rows[1][:50]]
    file = cases.write_rows(tmp_path / "sign_mnist_train.csv", rows)
    data = read_folder(file, cache=tmp_path / "cache")
    assert data.labels == tuple("0123") and len(data) == 8
    assert [one.reason for one in data.unused] == [
        "a pixel is not a whole number from 0 to 255",
        "it has no label",
        "it has 50 columns instead of 785",
    ]
    assert data.samples[0].name == "sign_mnist_train.csv/000002.png"
    (kept,) = (tmp_path / "cache" / "unpacked").iterdir()
    before = kept.stat().st_mtime_ns
    assert read_folder(file, cache=tmp_path / "cache").samples == data.samples
    assert kept.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "when,person\n1,2\n",
            "has no column label or path (written with commas, UTF-8; columns: when, person)",
        ),
        ("file\nA/1.png\n", "has no column label (written with"),
        (
            "a.png,1,2\n",
            "has no column label or path (written with commas, UTF-8, without known headings; columns: a.png",
        ),
        ("", "has no column label or path"),
        ("filename,class,xmin,ymin,xmax,ymax\na.png,a,1,1,2,2\n", "has no column label for whole photos"),
        ("path,label\nA/none.png,A\n", "no images in"),
    ],
)
def test_refused__with_the_columns_that_were_found(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=re.escape(words)):
        table(tmp_path, text)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n\x00", "an image"),
        (b"PAR1" + bytes(50), "a Parquet file"),
        (b"path,label\n" + b"A" * 200_000, "field larger than field limit (131072)"),
        (b"path\0,label\n", "it holds null characters"),
    ],
)
def test_refused__no_table(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with pytest.raises(DataError, match=rf"^'{re.escape(str(file))}' is not a table \(.*{re.escape(reason)}"):
        read_folder(file)


def test_parse_table__a_column_named_as_the_source(tmp_path: Path) -> None:
    text = b"path,label,source,room 2\na.png,A,phone,hall\n"
    (tmp_path / "a.png").write_bytes(b"x")
    for source, found in ((None, "phone"), ("room 2", "hall")):
        opened = parse_table(text, "t", source)
        (row,) = read_rows(opened, find_beside(tmp_path, opened))
        assert getattr(row, "source", None) == found
    with pytest.raises(DataError, match="no column 'camera' for --source"):
        parse_table(text, "t", "camera")
