"""The exported page in Chromium, beside the bundle in Python."""

import base64
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps
from playwright.sync_api import Page

from handshape.bundle import GRAPHS
from handshape.data.images.decode import decode_image
from handshape.errors import OutputError
from handshape.export.web import new_folder
from handshape.recogniser import Recogniser, load
from handshape.synthetic.picture import draw_image
from handshape.synthetic.signer import make_signer

from ..programs import chromium_page, need, serve_folder
from ..serve.browser import TOOLS, Tab, browsing, film, served, tools
from .conftest import MODELS, Pages
from .node import OWN, PAGE

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
_SOFTWARE_GPU = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan")
_PHOTO = """async (text) => {
  const { recogniser } = await import(new URL("js/client.js", document.baseURI).href);
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  return recogniser.predict(new Blob([bytes]));
}"""
_FRAMES = """async (texts) => {
  const { recogniser } = await import(new URL("js/client.js", document.baseURI).href);
  const found = [];
  for (const [index, text] of texts.entries()) {
    const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    found.push(await recogniser.predictFrame(await createImageBitmap(new Blob([bytes])), true, index === 0));
  }
  return found;
}"""


@contextmanager
def opened(folder: Path, query: str = "", *words: str) -> Iterator[Page]:
    """Open a page where it needs no camera."""
    with serve_folder(folder) as address, chromium_page(*words) as page:
        page.goto(f"{address}/index.html{query}#about")
        yield page


