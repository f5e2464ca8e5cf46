"""Take the pictures of the page that docs/reference/page.md shows, with drawn hands before the camera.

    PYTHONPATH=. python tools/shoot_page.py --work page-work

Serves `asl`, and takes pictures of every view in three sizes, light and dark. ``--views teach,live`` takes
those of some views.
"""

import argparse
import io
import itertools
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from PIL import Image
from tests.serve.browser import Tab, browsing, served

from handshape.synthetic import draw_image, make_signer

IMAGES = Path(__file__).parent.parent / "docs" / "images"
SIZES = {390: 844, 820: 1180, 1440: 900}
SEED = 5
EACH = 6
SHOWN, TAUGHT, TRIED = "LYVBC", "LVY", "CWL"
PEOPLE = {2: "Amina", 3: "Jonas", 4: "Mei"}
_TRIES = 600
_RATE = 30  # frames a second
_LONG = 240  # seconds, on a machine that does other things


def in_box(letter: str, signer: int, index: int, seed: int) -> bool:
    """Return whether a drawn hand is in the middle and as large as the guide box asks."""
    person = make_signer(signer, seed, "right")
    x0, y0, x1, y1 = draw_image(letter, person, seed=seed, index=index, size=48, style="room").truth.box
    centred = max(abs((x0 + x1) / 96 - 0.5), abs((y0 + y1) / 96 - 0.5)) < 0.06
    return centred and 0.4 < max(x1 - x0, y1 - y0) / 48 < 0.57


def indices(letter: str, signer: int, seed: int, count: int) -> list[int]:
    """Return the numbers of some drawings whose hand is in the guide box."""
    found = (index for index in range(_TRIES) if in_box(letter, signer, index, seed))
    return [index for _, index in zip(range(count), found, strict=False)]


def scene(letter: str, signer: int, seed: int) -> Image.Image:
    """Draw what a camera of 640 x 480 sees of a hand in the guide box."""
    (index,) = indices(letter, signer, seed, 1)
    drawn = draw_image(
        letter, make_signer(signer, seed, "right"), seed=seed, index=index, size=640, style="room"
    )
    return Image.fromarray(drawn.pixels[80:560])


def draw_boxes(folder: Path, letters: Iterable[str], signers: Iterable[int]) -> None:
    """Draw guide boxes: the photos to train on, or those that were taught."""
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for letter in letters:
        (partial / letter).mkdir(parents=True)
        for signer in signers:
            for number, index in enumerate(indices(letter, signer, SEED, EACH)):
                person = make_signer(signer, SEED, "right")
                drawn = draw_image(letter, person, seed=SEED, index=index, size=320, style="room")
                box = Image.fromarray(drawn.pixels[64:256, 64:256])
                box.save(partial / letter / f"signer{signer}_{number}.jpg", quality=92)
    partial.rename(folder)


def film(path: Path, scenes: list[Image.Image], seconds: float) -> Path:
    """Write scenes as the camera plays them."""
    with path.open("wb") as file:
        for picture in scenes:
            encoded = io.BytesIO()
            picture.save(encoded, "JPEG", quality=90)
            file.write(encoded.getvalue() * round(seconds * _RATE))
    return path


def teach(boxes: Path, folder: Path) -> None:
    """Lay out an album of three people."""
    shutil.rmtree(folder, ignore_errors=True)
    for letter in TAUGHT:
        (folder / letter).mkdir(parents=True)
        for signer, name in PEOPLE.items():
            for photo in sorted((boxes / letter).glob(f"signer{signer}_*.jpg")):
                number = int(photo.stem.rpartition("_")[2]) + 1
                shutil.copy(photo, folder / letter / f"{name}_{number}.jpg")


def keep(tab: Tab, name: str) -> None:
    """Take a picture of the page, without the path of this machine that Teach shows."""
    place = "document.querySelector('#teach-place code')"
    tab.page.evaluate(f"{place} && ({place}.textContent = 'handshape-photos')")
    picture = Image.open(io.BytesIO(tab.page.screenshot())).convert("RGB")
    picture.save(IMAGES / f"page-{name}.webp", quality=80, method=6)


