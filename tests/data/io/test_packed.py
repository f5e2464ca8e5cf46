import gzip
import io
import os
import pickle
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests import cases

from handshape.data.io import packed, unpack
from handshape.data.io.folder import read_folder
from handshape.errors import DataError


@pytest.mark.parametrize("kind", ["zip", "", "gz", "bz2", "xz"])
def test_archives__give_what_the_folder_gives(tmp_path: Path, kind: str) -> None:
    folder = cases.split_folders(tmp_path / "ok", ("train", "test"))
    if kind == "zip":
        archive = cases.zipped(folder, tmp_path / "ok.zip")
    else:
        archive = cases.tarred(folder, str(tmp_path / "packed"), kind)
    here, there = read_folder(folder), read_folder(archive, cache=tmp_path / "cache")
    assert [(f"ok/{s.name}", s.label, s.split) for s in here.samples] == [
        (s.name, s.label, s.split) for s in there.samples
    ]
    for one, other in zip(here.samples, there.samples, strict=True):
        assert one.path.read_bytes() == other.path.read_bytes()
        assert pickle.loads(pickle.dumps(other.path)).read_bytes() == one.path.read_bytes()
    assert there.layout is not None and there.layout.summary.startswith("archive of split folders train/test")
    unpacked = list((tmp_path / "cache").glob("unpacked/*")) if (tmp_path / "cache").exists() else []
    assert len(unpacked) == (kind not in ("zip", ""))
    if unpacked:
        before = unpacked[0].stat().st_mtime_ns
        read_folder(archive, cache=tmp_path / "cache")
        assert unpacked[0].stat().st_mtime_ns == before


def test_archives__with_a_table(tmp_path: Path) -> None:
    root = cases.flat(tmp_path / "flat")
    rows = [[path.name, path.name[0]] for path in sorted(root.iterdir())]
    cases.write_rows(root / "labels.csv", [["path", "label"], *rows])
    data = read_folder(cases.zipped(root, tmp_path / "flat.zip"))
    assert data.labels == tuple("ABCD") and len(data) == 16


def test_zip__names_links_and_secrets(tmp_path: Path) -> None:
    photo = io.BytesIO()
    cases.draw_hand(1, 1).save(photo, "JPEG")
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        for name in ("A\\1.jpg", "B/2.jpg", "../out.jpg", "/etc/passwd.jpg", "A/./1.jpg"):
            archive.writestr(name, photo.getvalue())
        link = zipfile.ZipInfo("A/link.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    data = read_folder(tmp_path / "odd.zip")
    assert [sample.name for sample in data.samples] == ["A/1.jpg", "B/2.jpg"]
    assert {one.name: one.kind for one in data.unused} == {
        "../out.jpg": "unsafe name",
        "/etc/passwd.jpg": "unsafe name",
        "A/1.jpg": "twice",
        "A/link.jpg": "link",
    }


def test_tar__links_and_pipes_are_never_followed(tmp_path: Path) -> None:
    folder = cases.label_folders(tmp_path / "ok", count=1)
    (folder / "A" / "link.jpg").symlink_to("/etc/passwd")
    os.link(folder / "A" / "s0_0.jpg", folder / "A" / "z_hard.jpg")
    os.mkfifo(folder / "A" / "pipe.jpg")
    data = read_folder(cases.tarred(folder, str(tmp_path / "t"), ""))
    assert len(data) == 4
    assert {one.name: one.kind for one in data.unused} == {
        "ok/A/link.jpg": "link",
        "ok/A/z_hard.jpg": "link",
        "ok/A/pipe.jpg": "special file",
    }


def test_archives__damaged_or_of_something_else(tmp_path: Path) -> None:
    folder = cases.label_folders(tmp_path / "ok", count=1)
    whole = cases.zipped(folder, tmp_path / "ok.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    packed_tar = cases.tarred(folder, str(tmp_path / "t"), "gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(packed_tar[: len(packed_tar) // 2])
    with pytest.raises(DataError, match=r"cannot read '.*cut\.zip' \(damaged: "):
        read_folder(tmp_path / "cut.zip")
    with pytest.raises(DataError, match=r"cannot read the archive '.*cut\.tar\.gz' \(Compressed file ended"):
        read_folder(tmp_path / "cut.tar.gz", cache=tmp_path / "cache")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"path,label\n"))
    with pytest.raises(DataError, match="it holds no tar archive"):
        read_folder(tmp_path / "t.csv.gz", cache=tmp_path / "cache")
    assert list((tmp_path / "cache" / "unpacked").iterdir()) == []


def test_archives__a_damaged_or_huge_member_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = cases.zipped(cases.label_folders(tmp_path / "ok", count=1), tmp_path / "ok.zip")
    data = bytearray(archive.read_bytes())
    data[300:310] = bytes(10)
    archive.write_bytes(data)
    first, second, *_ = read_folder(archive).samples
    with pytest.raises(OSError, match="damaged in the archive"):
        first.path.read_bytes()
    assert second.path.read_bytes()[:2] == b"\xff\xd8"
    monkeypatch.setattr(packed, "LARGEST_FILE", 100)
    with pytest.raises(OSError, match="larger than any photo"):
        second.path.read_bytes()


def test_unpacking__is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = tmp_path / "bomb.tar.gz"
    with tarfile.open(bomb, "w:gz") as archive:
        about = tarfile.TarInfo("A/1.jpg")
        about.size = 30_000_000
        archive.addfile(about, io.BytesIO(bytes(about.size)))
    assert bomb.stat().st_size < 100_000
    monkeypatch.setattr(unpack, "LARGEST_ARCHIVE", 10_000_000)
    with pytest.raises(DataError, match="unpacks to more than 0 GB"):
        read_folder(bomb, cache=tmp_path / "cache")
    assert list((tmp_path / "cache" / "unpacked").iterdir()) == []
