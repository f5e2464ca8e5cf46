import os
import subprocess
from pathlib import Path

import pytest
from tests import cases
from tests.nobody import locked, run_as_nobody

from handshape.data.dataset import Dataset
from handshape.data.io.folder import read_folder


def put(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"any bytes: nothing is decoded here")


def unused(data: Dataset) -> dict[str, tuple[str, str]]:
    return {one.name: (one.kind, one.reason) for one in data.unused}


def links(data: Dataset) -> tuple[int, int]:
    assert data.layout is not None
    return data.layout.links, data.layout.links_out


def test_hidden_and_system_files_are_listed(tmp_path: Path) -> None:
    put(*(tmp_path / "A" / name for name in ("1.png", ".DS_Store", "._1.png", "Thumbs.db", ".cache/2.png")))
    put(tmp_path / ".git" / "3.png", tmp_path / "__MACOSX" / "A" / "._1.png", tmp_path / "README.md")
    data = read_folder(tmp_path)
    assert [sample.name for sample in data.samples] == ["A/1.png"]
    assert {name: kind for name, (kind, _) in unused(data).items()} == {
        **dict.fromkeys((".git", "A/.DS_Store", "A/._1.png", "A/.cache"), "hidden"),
        **dict.fromkeys(("__MACOSX", "A/Thumbs.db"), "system"),
        "README.md": "other file",
    }


def test_pipes_and_devices_are_never_opened(tmp_path: Path) -> None:
    put(tmp_path / "A" / "1.png", tmp_path / "B" / "README")
    (tmp_path / "A" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "A" / "null.png").symlink_to("/dev/null")
    os.mkfifo(tmp_path / "A" / "pipe.png")
    assert unused(read_folder(tmp_path)) == {
        "A/gone.png": ("link", "a link that leads nowhere"),
        "A/null.png": ("special file", "a pipe, socket or device, which is never opened"),
        "A/pipe.png": ("special file", "a pipe, socket or device, which is never opened"),
        "B/": ("empty label", "no photo in it, but 1 other file"),
    }


def test_links__are_followed_once_and_counted(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    put(root / "A" / "1.png", root / "A" / "sub" / "2.png", root / "B" / "3.png", tmp_path / "more" / "4.png")
    (root / "A" / "loop").symlink_to(root / "A")
    (root / "A" / "up").symlink_to(root)
    (root / "A" / "far up").symlink_to(tmp_path)
    (root / "A" / "top").symlink_to("/")
    (root / "A" / "sub" / "self").symlink_to("self")
    (root / "B" / "more").symlink_to(tmp_path / "more")
    (root / "B" / "one.png").symlink_to(root / "A" / "1.png")
    (tmp_path / "more" / "back").symlink_to(root)
    (root / "C").symlink_to(tmp_path / "more")
    data = read_folder(root)
    assert [(s.label, s.path.name) for s in data.samples] == [
        ("A", "1.png"),
        ("A", "2.png"),
        ("B", "3.png"),
        ("B", "one.png"),
        ("B", "4.png"),
        ("C", "4.png"),
    ]
    assert links(data) == (3, 2)
    above = ("link", "a link to a folder that is above it")
    assert unused(data) == {
        "A/far up/": above,
        "A/loop/": ("link", "a link to a folder that was already read"),
        "A/sub/self": ("link", "a link that leads nowhere"),
        "A/top/": above,
        "A/up/": above,
        "B/more/back/": above,
        "C/back/": above,
    }


def test_links__no_follow_links_lists_them(tmp_path: Path) -> None:
    cases.label_folders(tmp_path / "ok", count=1)
    (tmp_path / "root").mkdir()
    for label in "AB":
        (tmp_path / "root" / label).symlink_to(tmp_path / "ok" / label)
    put(tmp_path / "root" / "C" / "1.png")
    data = read_folder(tmp_path / "root", follow_links=False)
    assert data.labels == ("C",) and links(data) == (0, 0)
    assert unused(data) == dict.fromkeys(("A", "B"), ("link", "a link (--no-follow-links)"))
    # The root itself may be a link: it was named.
    (tmp_path / "linked").symlink_to(tmp_path / "ok")
    assert len(read_folder(tmp_path / "linked", follow_links=False)) == 4


def test_links__that_multiply_end(tmp_path: Path) -> None:
    root = tmp_path / "d"
    for number in range(8):
        put(root / "A" / str(number) / "1.png")
    for number in range(8):
        for other in range(8):
            (root / "A" / str(number) / f"to{other}").symlink_to(root / "A" / str(other))
    assert len(read_folder(root)) == 8


def test_depth__of_thousands_of_folders(tmp_path: Path) -> None:
    put(tmp_path / "A" / "1.png")
    here = Path.cwd()
    try:
        os.chdir(tmp_path / "A")
        for _ in range(1200):
            Path("d").mkdir()
            os.chdir("d")
    finally:
        os.chdir(here)
    try:
        assert len(read_folder(tmp_path)) == 1
    finally:  # deeper than Python can remove
        subprocess.run(["rm", "-r", str(tmp_path / "A")], check=True)


@pytest.mark.parametrize("where", ["A", "A/sub"])
def test_permission__a_folder_that_cannot_be_read_is_named(public_path: Path, where: str) -> None:
    root = cases.label_folders(public_path / "d", count=2)
    put(root / "A" / "sub" / "x.png")
    look = (
        f"data = read_folder({str(root)!r}); "
        "print(len(data), [(one.name, one.kind, one.reason) for one in data.unused])"
    )
    with locked(root / where):
        done = run_as_nobody(public_path, "from handshape.data.io.folder import read_folder", look)
    reason = "a folder that cannot be read (Permission denied)"
    expected = f"{6 if where == 'A' else 8} {[(f'{where}/', 'unreadable folder', reason)]}"
    assert done.stdout.strip() == expected, done.stderr
