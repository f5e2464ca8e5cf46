"""Teach in the exported page, in Chromium: nothing of it leaves the browser, and nothing is lost."""

import base64
import io
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Error

import handshape
from handshape.recogniser import load
from handshape.synthetic.picture import draw_image
from handshape.synthetic.signer import make_signer

from ..programs import chromium_page, serve_folder
from ..serve.browser import Tab, browsing, film, tools
from .conftest import Pages

pytestmark = pytest.mark.slow

_ASK = """async ([path, method, text]) => {
  const { ask } = await import(new URL("js/server.js", document.baseURI).href);
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const body = new Blob([bytes], { type: "image/jpeg" });
  return ask(path, { method, body }).catch(({ message, status }) => ({ message, status }));
}"""
_PROJECT = """async () => {
  const { download } = await import(new URL("js/server.js", document.baseURI).href);
  const { content } = await download("photos");
  const bytes = new Uint8Array(await content.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""
_PREDICT = """async (text) => {
  const { recogniser } = await import(new URL("js/client.js", document.baseURI).href);
  return recogniser.predict(new Blob([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))]));
}"""
_MAKERS = """async (texts) => {
  const { load } = await import(new URL("js/handshape.js", document.baseURI).href);
  const photos = texts.map((text) => new Blob([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))]));
  const recogniser = await load();
  const before = await recogniser.predict(photos[0]);
  const added = await recogniser.addSign("hello", photos.slice(1), { signer: "Ana" });
  const image = new Image();
  image.src = URL.createObjectURL(photos[0]);
  await image.decode();
  const after = await recogniser.predict(image);
  const kept = recogniser.save();
  recogniser.close();
  const other = await load("./");
  await other.restore(kept);
  const restored = await other.predict(await createImageBitmap(photos[0]));
  const empty = await other.addSign("empty", [new Blob([])]).catch((error) => error.message);
  return { before, added, after, restored, empty, labels: other.labels };
}"""


def hand(label: str, person: int, index: int, size: int = 300) -> Image.Image:
    """Return a drawn hand."""
    signer = make_signer(person, 1, "right")
    drawn = draw_image(label, signer, seed=1, index=index, size=size, style="room", variation=0.4)
    return Image.fromarray(drawn.pixels)


def jpeg(image: Image.Image) -> str:
    """Return a JPEG as the page's scripts take it."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=92)
    return base64.b64encode(file.getvalue()).decode()


def ask(tab: Tab, path: str, method: str = "GET", body: str = "") -> Any:
    """Ask what stands in for the server."""
    return tab.page.evaluate(_ASK, [path, method, body])


def add(tab: Tab, place: Path, labels: str, people: dict[str, int], photos: int) -> None:
    """Add photos of signs as files, `<label>/<who>_<n>.png`."""
    for label in labels:
        for who, person in people.items():
            for index in range(photos):
                path = place / label / f"{who}_{index + 1}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                hand(label, person, index).save(path)
    count = len(labels) * len(people) * photos
    tab.page.set_input_files("#teach-drop input[webkitdirectory]", str(place))
    tab.page.get_by_role("button", name=f"Add {count} photos").click()
    tab.wait(f"document.querySelectorAll('.thumbnails img').length === {count}")


@contextmanager
def visit(address: str, profile: Path, video: Path | None = None, **context: Any) -> Iterator[Tab]:
    """Open a page in a browser that is killed in the end, as by a power cut."""
    with suppress(Error), browsing(address, video, profile, **context) as tab:
        yield tab
        assert tab.errors == []
        lock = (profile / "SingletonLock").readlink()  # names the machine and the process
        os.kill(int(lock.name.rpartition("-")[2]), signal.SIGKILL)


