"""A teacher's path in a real browser, without a terminal: from folders of photos to a page to take away."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from tests.serve.browser import CHROMIUM, NPM, Process, Tab, browsing, film, served
from tests.serve.test_page import shows_letters

import handshape
from handshape.data.io.folder import read_folder

SIGNS = "378"  # digits that look like no letter
TEACHERS = {"p010": "anna", "p020": "ben"}
OTHERS = ("p060", "p070")
LETTERS = "ABCDEFGHI"
VIEWS = 10
COUNT = len(SIGNS) * len(TEACHERS) * VIEWS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


def digit(data: Path, sign: str, person: str) -> Image.Image:
    """Return the photo of a digit that a person took of their hand."""
    (path,) = (data / "digits" / sign).glob(f"{person}_*")
    return Image.open(path).convert("RGB").resize((300, 300), Image.Resampling.BICUBIC)


def views(photo: Image.Image, seed: int) -> Iterator[Image.Image]:
    """Yield a photo rotated, shifted, scaled and lit otherwise: the data has one of each person and digit."""
    rng = np.random.default_rng(seed)
    for _ in range(VIEWS):
        shift = tuple(rng.integers(-20, 21, 2).tolist())
        corner = photo.getpixel((2, 2))
        turned = photo.rotate(
            rng.uniform(-15, 15), Image.Resampling.BICUBIC, translate=shift, fillcolor=corner
        )
        side = int(300 * rng.uniform(0.85, 1.1))
        yield ImageEnhance.Brightness(turned.resize((side, side))).enhance(rng.uniform(0.75, 1.2))


def sign_folders(data: Path, root: Path) -> list[Path]:
    """Make a folder for each sign: 60 photos of two people, and a file that is no photo."""
    for number, sign in enumerate(SIGNS):
        folder = root / f"sign {sign}"
        folder.mkdir(parents=True)
        for person, name in TEACHERS.items():
            for index, view in enumerate(views(digit(data, sign, person), number), 1):
                view.save(folder / f"{name}_{index}.jpg", quality=92)
    (folder / "notes.txt").write_text("not a photo")
    return sorted(root.iterdir())


def drop(tab: Tab, paths: list[Path]) -> None:
    """Drop files and folders on the page, as a file manager does."""
    tab.page.locator("#teach-drop").scroll_into_view_if_needed()
    place = tab.page.locator("#teach-drop").bounding_box()
    assert place is not None
    session = tab.page.context.new_cdp_session(tab.page)
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        where = {"x": place["x"] + 50, "y": place["y"] + 30}
        session.send("Input.dispatchDragEvent", {"type": kind, **where, "data": data})


def photos_are(tab: Tab, count: int) -> None:
    """Wait until the page shows so many photos and none is on its way."""
    tab.wait(f"document.querySelectorAll('.thumbnails li').length === {count}")
    tab.wait("document.querySelector('#teach-note').textContent === ''")


def again(server: Process, tab: Tab) -> None:
    """End the server as a power cut would, and start it again."""
    server.kill()
    server.start()
    tab.wait("document.querySelector('#status').dataset.state === 'on'")


def test_teach__from_a_folder_of_photos_to_signs_beside_the_letters(
    shared_data: Path, tmp_path: Path
) -> None:
    folders = sign_folders(shared_data, tmp_path / "our signs")
    asl = handshape.load("asl")
    letters = [Image.open(sorted((shared_data / "webcam" / label).iterdir())[60]) for label in LETTERS]
    answered = [(answer.label, letter) for letter in letters if (answer := asl.predict(letter)).sure]
    assert len(answered) >= 5
    new = [(f"sign {sign}", digit(shared_data, sign, person)) for person in OTHERS for sign in SIGNS]
    expected, pictures = zip(*new, *answered, strict=True)
    camera = film(tmp_path / "camera.mjpeg", pictures, 3.0)
    words = ["asl", "--teach", str(tmp_path / "photos"), "--cache", str(tmp_path / "cache")]
    with served(tmp_path, *words) as server, browsing(f"{server.url}#teach", camera) as tab:
        tab.wait("document.querySelector('#teach-base').textContent")
        assert tab.text("#teach-base") == "Signs are added to the 26 labels of the recogniser in use."
        drop(tab, folders)
        tab.wait("document.querySelector('#teach-review .summary')")
        assert tab.text("#teach-review .summary") == f"{COUNT} photos: 3 signs, 2 people"
        assert tab.text("#teach-review .refused") == "sign 8/notes.txt is no photo"
        tab.page.click("#teach-review .primary")
        tab.wait("/^Adding photo (1\\d|2\\d) of/.test(document.querySelector('#teach-note').textContent)")
        again(server, tab)  # in the middle of the photos
        photos_are(tab, COUNT)
        again(server, tab)
        tab.page.reload()
        photos_are(tab, COUNT)
        tab.page.click("#teach-train")
        server.kill()  # in the middle of training, or just after it
        server.start()
        tab.page.reload()
        photos_are(tab, COUNT)
        tab.page.click("#teach-train")
        tab.wait("document.querySelector('#teach-result .in-use')")
        assert "Taught by one person and tested on the other" in tab.text("#teach-result .sentence")
        rows = tab.page.eval_on_selector_all(".people tbody tr", "rows => rows.map(row => row.innerText)")
        people = {row.split()[0]: (int(row.split()[1]), int(row.split()[2])) for row in rows}
        assert {name: count for name, (count, _) in people.items()} == {"anna": COUNT // 2, "ben": COUNT // 2}
        assert min(share for _, share in people.values()) >= 80
        tab.errors.clear()  # those of a server that was not there
        shows_letters(tab, expected, "#view-teach .reading .letter")
        tab.page.click("nav a[href='#live']")
        tab.wait("document.querySelectorAll('#alphabet .photo').length === 3")
        assert "new" in tab.text("#alphabet li:has(.photo)")
        assert tab.errors == []
        tab.page.click("nav a[href='#teach']")
        _takes_away(tab, tmp_path)
        assert tab.errors == []
    found = read_folder(tmp_path / "photos", signer=r"([^/]+)_\d+\.\w+$")
    assert (len(found), found.signers) == (COUNT, ("anna", "ben"))
    assert not list((tmp_path / "photos").rglob("*.partial"))


def _takes_away(tab: Tab, folder: Path) -> None:
    """The project goes into another Teach, where nothing is added twice; the bundle predicts."""
    archives = {}
    for name in ("The photos", "The recogniser", *(["The page"] if NPM else [])):
        with tab.page.expect_download() as waiting:
            tab.page.click(f"#take-away button:has-text('{name}')")
        archives[name] = folder / waiting.value.suggested_filename
        waiting.value.save_as(archives[name])
    project = read_folder(archives["The photos"])
    assert (len(project), project.signers) == (COUNT, ("anna", "ben"))
    zipfile.ZipFile(archives["The recogniser"]).extractall(folder / "taken")
    recogniser = handshape.load(folder / "taken" / "recogniser")
    assert recogniser.labels[-3:] == ("sign 3", "sign 7", "sign 8")
    sample = project.samples[0]
    photo = Image.open(io.BytesIO(sample.path.read_bytes()))
    assert recogniser.predict(photo).label == sample.label
    if NPM:
        names = zipfile.ZipFile(archives["The page"]).namelist()
        assert {"page/index.html", "page/model.json", "page/head.onnx"} <= set(names)
    drop(tab, [archives["The photos"]])
    tab.wait("document.querySelector('#teach-review .summary')")
    assert tab.text("#teach-review .summary") == f"{COUNT} photos: 3 signs, 2 people"
    tab.page.click("#teach-review .primary")
    photos_are(tab, COUNT)