def drawn(label: str, index: int, size: int = 240) -> Image.Image:
    """Return a drawn hand."""
    person = make_signer(2, 1, "right")
    return Image.fromarray(
        draw_image(label, person, seed=1, index=index, size=size, style="room", variation=0.4).pixels
    )


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return a file's bytes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(width: int, height: int) -> Image.Image:
    """Return a wall."""
    grey = np.random.default_rng(0).normal(128, 30, (height, width)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def photos() -> dict[str, bytes]:
    """Return photos of many sizes and shapes."""
    wall = noise(1200, 900).resize((4000, 3000))
    large, portrait = wall.copy(), wall.crop((0, 0, 900, 1600))
    large.paste(drawn("B", 1, 960).resize((1800, 1800)), (1400, 500))
    portrait.paste(drawn("C", 2, 480), (200, 700))
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    return {
        "large": encoded(large, "JPEG", quality=92),
        "portrait": encoded(portrait),
        "small": encoded(drawn("A", 0, 100)),
        "sideways": encoded(drawn("B", 3, 400).rotate(90, expand=True), "JPEG", quality=95, exif=exif),
        "without a hand": encoded(wall.resize((320, 240))),
        **{label: encoded(drawn(label, 5)) for label in "ABC"},
    }


def in_base64(content: bytes) -> str:
    """Return bytes as the page's scripts take them."""
    return base64.b64encode(content).decode()


def compare(recogniser: Recogniser, name: str, content: bytes, told: dict[str, Any]) -> None:
    """Compare the answer of a page with that of the bundle."""
    pixels = decode_image(content)[0]
    finder = recogniser.hand_finder
    hand = finder.find(pixels) if finder else None
    expected = recogniser.classify(pixels, hand)
    off = np.abs(np.array(told["probabilities"]) - expected).max()
    far = 0.0
    if hand is None or not hand.found:
        assert told["hand"] is None, name
    else:
        far = np.abs(in_longer_sides(told["hand"], pixels) - hand.points[:, :2]).max()
    own = recogniser.answer(expected, hand)
    assert told["hand_found"] == own.hand_found, name
    if abs(own.probability - recogniser.config.threshold) > 1e-3:
        assert (told["label"], told["sure"]) == (own.label, own.sure), name
    print(f"{name}: probabilities {off:.1e}, landmarks {far:.1e}")
    assert off < 1e-3 and far < 1e-3, (name, off, far)


def in_longer_sides(hand: list[tuple[float, float]], pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return landmarks of the page in shares of a photo's longer side."""
    height, width = pixels.shape[:2]
    places: NDArray[np.float64] = np.array(hand) * [width, height] / max(width, height)
    return places


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_page__answers_as_the_bundle_does(pages: Pages, model: str) -> None:
    about = json.loads((pages.page(model) / "model.json").read_text(encoding="utf-8"))
    recogniser = load(pages.run(model))
    assert about["labels"] == ["A", "B", "C"] and about["threshold"] == recogniser.config.threshold
    assert about["expects_hand"] == recogniser.config.expects_hand == (model != "frozen")
    assert about["graphs"] == [name for name in GRAPHS if (pages.page(model) / name).is_file()]
    with opened(pages.page(model)) as page:
        for name, content in photos().items():
            compare(recogniser, name, content, page.evaluate(_PHOTO, in_base64(content)))
        page.get_by_text("ONNX Runtime in this browser, with WebAssembly in one thread").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["combined", "frozen"])
def test_page__follows_the_hand_as_the_bundle_does(pages: Pages, model: str) -> None:
    from handshape.models.hand.hand_finder import HandTracker

    wall = noise(384, 384)
    frames = [wall, *(drawn("B", 1).resize((384, 384)).rotate(2 * step) for step in range(6)), wall]
    recogniser = load(pages.run(model))
    tracker = HandTracker(recogniser.hand_finder) if recogniser.hand_finder else None
    with opened(pages.page(model)) as page:
        found = page.evaluate(_FRAMES, [in_base64(encoded(frame)) for frame in frames])
    for number, (told, frame) in enumerate(zip(found, frames, strict=True)):
        pixels = np.asarray(frame)[:, ::-1].copy()  # they were named mirror images
        hand = tracker.find(pixels) if tracker else None
        expected = recogniser.classify(pixels, hand)
        fresh = tracker is None or number in (
            0,
            1,
            5,
            7,
        )  # features are computed again in the fourth frame after
        if fresh:
            assert np.abs(np.array(told["probabilities"]) - expected).max() < 1e-3, number
        assert np.argmax(told["probabilities"]) == np.argmax(expected)
        assert (told["hand"] is None) == (hand is None or not hand.found)
        if hand is not None and hand.found:
            x, y = np.array(told["hand"]).T
            assert np.abs(np.stack([1 - x, y], axis=1) - hand.points[:, :2]).max() < 1e-3


@pytest.mark.slow
def test_page__threads_where_the_server_sends_the_headers(pages: Pages) -> None:
    headers = {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
    }
    content = photos()["B"]
    with serve_folder(pages.page("combined"), headers) as address, chromium_page() as page:
        page.goto(f"{address}/index.html#about")
        compare(load(pages.run("combined")), "B", content, page.evaluate(_PHOTO, in_base64(content)))
        threads = min(4, -(-page.evaluate("navigator.hardwareConcurrency") // 2))
        count = f"{threads} threads" if threads > 1 else "one thread"
        page.get_by_text(f"ONNX Runtime in this browser, with WebAssembly in {count}").wait_for()


@pytest.mark.slow
def test_page__by_webgpu_in_software(pages: Pages) -> None:
    content = photos()["B"]
    with opened(pages.page("landmarks"), "?engine=webgpu", *_SOFTWARE_GPU) as page:
        if not page.evaluate("navigator.gpu?.requestAdapter().then(Boolean)"):
            pytest.skip("this Chromium has no WebGPU")
        page.set_default_timeout(300_000)
        compare(load(pages.run("landmarks")), "B", content, page.evaluate(_PHOTO, in_base64(content)))
        page.get_by_text("on its graphics processor (WebGPU)").wait_for()


@pytest.mark.slow
def test_page__predicts_camera_and_photos_in_the_browser(pages: Pages, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    drawn("A", 0, 160).save(photo)
    asked = list[str]()
    with serve_folder(pages.page("combined")) as address, chromium_page(*CAMERA) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}/index.html")
        page.locator('#view-live .reading:not([data-state="waiting"]) .bars .share').first.wait_for()
        assert page.locator("#guide .tracked.gone").count() == 1  # the camera of Chromium shows no hand
        assert page.locator("#privacy").inner_text().endswith("No picture leaves it.")
        assert page.locator("nav a").all_inner_texts() == [
            "Live",
            "Spell",
            "Practise",
            "Photo",
            "Teach",
            "About",
        ]
        page.goto(f"{address}/index.html#photo")
        page.set_input_files("#choose", str(photo))
        page.locator("#photos .bars .share").first.wait_for()
        shares = page.locator("#photos .bars .share").all_inner_texts()
        assert len(shares) == 3 and all(share.endswith("%") for share in shares)
        page.set_input_files("#choose", {"name": "no.png", "mimeType": "image/png", "buffer": b"no photo"})
        page.get_by_text("The browser cannot open this photo").wait_for()
    assert all(url.startswith((address, "blob:")) for url in asked)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["exported", "served"])
def test_page__draws_landmarks_over_the_picture(pages: Pages, way: str, tmp_path: Path) -> None:
    hand = drawn("B", 1, 384)
    video = film(tmp_path / "hand.mjpeg", [hand], 1.0)
    finder = load(pages.run("combined")).hand_finder
    assert finder is not None
    with ExitStack() as stack:
        if way == "served":
            words = (str(pages.run("combined")), "--cache", str(tmp_path / "cache"))
            address = stack.enter_context(served(tmp_path, *words)).url
        else:
            address = f"{stack.enter_context(serve_folder(pages.page('combined')))}/"
        tab = stack.enter_context(browsing(address, video))
        for mirrored in (True, False):  # as the page begins, and after its switch
            seen = np.asarray(ImageOps.mirror(hand) if mirrored else hand)
            expected = finder.find(seen.copy()).points[:, :2]
            tab.until(lambda expected=expected: close(joints(tab), expected), mirrored)  # type: ignore[misc]
            tab.page.click("label:has(#mirror)")
        tab.page.click("nav a[href='#spell']")
        tab.until(lambda: len(joints(tab)) == 21, "shown in Spell")
        tab.page.click("#pause")
        tab.wait("document.querySelector('#guide').hidden")
        assert tab.errors == []


def joints(tab: Tab) -> NDArray[np.float64]:
    """Return the landmarks that are shown, as fractions of the guide box; none where they are hidden."""
    path = tab.page.evaluate("document.querySelector('.tracked:not(.gone) .joint')?.getAttribute('d') ?? ''")
    return np.array([list(map(float, place.split())) for place in path.replace("M", "").split("h0")[:-1]])


def close(found: NDArray[np.float64], expected: NDArray[np.float32]) -> bool:
    """Return whether landmarks are the same but for what a camera does to a picture."""
    return found.shape == expected.shape and float(np.abs(found - expected).max()) < 0.03


@pytest.mark.slow
def test_page__types(tmp_path: Path) -> None:
    need("npm")
    for source in (PAGE / "js", OWN):
        shutil.copytree(source, tmp_path / "js", dirs_exist_ok=True)
    settings = json.loads((TOOLS / "tsconfig.json").read_text(encoding="utf-8"))
    settings["include"] = ["js/app.js", "js/worker.js", "js/handshape.js"]  # and what they import
    (tmp_path / "tsconfig.json").write_text(json.dumps(settings))
    compiler = tools() / ".bin" / "tsc"
    found = subprocess.run([compiler, "-p", str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stdout


@pytest.mark.slow
def test_write_page__a_later_export_takes_the_place_of_an_earlier_one(
    cli: Any, pages: Pages, web_runtime: Path, tmp_path: Path
) -> None:
    out = tmp_path / "page"
    words = ("export", pages.run("landmarks"), "--format", "web", "--out", out, "--runtime", web_runtime)
    assert cli(*words).code == 0
    (out / "js" / "app.js").write_text("of an earlier version")
    assert cli(*words).code == 0
    assert "earlier" not in (out / "js" / "app.js").read_text(encoding="utf-8")
    assert [path.name for path in out.parent.iterdir() if path.name.startswith(".")] == []


def test_new_folder__appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "new" / "page"
    with new_folder(out) as folder:
        (folder / "index.html").write_text("whole")
        assert not out.exists()
    assert (out / "index.html").read_text() == "whole" and [path.name for path in out.parent.iterdir()] == [
        "page"
    ]


def test_new_folder__holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with (
        pytest.raises(
            OutputError,
            match=r"'.*' contains something other than an exported page",
        ),
        new_folder(tmp_path),
    ):
        pass
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_new_folder__a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match=r"cannot write '.*page' \(.*\)"),
        new_folder(tmp_path / "file" / "page"),
    ):
        pass
