import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from handshape.commands.train import train
from handshape.config.train import TrainConfig
from handshape.evaluation.report import split_words


class Page(HTMLParser):
    """What a browser would show and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words, self.fetched, self.open = list[str](), list[str](), list[str]()
        self.pictures = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.open.append(tag)
        self.pictures += tag == "img" and (named.get("src") or "").startswith("data:image/")
        for key in ("src", "href", "xlink:href", "action"):
            place = named.get(key) or ""
            if place and not place.startswith(("data:", "#")):
                self.fetched.append(place)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(run: Path) -> tuple[Page, str]:
    text = (run / "report.html").read_text(encoding="utf-8")
    return Page(text), text


def test_write_report__one_page_that_needs_nothing_else(finished: Any) -> None:
    page, text = read(finished.out)
    assert page.fetched == []
    assert not re.search(r"@import|url\((?!#)|<script[^>]+src|<link", text)
    assert "script" not in page.open or "http" not in text.split("<script")[1].split("</script>")[0]


def test_write_report__holds_table_curves_confusions_and_mistakes(finished: Any) -> None:
    page, _ = read(finished.out)
    words = " ".join(" ".join(page.words).split())
    for name, model in finished.metrics["models"].items():
        assert name in words
        assert f"{100 * model['test_accuracy']:.1f}" in words
        low, high = model["test_interval"]
        assert f"{100 * low:.1f} to {100 * high:.1f}" in words
        assert f"{model['parameters']['total']:,}" in words
    assert "svg" in page.open and page.open.count("svg") >= 3
    wrong = sum(
        min(12, sum(map(sum, m["confusion"])) - sum(m["confusion"][i][i] for i in range(3)))
        for m in finished.metrics["models"].values()
    )
    assert page.pictures >= wrong  # a mistake may have more than one picture
    plots = {path.name for path in (finished.out / "plots").iterdir()}
    assert {"learning-curves.svg", "confusion-cnn.svg", "confusion-frozen.svg"} <= plots


def test_write_report__escapes_what_a_user_wrote(make_photos: Any, tmp_path: Path) -> None:
    photos = make_photos("ABC", signers=1, images=6)
    (photos / "A").rename(photos / "<b>bad & worse")
    config = TrainConfig(
        data=photos,
        backbone="squeezenet1_1",
        weights="untrained",
        store=tmp_path / "store",
        out=tmp_path / "run",
        device="cpu",
    )
    train(config)
    page, text = read(tmp_path / "run")
    assert "<b>bad" not in text and "b" not in page.open
    assert "<b>bad & worse" in " ".join(page.words)


@pytest.mark.parametrize(
    "kind, words",
    [("signer", "nobody in test was seen"), ("random", "says nothing about people"), ("given", "given with")],
)
def test_split_words__say_what_a_split_is_worth(kind: str, words: str) -> None:
    assert words in split_words(kind)


def test_write_report__a_random_split_says_what_it_hides(make_photos: Any, tmp_path: Path) -> None:
    train(
        TrainConfig(
            data=make_photos("AB", signers=1, images=6),
            backbone="squeezenet1_1",
            weights="untrained",
            store=tmp_path / "store",
            out=tmp_path / "run",
            device="cpu",
        )
    )
    page, _ = read(tmp_path / "run")
    assert split_words("random") in " ".join(page.words)
    assert split_words("random") in (tmp_path / "run" / "recogniser" / "README.md").read_text(
        encoding="utf-8"
    )
