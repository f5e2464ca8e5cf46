import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.serve.browser import CHROMIUM, browsing

from handshape.commands.train import train
from handshape.config.train import CompareConfig, TrainConfig
from handshape.evaluation.report.page import environment
from handshape.terminal import show_compare

VOID = {"meta", "img", "br", "circle"}


class Page(HTMLParser):
    """What a browser would show, read out and fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words, self.fetched, self.ids, self.nesting = list[str](), list[str](), list[str](), list[str]()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append((tag, named))
        self.ids += [named["id"] or ""] if "id" in named else []
        if tag not in VOID:
            self.nesting.append(tag)
        for key in ("src", "href", "xlink:href", "action", "srcset"):
            place = named.get(key) or ""
            if place and not place.startswith(("data:image/", "#")):
                self.fetched.append(place)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.nesting.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.nesting.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def read(run: Path) -> Page:
    return Page((run / "report.html").read_text(encoding="utf-8"))


def trained(data: Path, place: Path, **more: Any) -> Page:
    """Train on a folder with a backbone that has learned nothing, and read the report."""
    settings = {
        "model": "frozen",
        "backbone": "squeezenet1_1",
        "weights": "untrained",
        "device": "cpu",
        **more,
    }
    train(TrainConfig(data=data, cache=place / "cache", out=place / "run", **settings))
    return read(place / "run")


def test_write_report__one_page_that_needs_nothing_else(finished: Any) -> None:
    page = read(finished.out)
    text = (finished.out / "report.html").read_text(encoding="utf-8")
    assert page.fetched == []
    assert page.all("script") == page.all("link") == []
    assert not re.search(r"@import|url\((?!#)", text)
    assert len(text) < 3_000_000


def test_write_report__is_sound_for_keyboard_and_screen_reader(finished: Any) -> None:
    page = read(finished.out)
    assert page.nesting == []
    assert len(page.ids) == len(set(page.ids))
    links = [attrs["href"] or "" for attrs in page.all("a")]
    assert "#evidence" in links and {link[1:] for link in links} <= set(page.ids)
    assert all(attrs.get("alt") for attrs in page.all("img"))
    for attrs in page.all("svg"):
        assert attrs.get("aria-hidden") == "true" or (attrs["role"] == "img" and attrs["aria-label"])
    assert all(attrs.get("scope") in ("col", "row") for attrs in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) > 0
    for landmark in ("main", "header", "nav", "footer", "h1"):
        assert len(page.all(landmark)) == 1
    assert page.all("html")[0]["lang"] == "en"
    named = {attrs["aria-labelledby"] for attrs in page.all("section")}
    assert named <= set(page.ids)


def test_write_report__tells_what_metrics_json_holds(finished: Any) -> None:
    page = read(finished.out)
    metrics = json.loads((finished.out / "metrics.json").read_text(encoding="utf-8"))
    for name, model in metrics["models"].items():
        assert name in page.text
        assert f"{100 * model['test_accuracy']:.1f} %" in page.text
        low, high = model["test_interval"]
        assert f"{100 * low:.1f}–{100 * high:.1f} %" in page.text
        assert f"{model['parameters']['total']:,}" in page.text
        for when in ("before", "after"):
            assert f"{model['calibration'][when]['ece']:.3f}" in page.text
        assert f"{model['rejection']['threshold']:.2f}" in page.text
        assert f"{100 * model['mirrored_accuracy']:.1f} %" in page.text
        assert f"{100 * model['no_hand_refused']:.1f} %" in page.text
    assert f"{100 * abs(metrics['paired']['difference']):.1f} points" in page.text
    letters = page.text.replace(" ", "")  # options in a message are elements of their own
    assert all(finding["message"].replace(" ", "") in letters for finding in metrics["findings"])
    best = metrics["models"][metrics["best"]]["most_confused"]
    if best:
        assert f"most frequent mistake: {best['true']} predicted as {best['predicted']}" in page.text
    assert metrics["best_because"] in page.text


def test_write_report__counts_as_every_other_place(finished: Any, capsys: pytest.CaptureFixture[str]) -> None:
    page, metrics = read(finished.out), finished.metrics
    split, data = metrics["split"], metrics["data"]
    assert data["photos"] == sum(split[name] for name in ("train", "valid", "test")) == 24
    assert data["labels"] == len(metrics["models"]["cnn"]["labels"])
    assert f"{data['labels']} labels · {data['photos']} photos · {data['signers']} signers" in page.text
    words = f"{split['train']} training, {split['valid']} validation and {split['test']} test photos"
    show_compare(CompareConfig(data=finished.photos), metrics)
    terminal = " ".join(capsys.readouterr().out.split())
    assert words in page.text and words in terminal
    card = (finished.out / "recogniser" / "README.md").read_text(encoding="utf-8")
    assert f"{split['train']} training photos of" in card and f"{split['valid']} validation photos" in card
    assert f"of {split['test']} test photos" in card
    for model in metrics["models"].values():
        assert sum(label["support"] for label in model["labels"].values()) == split["test"]
        assert sum(map(sum, model["confusion"])) == split["test"]
    assert metrics["leaks"]["photos"] == round(
        metrics["leaks"]["near_duplicates_across_splits"] * split["test"]
    )
    for step in metrics["next"]:
        assert step["command"] in terminal and step["reason"] in page.text
    bursts = re.search(r"\((\d+) bursts?\)", page.text)
    assert int(bursts[1] if bursts else 0) == data["bursts"]


def test_write_report__shows_each_mistake_and_where_it_came_from(finished: Any) -> None:
    page = read(finished.out)
    wrong = 0
    for model in finished.metrics["models"].values():
        matrix = model["confusion"]
        wrong += min(12, sum(map(sum, matrix)) - sum(row[i] for i, row in enumerate(matrix)))
    copies = min(8, finished.metrics["leaks"]["photos"])
    pictures = page.all("img")
    assert len(pictures) == 2 * wrong + 2 * copies
    for attrs in pictures:
        data = base64.b64decode((attrs["src"] or "").partition(",")[2])
        assert data[:2] == b"\xff\xd8"


def test_write_report__writes_each_plot_as_a_file_too(finished: Any) -> None:
    plots = {path.stem for path in (finished.out / "plots").glob("*.svg")}
    kinds = ("learning", "confusion", "reliability", "coverage")
    assert plots == {f"{kind}-{model}" for kind in kinds for model in finished.metrics["models"]}
    shown = sum(
        "aria-hidden" not in one and one.get("class") != "dots" for one in read(finished.out).all("svg")
    )
    assert shown == len(plots)


def test_write_report__escapes_what_a_user_wrote(make_photos: Any, tmp_path: Path) -> None:
    photos = make_photos("ABC", signers=1, images=6)
    for label, name in (("A", "<b>bad & worse"), ("B", "\"é' $x_{ $ onload=x"), ("C", "l" * 80)):
        (photos / label).rename(photos / name)
    page = trained(photos, tmp_path)
    assert page.all("b") == [] and page.nesting == []
    assert not any("onload" in attrs for _, attrs in page.tags)
    assert "<b>bad & worse" in page.text and "\"é' $x_{ $ onload=x" in page.text and "l" * 80 in page.text
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.slow
def test_write_report__with_folds_the_mean_over_signers_comes_first(make_photos: Any, tmp_path: Path) -> None:
    photos = make_photos("AB", signers=3, images=2)
    page = trained(photos, tmp_path, signer=r"signer(\d)_", folds="signers")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    folded = metrics["folds"]["frozen"]
    assert "when their signer was not in the training data" in page.text
    low, high = folded["interval"]["low"], folded["interval"]["high"]
    of = "of the mean over 3 signers"
    assert f"(95 % interval {of}: {100 * low:.0f}–{100 * high:.0f} %)" in page.text
    assert "Each of 3 signers was left out once" in page.text
    assert f"{100 * folded['mean']:.1f} %" in page.text


@pytest.mark.slow
def test_write_report__with_sources_left_out_their_mean_comes_first(make_photos: Any, tmp_path: Path) -> None:
    photos = make_photos("AB", signers=4, images=3)
    lines = [
        f"{path},{path.parent.name},{path.name[6]},{'hall & <b>' if path.name[6] in '12' else 'lab'}"
        for path in sorted(photos.glob("*/*.png"))
    ]
    (photos / "table.csv").write_text("path,label,signer,room\n" + "\n".join(lines), encoding="utf-8")
    page = trained(photos / "table.csv", tmp_path, source="room", folds="source")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    folded = metrics["folds"]["frozen"]
    assert "when their room, camera or collection was not" in page.text and page.nesting == []
    assert "Each of 2 sources was left out once" in page.text and "with other people" in page.text
    assert metrics["answer"].split("; ")[0] in page.text.replace("\n", " ")
    if folded["worst"] < 1:
        assert f"worst source: {folded['worst_source']}, " in page.text
    assert "Mean, each source left out" in page.text and f"{100 * folded['mean']:.1f} %" in page.text
    assert "sources" in page.ids and "Accuracy by source" in page.text and page.all("b") == []
    assert "by the model that was trained without their source" in page.text
    card = (tmp_path / "run" / "recogniser" / "README.md").read_text(encoding="utf-8")
    assert "**New rooms, cameras or collections.** Each of 2 sources was left out once" in card
    assert f"**{100 * folded['mean']:.1f} %** on average" in card and "hall" not in card


def test_write_report__gives_the_command_or_says_there_was_none(finished: Any) -> None:
    page = read(finished.out)
    assert "It was run from Python as compare" in page.text
    assert all(name in page.text for name in ("torch", "numpy", "scikit-learn"))


def test_environment__escapes_in_pages_and_leaves_markdown_alone() -> None:
    page, card = (environment().from_string("{{ x | percent }}{{ s | seconds }}") for _ in range(2))
    assert page.render(x=0.1234, s=3) == "12.3 %3.0 s"
    assert card.render(x=None, s=600) == "none10 min"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
def test_write_report__prints_on_two_pages(finished: Any, tmp_path: Path) -> None:
    with browsing((finished.out / "report.html").as_uri(), None) as tab:
        printed = tab.page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type /Page\b", printed)) in (1, 2)
