"""What Teach does in the exported page as on the server: the project file, names, and what to do next."""

import base64
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from handshape.data.io.folder import read_folder
from handshape.data.io.project_file import SIGNER_PATTERN
from handshape.errors import AlbumError
from handshape.serve.teach.advice import give_advice
from handshape.serve.teach.names import check_name
from handshape.serve.teach.photo_folder import TeachPhoto

from .node import in_node

_WRITE = """
import { writeProject } from "./taught/project.js";
const photos = given.map(({ label, name, photo }) => ({ label, name, photo: new Blob([bytes(photo)]) }));
const written = await writeProject(photos, { model: "abc", labels: ["A", "B"] });
found = text(await written.arrayBuffer());
"""
_READ = """
import { unzip } from "./teach/unzip.js";
found = [];
for (const one of given) {
  const files = await unzip(new Blob([bytes(one)]));
  const content = async ({ path, read }) => [path, text(await (await read()).arrayBuffer())];
  found.push(await Promise.all(files.map(content)).catch((error) => error.message));
}
"""
_NAMES = """
import { checkName } from "./taught/names.js";
found = given.map((name) => { try { return checkName("sign", name); } catch { return null; } });
"""
_ADVICE = """
import { adviceOf } from "./taught/advice.js";
found = given.map(({ photos, confused }) => adviceOf(photos, confused));
"""
PLACES = (("hello", "Ana_1.jpg"), ("hello", "Björn Ek_2.jpg"), ("thank you", "Ana_1.jpg"))


def photo(number: int) -> bytes:
    """Return a JPEG."""
    file = io.BytesIO()
    noise = np.random.default_rng(number).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()


def text(content: bytes) -> str:
    """Return bytes as scripts take them."""
    return base64.b64encode(content).decode()


def test_write_project__is_read_by_python(tmp_path: Path) -> None:
    given = [
        {"label": label, "name": name, "photo": text(photo(index))}
        for index, (label, name) in enumerate(PLACES)
    ]
    written = base64.b64decode(in_node(tmp_path / "node", _WRITE, given))
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["project.json", *("/".join(place) for place in PLACES)]
        assert [archive.read("/".join(place)) for place in PLACES] == [photo(index) for index in range(3)]
    (tmp_path / "project.zip").write_bytes(written)
    dataset = read_folder(tmp_path / "project.zip", signer=SIGNER_PATTERN, cache=tmp_path / "cache")
    assert (dataset.labels, dataset.signers) == (("hello", "thank you"), ("Ana", "Björn Ek"))
    assert dataset.counts() == {"hello": 2, "thank you": 1}


def test_unzip__reads_what_python_wrote_and_no_more_than_it_says(tmp_path: Path) -> None:
    archives = []
    for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", packing) as archive:
            archive.mkdir("hello")
            archive.writestr("hello/Björn Ek_1.jpg", bytes(1_000_000))
        archives.append(file.getvalue())
    said = (1_000_000).to_bytes(4, "little")
    archives += [archives[1].replace(said, size.to_bytes(4, "little")) for size in (999_999, 100_000_001)]
    found = in_node(tmp_path / "node", _READ, [text(one) for one in archives])
    whole = [["hello/Björn Ek_1.jpg", text(bytes(1_000_000))]]
    assert found == [whole, whole, "is damaged", "has more than 100 MB"]


def test_check_name__takes_the_names_that_python_takes(tmp_path: Path) -> None:
    names = [
        " A ",
        "thank you",
        "",
        "x" * 61,
        "a/b",
        "a\\b",
        "..",
        ".a",
        "a.",
        "CON",
        "com1.txt",
        "Train",
        "ü",
    ]
    names += ["a\u2028b", "a\x00b", "a\u200bb", "e\u0301", "👋", "a:b", "nul", "trainer"]
    expected: list[str | None] = []
    for name in names:
        try:
            expected.append(check_name("sign", name))
        except AlbumError:
            expected.append(None)
    assert in_node(tmp_path / "node", _NAMES, names) == expected


def taken(label: str, signer: str, count: int, spread: float, without: int = 0) -> list[dict[str, Any]]:
    """Return photos, with hands that differ so much; the first few have none."""
    rng = np.random.default_rng(len(label) + len(signer))
    first = rng.uniform(0.3, 0.7, (21, 2))
    hands = [(first + rng.normal(0, spread, first.shape)).tolist() for _ in range(count)]
    return [
        {
            "label": label,
            "signer": signer,
            "name": f"{signer}_{number + 1}.jpg",
            "found": number >= without,
            "hand": hand if number >= without else None,
        }
        for number, hand in enumerate(hands)
    ]


def test_advice__is_that_of_the_server(tmp_path: Path) -> None:
    confused = {"true": "yes", "predicted": "hello", "count": 2, "share": 0.5}
    albums = [
        ([], None),
        (taken("hello", "Ana", 6, 0.1), None),
        (taken("hello", "Ana", 6, 1e-4), None),
        ([one for n in range(9) for one in taken(f"sign {n}", "AnaBen"[3 * (n % 2) :][:3], 5, 0.1)], None),
        ([*taken("hello", "Ana", 4, 0.1, 3), *taken("yes", "Ben", 4, 0.1)], confused),
        (
            [
                *taken("hello", "Ana", 2, 0.1),
                *taken("hello", "Ben", 2, 0.1),
                *taken("nothing", "Ana", 2, 0.1, 2),
            ],
            None,
        ),
        (
            [*taken("a", "Ana", 5, 0.1), *taken("b", "Ana", 5, 0.1), *taken("c", "Ben", 5, 1e-4)],
            {**confused, "true": "b"},
        ),
    ]
    found = in_node(
        tmp_path / "node", _ADVICE, [{"photos": photos, "confused": mistake} for photos, mistake in albums]
    )
    for told, (photos, mistake) in zip(found, albums, strict=True):
        own = {TeachPhoto(one["label"], one["name"], one["signer"]): one for one in photos}
        hands, shown = ({photo: one[key] for photo, one in own.items()} for key in ("hand", "found"))
        expected = give_advice(list(own), hands.__getitem__, shown.__getitem__, mistake)
        assert told == [one.to_dict() for one in expected]
    assert {len(told) for told in found} >= {0, 1, 3}