def test_teach__in_the_browser_alone(pages: Pages, tmp_path: Path) -> None:
    profile, third = tmp_path / "profile", tmp_path / "third.jpg"
    hand("L", 7, 30).save(third, quality=92)
    with serve_folder(pages.page("landmarks")) as server:
        address = f"{server}/index.html"
        with visit(f"{address}#teach", profile) as tab:
            assert ask(tab, "v1/teach")["missing"] == "take photos of a sign"
            add(tab, tmp_path / "signs", "LY", {"Ana": 4, "Ben": 5}, 3)
        with visit(f"{address}#teach", profile) as tab:
            tab.wait("document.querySelectorAll('.thumbnails li').length === 12")
            tab.wait(
                "[...document.querySelectorAll('.thumbnails img')].every((one) => one.naturalWidth === 300)"
            )
            tab.page.evaluate(
                "document.querySelector('.thumbnails').scrollIntoView()"
            )  # drawn where it is looked at
            tab.wait("document.querySelector('.thumbnails .skeleton')")
            removes_and_puts_back(tab)
            tab.page.click("#teach-train")
            tab.wait("document.querySelector('#teach-result .sentence')")
            sentence = tab.text("#teach-result .sentence")
            assert sentence.startswith("Taught by one person and tested on the other, it predicted ")
            tab.wait("document.querySelector('#teach-result .in-use')")
            tab.page.set_input_files("#teach-drop input[webkitdirectory]", str(tmp_path / "signs"))
            tab.page.get_by_role("button", name="Add 12 photos").click()
            tab.wait("document.querySelector('#teach-note').textContent === ''")
            tab.wait(
                "document.querySelectorAll('.thumbnails li').length === 12"
            )  # the same photo is kept once
        video = film(tmp_path / "Y.mjpeg", [hand("Y", 7, 31)], 1.0)
        with visit(f"{address}#live", profile, video) as tab:
            tab.wait("document.querySelector('#view-live .letter').textContent === 'Y'")
            tiles = tab.page.locator("#alphabet li").all_inner_texts()
            assert [tile.split()[0] for tile in tiles] == list("ABCLY")
            tab.page.click("nav a[href='#photo']")
            tab.page.set_input_files("#choose", str(third))
            tab.wait("document.querySelector('#photos .what')?.textContent === 'L'")
            tab.page.click("nav a[href='#about']")
            tab.wait("document.querySelector('#about-text').innerText")
            assert sentence in tab.text("#about-text")
            project = tmp_path / "handshape-project.zip"
            project.write_bytes(base64.b64decode(tab.page.evaluate(_PROJECT)))
            told = tab.page.evaluate(_PREDICT, base64.b64encode(third.read_bytes()).decode())
            comes_back_to_python(project, pages, third, told, ask(tab, "v1/teach")["taught"]["figures"])
            tab.page.click("nav a[href='#teach']")
            assert "Kept in this browser only" in tab.text("#teach-place")
            tab.page.click("#teach-result button:has-text('Go back to the earlier one')")
            tab.until(lambda: ask(tab, "v1/model")["labels"] == list("ABC"), "the earlier one")

        with browsing(f"{address}#teach", None) as tab:  # in another browser
            tab.page.set_input_files("#teach-drop input[accept]", str(project))
            tab.page.get_by_role("button", name="Add 12 photos").click()
            tab.wait("document.querySelectorAll('.thumbnails img').length === 12")
            assert tab.errors == []


def removes_and_puts_back(tab: Tab) -> None:
    """Remove a photo and put it back."""
    tab.page.click("[aria-label='Remove L, Ana 3']")
    tab.wait("document.querySelectorAll('.thumbnails li').length === 11")
    tab.page.click("#teach-undo button")
    tab.wait("document.querySelectorAll('.thumbnails li').length === 12")
    lost = ask(tab, "v1/teach/photos/L/Ana_9.jpg/hand")
    assert lost == {"message": 'no photo "Ana_9.jpg" of "L"; look at the list again', "status": 404}


def comes_back_to_python(
    project: Path, pages: Pages, third: Path, told: dict[str, Any], figures: dict[str, Any]
) -> None:
    """Add the signs of the project file in Python: predictions and figures are the page's."""
    taught = handshape.add_signs(
        pages.run("landmarks"), project, out=project.with_name("mine"), cache=project.with_name("cache")
    )
    assert (taught.index.dataset.counts(), taught.index.dataset.signers) == ({"L": 6, "Y": 6}, ("Ana", "Ben"))
    assert taught.recogniser.predict_proba(third)[0].tolist() == pytest.approx(
        told["probabilities"], abs=1e-3
    )
    expected = taught.to_dict()
    assert {name: figures[name] for name in ("sentence", "signers", "added", "most_confused")} == {
        name: expected[name] for name in ("sentence", "signers", "added", "most_confused")
    }
    assert figures["test_accuracy"] == pytest.approx(expected["test_accuracy"])
    found, rejection = figures["rejection"], expected["rejection"]
    for name in ("threshold", "coverage", "accuracy", "answered_accuracy"):
        assert found[name] == pytest.approx(rejection[name]), name
    for name, tolerance in (("coverage", 1e-6), ("accuracy", 1e-6), ("thresholds", 1e-3)):
        assert found["curve"][name] == pytest.approx(rejection["curve"][name], abs=tolerance), name