def live(tab: Tab, name: str) -> None:
    """Read a letter."""
    tab.wait("document.querySelector('#view-live .reading').dataset.state === 'sure'")
    tab.page.wait_for_timeout(900)
    keep(tab, name)


def spell(tab: Tab, name: str) -> None:
    """Write some letters by holding them."""
    tab.wait("document.querySelector('#written .text').textContent.includes('LY')", 60)
    tab.wait("parseFloat(document.querySelector('#view-spell .done').style.strokeDashoffset) < 0.8")
    keep(tab, name)


def practise(tab: Tab, name: str) -> None:
    """Ask for a letter that the camera is going to show, and get it right."""
    while tab.text("#target-letter") not in SHOWN:
        tab.page.click("#practise-skip")
    tab.wait("Number(document.querySelector('#score strong').textContent) >= 1", 90)
    if tab.page.evaluate("innerWidth") > 800:
        tab.page.click("#confused summary")
    tab.wait("document.querySelector('#practise-told').dataset.state === 'sure'")
    keep(tab, name)


def photo(boxes: Path, tab: Tab, name: str) -> None:
    """Read three photos."""
    tab.page.set_input_files("#choose", [boxes / letter / "signer2_0.jpg" for letter in TRIED])
    tab.wait("document.querySelectorAll('#photos .bars li').length === 9")
    keep(tab, name)


def taught(tab: Tab, name: str) -> None:
    """Train on an album."""
    tab.wait("document.querySelectorAll('.thumbnails li').length > 40")
    tab.page.click("#teach-train")
    tab.wait("document.querySelector('#teach-result .sentence')", _LONG)
    tab.page.fill("#teach-label", "Y")
    tab.page.fill("#teach-signer", "Mei")
    tab.page.press("#teach-hold", "Space")
    tab.wait("document.querySelector('#guide .skeleton:not(.tracked)')", _LONG)
    tab.page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
    keep(tab, name)
    tab.page.click("#teach-train")
    tab.wait("!document.querySelector('#teach-train').disabled", _LONG)
    tab.page.evaluate("document.querySelector('#taught').scrollIntoView()")
    tab.page.wait_for_timeout(1500)
    keep(tab, name.replace("teach", "taught"))


def about(tab: Tab, name: str) -> None:
    """Say how good it is."""
    tab.wait("document.querySelector('#about-text .scale')")
    keep(tab, name)


VIEWS: dict[str, Callable[[Tab, str], None]] = {
    "live": live,
    "spell": spell,
    "practise": practise,
    "teach": taught,
    "about": about,
}


def main() -> None:
    """Draw, serve, take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for what is drawn and taught")
    parser.add_argument("--views", default=",".join((*VIEWS, "photo")), help="views, with commas")
    arguments = parser.parse_args()
    work = arguments.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    boxes, album = work / "boxes", work / "photos"
    if not boxes.is_dir():
        draw_boxes(boxes, {*TAUGHT, *TRIED}, PEOPLE)
    camera = film(work / "camera.mjpeg", [scene(letter, 20 + i, 11) for i, letter in enumerate(SHOWN)], 2.5)
    hand = film(work / "hand.mjpeg", [scene("Y", 21, 11)], 2.5)
    views: dict[str, Callable[[Tab, str], None]] = {**VIEWS, "photo": partial(photo, boxes)}
    for (width, height), scheme in itertools.product(SIZES.items(), ("light", "dark")):
        teach(boxes, album)
        shutil.rmtree(work / "photos-recogniser", ignore_errors=True)
        with served(work, "asl", "--cache", str(work / "cache"), "--teach", str(album)) as server:
            for view in arguments.views.split(","):
                seen = hand if view == "teach" else camera
                size = {"width": width, "height": height}
                with browsing(f"{server.url}#{view}", seen, viewport=size, color_scheme=scheme) as tab:
                    views[view](tab, f"{view}-{width}-{scheme}")
                    assert tab.errors == [], tab.errors


if __name__ == "__main__":
    main()
