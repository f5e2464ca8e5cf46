"""The page in a real browser, before a real server, with a camera that plays signs."""

import csv
import os
import shutil
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from tests.conftest import SHARED, Finished
from tests.serve.browser import CHROMIUM, NPM, TOOLS, Tab, browsing, film, seen, served, tools

from handshape.commands.predict import predict
from handshape.commands.train import train
from handshape.config.train import TrainConfig
from handshape.config.use import PredictConfig
from handshape.data.io.folder import read_folder
from handshape.serve.app import PAGE
from handshape.synthetic import draw_image, make_signer

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
        data=table, model="frozen", backbone="handnet", store=place / "store", out=place / "run", device="cpu"
    )
    train(config)
    return Signs(dict(photos), place / "run")


def _draw(root: Path, labels: str) -> Path:
    for label in labels:
        (root / label).mkdir(parents=True)
        for signer in range(1, 5):
            person = make_signer(signer, 1, "right")
            for index in range(12):
                drawn = draw_image(label, person, seed=1, index=index, size=200, variation=0.5)
                Image.fromarray(drawn.pixels).save(root / label / f"hand{signer}_{index}.jpg", quality=92)
    return root


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """An empty folder to serve from."""
    yield tmp_path


@pytest.mark.slow
@needs_browser
def test_page__reads_spells_and_practises_with_a_signer_it_never_saw(signs: Signs, place: Path) -> None:
    alphabet = film(place / "alphabet.mjpeg", signs.pictures(4, LABELS), 2.0)
    word = film(place / "word.mjpeg", signs.pictures(4, "FACE"), 2.0)
    with served(place, str(signs.bundle), "--store", str(place / "store")) as server:
        with browsing(server.url, alphabet) as tab:
            assert _right_letters(tab) >= 8
            _practises(tab)
            _tells_the_mirror(tab)
            assert tab.errors == []
        with browsing(f"{server.url}#spell", word) as tab:
            tab.wait("document.querySelector('#written .text').textContent.includes('FACE')", 40)
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
        _reads_a_photo(f"{server.url}#photo", signs)


def _right_letters(tab: Tab) -> int:
    """Watch two rounds of the alphabet and return how many signs were mostly shown as what they are."""
    tab.wait("document.querySelector('#view-live .reading').dataset.state === 'sure'")
    shown: dict[int, Counter[str]] = defaultdict(Counter)
    end = time.monotonic() + 2 * len(LABELS) * 2.0
    while time.monotonic() < end:
        shown[seen(tab.page, len(LABELS))][tab.text("#view-live .letter")] += 1
        time.sleep(0.1)
    assert len(shown) == len(LABELS)
    return sum(shown[number].most_common(1)[0][0] == label for number, label in enumerate(LABELS))


def _practises(tab: Tab) -> None:
    tab.page.click("nav a[href='#practise']")
    tab.page.evaluate("document.activeElement.blur()")
    tab.wait("Number(document.querySelector('#score strong').textContent) >= 1", 60)
    asked, hint = tab.page.evaluate(
        "[document.querySelector('#target-letter').textContent, document.querySelector('#hint img').alt]"
    )
    assert asked in LABELS
    assert hint == f"Drawn right hand signing {asked}"
    # The camera signs the alphabet whatever is asked for, so other letters are held too.
    tab.wait("localStorage.getItem('handshape.confusions').includes('>')")
    tab.page.click("#confused summary")
    assert "was read as" in tab.text("#confused-pairs")
    tab.page.click("#practise-kind label:has-text('Words')")
    assert set(tab.page.inner_text("#practise-word").replace(" ", "")) <= set(LABELS)
    tab.page.click("#hand label:has-text('Left')")
    assert tab.page.get_attribute("#hint img", "alt").startswith("Drawn left hand")  # type: ignore[union-attr]
    tab.page.click("#hand label:has-text('Right')")