def test_teach__refuses_what_is_no_photo(pages: Pages, tmp_path: Path) -> None:
    photo = jpeg(hand("L", 1, 0))
    with serve_folder(pages.page("combined")) as server, browsing(f"{server}/index.html#teach", None) as tab:
        for label, signer, body, said in (
            ("a/b", "Ana", photo, 'the sign "a/b" has "/" in it'),
            ("L", "", photo, "a name of 0 characters for a signer"),
            ("L", "Ana", base64.b64encode(b"text").decode(), "a photo that is no JPEG"),
            ("L", "Ana", base64.b64encode(b"\xff\xd8text").decode(), "a photo that cannot be opened"),
            (
                "L",
                "Ana",
                jpeg(hand("L", 1, 0, 24)),
                "a photo of 24 x 24 pixels; expected sides of 32 to 2000",
            ),
        ):
            found = ask(tab, f"v1/teach/photos?label={label}&signer={signer}", "POST", body)
            assert found["status"] == 422 and found["message"].startswith(said), found
        state = ask(tab, "v1/teach")
        assert (
            state["labels"] == []
            and "recognise all labels by landmarks alone" in state["adds_to"]["sentence"]
        )
    with serve_folder(pages.page("frozen")) as server, chromium_page() as page:
        page.goto(f"{server}/index.html#about")
        assert page.locator("nav a").all_inner_texts() == ["Live", "Spell", "Practise", "Photo", "About"]


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1440, "dark")])
def test_teach__has_no_serious_fault_for_assistive_technology(
    pages: Pages, tmp_path: Path, width: int, scheme: str
) -> None:
    axe = (tools() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme, "bypass_csp": True}
    with (
        serve_folder(pages.page("landmarks")) as server,
        browsing(f"{server}/index.html#about", None, **options) as tab,
    ):
        tab.page.click("nav a[href='#teach']")
        add(tab, tmp_path / "signs", "L", {"Ana": 4, "Ben": 5}, 2)
        tab.page.focus("#teach-train")  # by keyboard alone
        tab.page.keyboard.press("Enter")
        tab.wait("document.querySelector('#teach-result .sentence')")
        tab.page.evaluate(axe)
        faults = [
            (fault["id"], [node["html"] for node in fault["nodes"][:3]])
            for fault in tab.page.evaluate("axe.run()")["violations"]
            if fault["impact"] in ("serious", "critical")
        ]
        assert faults == [] and tab.errors == []
        assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def sure_films(pages: Pages, place: Path) -> Iterator[Path]:
    """Yield films of C that the recogniser is sure of, in the whole picture."""
    recogniser = load(pages.run("landmarks"))
    for index in range(20):
        video = film(place / f"C{index}.mjpeg", [hand("C", 2, index)], 1.0)
        if recogniser.predict(Image.open(video)).label == "C":
            yield video


def test_handshape__in_a_page_of_one_s_own(pages: Pages, tmp_path: Path) -> None:
    photo = tmp_path / "B.jpg"
    hand("B", 2, 3).save(photo, quality=92)
    with serve_folder(pages.page("landmarks")) as server:
        camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
        video = next(sure_films(pages, tmp_path))
        with chromium_page(*camera, f"--use-file-for-fake-video-capture={video}") as page:
            page.goto(f"{server}/example.html")
            page.get_by_text("Ready to recognise A, B, C").wait_for()
            page.set_input_files("input", str(photo))
            page.locator("#sign", has_text="B (").wait_for()
            page.click("button")
            page.locator("#sign", has_text="C (").wait_for()
        with chromium_page() as page:
            page.goto(f"{server}/example.html")
            texts = [jpeg(hand("Y", person, 40)) for person in (7, 4, 5, 6)]
            found = page.evaluate(_MAKERS, texts)
    assert found["before"]["top"][0][0] in "ABC" and found["before"]["hand_found"]
    assert found["added"] == {"hands": 3, "labels": ["A", "B", "C", "hello"]}
    assert found["after"]["top"][0][0] == "hello" and len(found["after"]["hand"]) == 21
    assert found["restored"]["probabilities"] == pytest.approx(found["after"]["probabilities"], abs=1e-3)
    assert found["empty"].startswith("The browser cannot open this photo")
    assert found["labels"] == ["A", "B", "C", "hello"]
