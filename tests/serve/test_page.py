"""The page in a real browser, before a real server, with a camera that plays signs."""

import csv
import os
import shutil
import subprocess
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from tests.conftest import SHARED, Finished
from tests.serve.browser import CHROMIUM, NPM, TOOLS, Tab, browsing, film, served, tools

import handshape
from handshape.data.io.folder import read_folder

PAGE = Path(handshape.__file__).with_name("serve") / "page"
LABELS = "ABCDEFGHI"
VIEWS = ("live", "spell", "practise", "photo", "teach", "about")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
needs_npm = pytest.mark.skipif(NPM is None, reason="needs node and npm")


@dataclass(frozen=True)
class Signs:
    """Photos of signs, by signer and label, and a recogniser that has not seen the last signer.

    Args:
        photos: Paths by (signer, label).
        bundle: Trained on A to I of the signers before the last.
    """

    photos: dict[tuple[int, str], list[Path]]
    bundle: Path

    def pictures(self, signer: int, labels: str, count: int = 1) -> list[Image.Image]:
        """Return photos of one signer: of each label some, spread over all there are."""
        return [
            Image.open(own[len(own) * number // count])
            for label in labels
            for own in [self.photos[signer, label]]
            for number in range(count)
        ]


@pytest.fixture(scope="module")
def signs(tmp_path_factory: pytest.TempPathFactory) -> Signs:
    """Real photos where they are, drawn hands elsewhere."""
    from handshape.commands.train import train
    from handshape.config.train import TrainConfig

    place = tmp_path_factory.mktemp("signs")
    labels = LABELS + "LY"
    root = Path(SHARED) / "studio" if SHARED else _draw(place / "drawn", labels)
    photos = defaultdict(list)
    for sample in read_folder(root, signer=r"hand(\d+)_").samples:
        if sample.label in labels and sample.signer is not None:
            photos[int(sample.signer), sample.label].append(sample.path)
    table = place / "table.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "signer"])
        for (signer, label), paths in photos.items():
            if signer < 4 and label in LABELS:
                writer.writerows([path, label, signer] for path in paths)
    config = TrainConfig(
        data=table, model="frozen", backbone="handnet", cache=place / "cache", out=place / "run", device="cpu"
    )
    train(config)
    return Signs(dict(photos), place / "run")


def _draw(root: Path, labels: str) -> Path:
    from handshape.synthetic import draw_image, make_signer

    for label in labels:
        (root / label).mkdir(parents=True)
        for signer in range(1, 5):
            person = make_signer(signer, 1, "right")
            for index in range(12):
                drawn = draw_image(label, person, seed=1, index=index, size=200, variation=0.5)
                Image.fromarray(drawn.pixels).save(root / label / f"hand{signer}_{index}.jpg", quality=92)
    return root


@pytest.mark.slow
@needs_browser
def test_page__predicts_spells_and_practises_with_a_new_signer(signs: Signs, tmp_path: Path) -> None:
    from handshape.recogniser import load

    pictures = signs.pictures(4, LABELS)
    recogniser = load(signs.bundle)
    predictions = [recogniser.predict(picture) for picture in pictures]
    letters = [prediction.label if prediction.sure else "?" for prediction in predictions]
    alphabet = film(tmp_path / "alphabet.mjpeg", pictures, 3.0)
    word = film(tmp_path / "word.mjpeg", signs.pictures(4, "FACE"), 2.0)
    with served(tmp_path, str(signs.bundle), "--cache", str(tmp_path / "cache")) as server:
        with browsing(server.url, alphabet) as tab:
            shows_letters(tab, letters)
            _practises(tab, letters)
            _mirrors(tab)
            _moves_the_threshold(tab)
            shows_letters(tab, letters)
            assert tab.errors == []
        with browsing(f"{server.url}#spell", word) as tab:
            tab.wait("document.querySelector('#written .text').textContent.includes('FACE')")
            before = tab.text("#written .text")
            tab.page.click("#spell-delete")
            assert tab.text("#written .text") != before
            tab.page.keyboard.press("Escape")
            tab.page.focus("#h-spell")
            tab.page.keyboard.press("Space")
            assert " " in tab.page.evaluate("document.querySelector('#written .text').textContent")
            tab.page.click("#spell-clear")
            assert len(tab.text("#written .text")) <= 1
            assert tab.errors == []
        _predicts_a_photo(f"{server.url}#photo", signs)


def shows_letters(tab: Tab, expected: Sequence[str], shown: str = "#view-live .letter") -> None:
    """Watch the film until its signs are mostly shown as the recogniser predicts them, all but one at least.

    A slow machine shows the sign of a moment ago: only what is shown after a sign was on camera for a second
    counts, however long it takes until all were seen.
    """
    letters: dict[int, Counter[str]] = defaultdict(Counter)
    now, since = -1, 0.0

    def enough() -> bool:
        nonlocal now, since
        if (picture := tab.picture()) != now:
            now, since = picture, time.monotonic()
        elif time.monotonic() - since > 1:
            letters[now][tab.text(shown)] += 1
        found = [letters[number].most_common(1) for number in range(len(expected))]
        seen = all(one and letters[number].total() >= 5 for number, one in enumerate(found))
        wrong = seen and sum(one[0][0] != letter for one, letter in zip(found, expected, strict=True))
        return seen and wrong <= len(expected) // 9  # the camera's JPEG can move one across the threshold

    tab.wait("document.querySelector('.panel:not([hidden]) .reading').dataset.state !== 'waiting'")
    tab.until(enough, letters)


def _moves_the_threshold(tab: Tab) -> None:
    state, slider = "document.querySelector('#view-live .reading').dataset.state", "#threshold input"
    tab.wait(f"{state} === 'sure'")
    tab.page.focus(slider)
    tab.page.keyboard.press("End")
    tab.wait(f"{state} === 'unsure'")
    assert "test photos" in tab.text("#threshold .small")
    tab.page.click("#threshold button")
    tab.wait(f"{state} === 'sure'")
    assert "hand seen" not in tab.text("#hand-seen")  # this recogniser looks for none


def _practises(tab: Tab, letters: Sequence[str]) -> None:
    tab.page.click("nav a[href='#practise']")
    while tab.text("#target-letter") not in letters:  # the recogniser is never sure of the others
        tab.page.click("#practise-skip")
    tab.page.evaluate("document.activeElement.blur()")
    tab.wait("Number(document.querySelector('#score strong').textContent) >= 1")
    asked, hint = tab.page.evaluate(
        "[document.querySelector('#target-letter').textContent, document.querySelector('#hint img').alt]"
    )
    assert asked in LABELS
    assert hint == f"Drawn right hand signing {asked}"
    # The camera signs the alphabet whatever is asked for, so other letters are held too.
    tab.wait("localStorage.getItem('handshape.confusions').includes('>')")
    tab.page.click("#confused summary")
    assert "was predicted as" in tab.text("#confused-pairs")
    tab.page.click("#practise-kind label:has-text('Words')")
    assert set(tab.page.inner_text("#practise-word").replace(" ", "")) <= set(LABELS)
    tab.page.click("#hand label:has-text('Left')")
    assert tab.page.get_attribute("#hint img", "alt").startswith("Drawn left hand")  # type: ignore[union-attr]
    tab.page.click("#hand label:has-text('Right')")


def _mirrors(tab: Tab) -> None:
    """A mirror changes the picture and not the prediction: the server flips mirrored frames back."""
    tab.page.click("nav a[href='#live']")
    sent: list[str] = []
    tab.page.on("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(str(data))))
    tab.page.reload()
    tab.wait("document.querySelector('#view-live .reading').dataset.state === 'sure'")
    assert '{"mirrored":true}' in sent
    tab.page.click("label:has(#mirror)")
    tab.until(lambda: '{"mirrored":false}' in sent, "the server is informed")
    assert tab.page.evaluate("!document.querySelector('#picture').classList.contains('mirrored')")


def _predicts_a_photo(url: str, signs: Signs) -> None:
    with browsing(url, None) as tab:
        tab.page.set_input_files("#choose", [signs.photos[4, "B"][0], signs.photos[4, "C"][0]])
        tab.wait("document.querySelectorAll('#photos .bars li').length === 6")
        found = tab.page.eval_on_selector_all(
            "#photos li .what", "items => items.map(one => one.textContent)"
        )
        assert sorted((found[0], found[3])) == ["B", "C"]
        tab.page.click("nav a[href='#live']")
        tab.wait("document.querySelector('#trouble').dataset.state === 'missing'")
        assert "No camera was found" in tab.text("#trouble")
        tab.page.click("nav a[href='#about']")
        tab.wait("document.querySelector('#about-text').innerText")
        assert "test photos were classified correctly, from one person" in tab.text("#about-text")
        assert tab.errors == []


@pytest.mark.slow
@needs_browser
def test_page__teaches_two_signs_and_loses_nothing(signs: Signs, tmp_path: Path) -> None:
    folder = tmp_path / "our photos"
    from handshape.commands.predict import predict
    from handshape.config.use import PredictConfig

    words = ["--teach", str(folder), "--cache", str(tmp_path / "cache")]
    with served(tmp_path, *words) as server:
        for signer, who in ((1, "Ana"), (2, "Björn Ek")):
            for label in "LY":
                own = film(tmp_path / f"{signer}{label}.mjpeg", signs.pictures(signer, label, 24), 0.25)
                with browsing(f"{server.url}#teach", own) as tab:
                    _takes_some(tab, label, who)
                    assert tab.errors == []
        found = read_folder(folder, signer=r"([^/]+)_\d+\.\w+$")
        assert (found.labels, found.signers) == (("L", "Y"), ("Ana", "Björn Ek"))
        before = found.counts()
        third = film(tmp_path / "third.mjpeg", signs.pictures(3, "LY", 1), 3.0)
        with browsing(f"{server.url}#teach", third) as tab:
            _trains_and_uses(tab, len(found))
            _takes_one_out_and_puts_it_back(tab, folder, len(found))
            assert tab.errors == []
            server.kill()
            _keeps_a_photo_without_a_server(tab)
            server.start()
            tab.wait("document.querySelector('#status').dataset.state === 'on'")
            tab.wait("document.querySelector('#teach-note').textContent === ''")
            tab.errors.clear()  # those of a server that was not there
            tab.page.reload()
            after = f"'{before['L'] + 1}'"
            tab.wait(f"document.querySelector('#teach-table tbody td:last-child')?.textContent === {after}")
            assert "In use now" in tab.text("#teach-result")
            assert tab.errors == []
    assert len(list((folder / "L").glob("*.jpg"))) == before["L"] + 1
    assert not list(folder.rglob("*.partial"))
    bundle = folder.with_name("our photos-recogniser")
    (answer,) = predict(PredictConfig(bundle=bundle, images=[signs.photos[3, "Y"][0]]))
    assert answer["top"][0][0] == "Y"


@pytest.mark.slow
@needs_browser
def test_page__shows_at_once_that_no_hand_was_found(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    wall = film(tmp_path / "wall.mjpeg", [Image.new("RGB", (200, 200), (120, 130, 110))], 1.0)
    with (
        served(tmp_path, "--teach", str(folder), "--cache", str(tmp_path / "cache")) as server,
        browsing(f"{server.url}#teach", wall) as tab,
    ):
        tab.wait("document.querySelector('#video').videoWidth > 0")
        for number, (label, expected) in enumerate({"L": True, "nothing": False}.items(), 1):
            tab.page.fill("#teach-label", label)
            tab.page.fill("#teach-signer", "Ana")
            _takes_one(tab)
            if expected:
                tab.wait("!document.querySelector('#no-hand').hidden")
            tab.wait(f"document.querySelectorAll('.thumbnails li[data-hand=false]').length === {number}")
            note = tab.text("#teach-note")
            assert note.startswith("No hand was found in this photo.") if expected else note == ""
        assert tab.text(".thumbnails .without") == "no hand"  # once: the other is to show none
        assert "No hand was found in any photo of L" in tab.text("#teach-ready")
        assert tab.errors == []
    assert [path.name for path in sorted(folder.rglob("*.jpg"))] == ["Ana_1.jpg", "Ana_1.jpg"]


def _takes_one(tab: Tab) -> None:
    """Click as a screen reader does, without pressing: one photo, however slow the machine is."""
    tab.page.evaluate("document.querySelector('#teach-hold').click()")


def _takes_some(tab: Tab, label: str, who: str) -> None:
    tab.wait("document.querySelector('#status').dataset.state === 'on'")
    tab.wait("document.querySelector('#video').videoWidth > 0")
    tab.page.fill("#teach-label", label)
    tab.page.fill("#teach-signer", who)
    tab.page.hover("#teach-hold")
    tab.page.mouse.down()
    tab.wait("parseInt(document.querySelector('#teach-note').textContent) >= 8")
    tab.page.mouse.up()
    tab.wait("document.querySelector('#guide .skeleton:not(.tracked)')")
    tab.wait("parseInt(document.querySelector('#teach-count').textContent) >= 8")
    # In a few drawn photos no hand may be found; the page says so and keeps them.
    tab.wait("/^$|^No hand was found in /.test(document.querySelector('#teach-note').textContent)")
    tab.page.evaluate("document.querySelector('.thumbnails').scrollIntoView()")  # drawn where it is looked at
    tab.wait("document.querySelector('.thumbnails .skeleton')")


def _trains_and_uses(tab: Tab, count: int) -> None:
    tab.wait(f"document.querySelectorAll('.thumbnails li').length === {count}")
    tab.page.click("#teach-train")
    tab.wait("document.querySelector('#teach-result .sentence')")
    sentence = tab.text("#teach-result .sentence")
    assert sentence.startswith("Taught by one person and tested on the other")
    assert "Two people are few" in sentence
    tab.wait("document.querySelector('#teach-result .in-use')")
    tab.page.click("nav a[href='#live']")
    shows_letters(tab, "LY", "#view-live .bars .what >> nth=0")
    tab.page.click("nav a[href='#about']")
    tab.wait("document.querySelector('#about-text').innerText")
    assert sentence in tab.text("#about-text")
    tab.page.click("nav a[href='#teach']")


def _takes_one_out_and_puts_it_back(tab: Tab, folder: Path, count: int) -> None:
    tab.page.click("[aria-label='Remove L, Ana 3']")
    tab.wait(f"document.querySelectorAll('.thumbnails li').length === {count - 1}")
    assert (folder / ".bin" / "L" / "Ana_3.jpg").is_file()
    assert "The photos have changed" in tab.text("#teach-result")
    tab.page.click("#teach-undo button")
    tab.wait(f"document.querySelectorAll('.thumbnails li').length === {count}")
    assert (folder / "L" / "Ana_3.jpg").is_file()


def _keeps_a_photo_without_a_server(tab: Tab) -> None:
    tab.wait("document.querySelector('#status').dataset.state === 'lost'")
    assert "Connecting to the server" in tab.text("#status")
    tab.page.fill("#teach-label", "L")
    tab.page.fill("#teach-signer", "Ana")
    _takes_one(tab)
    tab.wait("document.querySelector('#teach-note').textContent.startsWith('1 photo kept in this browser')")


@pytest.mark.slow
@needs_browser
@needs_npm
@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark")])
def test_page__has_no_serious_fault_for_assistive_technology(
    finished: Finished, tmp_path: Path, width: int, scheme: str
) -> None:
    axe = (tools() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    own = film(tmp_path / "own.mjpeg", [Image.open(finished.photos / "A" / "signer1_0.png")], 1.0)
    words = [str(finished.out), "--cache", str(tmp_path / "cache"), "--teach", str(finished.photos)]
    faults = []
    with served(tmp_path, *words) as server:
        size = {"width": width, "height": 900}
        options = {"viewport": size, "color_scheme": scheme, "locale": "en-GB", "reduced_motion": "reduce"}
        with browsing(server.url, own, **options) as tab:
            tab.wait("document.querySelector('#view-live .reading').dataset.state !== 'waiting'")
            for view in VIEWS:
                tab.page.click(f"nav a[href='#{view}']")
                tab.wait(f"document.body.dataset.view === '{view}'")
                tab.wait("[...document.images].every(image => image.complete || image.loading === 'lazy')")
                assert tab.page.title().endswith("· handshape")
                assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
                tab.page.evaluate(axe)
                for fault in tab.page.evaluate("axe.run()")["violations"]:
                    if fault["impact"] in ("serious", "critical"):
                        nodes = [f"{node['html']}: {node['failureSummary']}" for node in fault["nodes"][:3]]
                        faults.append((view, fault["id"], nodes))
            assert tab.errors == []
    assert faults == []


@needs_npm
def test_page__logic(tmp_path: Path) -> None:
    copy = shutil.copytree(PAGE / "js", tmp_path / "js")
    (copy / "package.json").write_text('{"type": "module"}')
    archive = tmp_path / "project.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("project.json", "{}" * 50, zipfile.ZIP_DEFLATED)
        packed.mkdir("hello")
        packed.writestr("hello/anna_1.jpg", "photo")
    found = subprocess.run(
        ["node", "--test"],
        cwd=TOOLS,
        env={**os.environ, "PAGE_JS": f"{copy.as_uri()}/", "ARCHIVE": str(archive)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 0, found.stdout


@pytest.mark.slow
@needs_npm
def test_page__types() -> None:
    compiler = tools() / ".bin" / "tsc"
    found = subprocess.run([compiler, "-p", "."], cwd=TOOLS, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stdout


def test_page__asks_no_other_server() -> None:
    for path in PAGE.rglob("*"):
        if path.suffix in (".html", ".js", ".css"):
            text = path.read_text(encoding="utf-8").replace("http://localhost", "")
            text = text.replace('"http://www.w3.org/2000/svg"', "")  # a name that is never fetched
            assert "http://" not in text and "https://" not in text, path
            assert " style=" not in text and "onclick" not in text, path