def _tells_the_mirror(tab: Tab) -> None:
    """A mirror changes what is shown and not what is read, because the recogniser is told."""
    tab.page.click("nav a[href='#live']")
    sent: list[str] = []
    tab.page.on("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(str(data))))
    tab.page.reload()
    tab.wait("document.querySelector('#view-live .reading').dataset.state === 'sure'")
    assert '{"mirrored":true}' in sent
    tab.page.click("label:has(#mirror)")
    tab.page.wait_for_timeout(300)
    assert '{"mirrored":false}' in sent
    assert tab.page.evaluate("!document.querySelector('#picture').classList.contains('mirrored')")
    assert _right_letters(tab) >= 8
    tab.page.click("label:has(#mirror)")


def _reads_a_photo(url: str, signs: Signs) -> None:
    with browsing(url, None) as tab:
        tab.page.set_input_files("#choose", [signs.photos[4, "B"][0], signs.photos[4, "C"][0]])
        tab.wait("document.querySelectorAll('#photos .bars li').length === 6")
        read = tab.page.eval_on_selector_all("#photos li .what", "items => items.map(one => one.textContent)")
        assert sorted((read[0], read[3])) == ["B", "C"]
        tab.page.click("nav a[href='#live']")
        tab.wait("document.querySelector('#trouble').dataset.state === 'missing'")
        assert "No camera was found" in tab.text("#trouble")
        tab.page.click("nav a[href='#about']")
        tab.wait(
            "document.querySelector('#about-text').innerText"
        )  # the view changes a moment after the click
        assert "test photos right, of a person it had never seen" in tab.text("#about-text")
        assert tab.errors == []


@pytest.mark.slow
@needs_browser
def test_page__teaches_two_signs_and_loses_nothing(signs: Signs, place: Path) -> None:
    folder = place / "our photos"
    words = ["--teach", str(folder), "--store", str(place / "store")]
    with served(place, *words) as server:
        for signer, who in ((1, "Ana"), (2, "Björn Ek")):
            for label in "LY":
                own = film(place / f"{signer}{label}.mjpeg", signs.pictures(signer, label, 24), 0.25)
                with browsing(f"{server.url}#teach", own) as tab:
                    _takes_some(tab, label, who)
                    assert tab.errors == []
        found = read_folder(folder, signer=r"([^/]+)_\d+\.\w+$")
        assert (found.labels, found.signers) == (("L", "Y"), ("Ana", "Björn Ek"))
        before = found.counts()
        third = film(place / "third.mjpeg", signs.pictures(3, "LY", 1), 1.5)
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
def test_page__says_at_once_that_no_hand_was_found(place: Path) -> None:
    folder = place / "photos"
    wall = film(place / "wall.mjpeg", [Image.new("RGB", (200, 200), (120, 130, 110))], 1.0)
    with (
        served(place, "--teach", str(folder), "--store", str(place / "store")) as server,
        browsing(f"{server.url}#teach", wall) as tab,
    ):
        tab.wait("document.querySelector('#video').videoWidth > 0")
        for number, (label, told) in enumerate({"L": True, "nothing": False}.items(), 1):
            tab.page.fill("#teach-label", label)
            tab.page.fill("#teach-signer", "Ana")
            tab.page.click("#teach-one")
            if told:
                tab.wait("!document.querySelector('#no-hand').hidden")
            tab.wait(f"document.querySelectorAll('.thumbnails li[data-hand=false]').length === {number}")
            note = tab.text("#teach-note")
            assert note.startswith("No hand was found in this photo. Nothing is lost") if told else note == ""
        assert tab.text(".thumbnails .without") == "no hand"  # once: the other is to show none
        assert "No hand was found in any photo of L" in tab.text("#teach-ready")
        assert tab.errors == []
    assert [path.name for path in sorted(folder.rglob("*.jpg"))] == ["Ana_1.jpg", "Ana_1.jpg"]


def _takes_some(tab: Tab, label: str, who: str) -> None:
    tab.wait("document.querySelector('#status').dataset.state === 'on'")
    tab.wait("document.querySelector('#video').videoWidth > 0")
    tab.page.fill("#teach-label", label)
    tab.page.fill("#teach-signer", who)
    tab.page.click("#teach-burst")
    # Each photo is answered when its hand was found, which takes long where many tests share the cores.
    tab.wait("document.querySelector('#guide .skeleton')", 120)
    tab.wait("document.querySelector('#teach-count').textContent === '12 photos so far'", 120)
    # Of drawn hands in a burst a few may not be found, which is said and loses none of them.
    tab.wait("/^$|^No hand was found in /.test(document.querySelector('#teach-note').textContent)")
    tab.page.evaluate("document.querySelector('.thumbnails').scrollIntoView()")  # drawn where it is looked at
    tab.wait("document.querySelector('.thumbnails .skeleton')", 120)


def _trains_and_uses(tab: Tab, count: int) -> None:
    tab.wait(f"document.querySelectorAll('.thumbnails li').length === {count}")
    tab.page.click("#teach-train")
    tab.wait("document.querySelector('#teach-result .sentence')")
    sentence = tab.text("#teach-result .sentence")
    assert sentence.startswith("Taught by one person, it reads the other like this:")
    assert "Two people are few" in sentence
    tab.page.click("#teach-result button:has-text('Use it now')")
    tab.wait("document.querySelector('#teach-result .in-use')")
    tab.page.click("nav a[href='#live']")
    shown: dict[int, Counter[str]] = defaultdict(Counter)
    end = time.monotonic() + 9
    while time.monotonic() < end:
        shown[seen(tab.page, 2)][tab.text("#view-live .bars .what >> nth=0")] += 1
        time.sleep(0.1)
    assert [shown[number].most_common(1)[0][0] for number in range(2)] == ["L", "Y"]
    tab.page.click("nav a[href='#about']")
    tab.wait("document.querySelector('#about-text').innerText")  # the view changes a moment after the click
    assert sentence in tab.text("#about-text")
    tab.page.click("nav a[href='#teach']")


def _takes_one_out_and_puts_it_back(tab: Tab, folder: Path, count: int) -> None:
    tab.page.click("[aria-label='Take out L, Ana 3']")
    tab.wait(f"document.querySelectorAll('.thumbnails li').length === {count - 1}")
    assert (folder / ".bin" / "L" / "Ana_3.jpg").is_file()
    assert "The photos have changed since" in tab.text("#teach-result")
    tab.page.click("#teach-undo button")
    tab.wait(f"document.querySelectorAll('.thumbnails li').length === {count}")
    assert (folder / "L" / "Ana_3.jpg").is_file()


def _keeps_a_photo_without_a_server(tab: Tab) -> None:
    tab.wait("document.querySelector('#status').dataset.state === 'lost'")
    assert "Looking for the server" in tab.text("#status")
    tab.page.fill("#teach-label", "L")
    tab.page.fill("#teach-signer", "Ana")
    tab.page.click("#teach-one")
    tab.wait("document.querySelector('#teach-note').textContent.startsWith('1 photo kept in this browser')")


@pytest.mark.slow
@needs_browser
@needs_npm
@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark")])
def test_page__has_no_serious_fault_for_assistive_technology(
    finished: Finished, place: Path, width: int, scheme: str
) -> None:
    axe = (tools() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    own = film(place / "own.mjpeg", [Image.open(finished.photos / "A" / "signer1_0.png")], 1.0)
    words = [str(finished.out), "--store", str(place / "store"), "--teach", str(finished.photos)]
    faults = []
    with served(place, *words) as server:
        size = {"width": width, "height": 900}
        with browsing(server.url, own, viewport=size, color_scheme=scheme, locale="en-GB") as tab:
            tab.wait("document.querySelector('#view-live .reading').dataset.state !== 'waiting'")
            for view in VIEWS:
                tab.page.click(f"nav a[href='#{view}']")
                tab.page.wait_for_timeout(800)
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
    found = subprocess.run(
        ["node", "--test"],
        cwd=TOOLS,
        env={**os.environ, "PAGE_JS": f"{copy.as_uri()}/"},
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


def test_page__asks_nobody_else() -> None:
    for path in PAGE.rglob("*"):
        if path.suffix in (".html", ".js", ".css"):
            text = path.read_text(encoding="utf-8").replace("http://localhost", "")
            text = text.replace('"http://www.w3.org/2000/svg"', "")  # a name, which nobody is asked for
            assert "http://" not in text and "https://" not in text, path
            assert " style=" not in text and "onclick" not in text, path
