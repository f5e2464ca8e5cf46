import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from handshape.commands.draw import draw
from handshape.commands.shared import index_photos, report_data
from handshape.config.draw import DrawConfig
from handshape.config.train import TrainConfig
from handshape.data.images.prepared import InMemoryImages
from handshape.evaluation.shortcuts import ShortcutCheck, check_shortcuts, held_out_groups
from handshape.features.hand_landmarks import HandCache
from handshape.models.hand.hand_finder import HandFinder
from handshape.synthetic.picture import draw_image
from handshape.synthetic.scene import make_background
from handshape.synthetic.signer import make_signer

LABELS = "ABCDEF"
Drawn = tuple[Any, Any, Any, Any, Any]
"""Photos, masks of the hands, landmarks in shares of the side, classes and signers."""


def check(photos: Any, points: Any, classes: Any, signers: Any) -> ShortcutCheck:
    side = photos.shape[1]
    index: Any = SimpleNamespace(
        dataset=SimpleNamespace(classes=classes),
        stats=[SimpleNamespace(width=side, height=side)] * len(photos),
        images=InMemoryImages(photos),
    )
    found = check_shortcuts(index, points, signers, "signers")
    assert found is not None
    return found


def written(photos: Any, classes: Any) -> Any:
    """Write each photo's label into its upper left corner."""
    changed, unit = [], photos.shape[1] / 112
    for pixels, k in zip(photos, classes, strict=True):
        image = Image.fromarray(pixels)
        ImageDraw.Draw(image).text(
            (3 * unit, unit), LABELS[k], (255, 255, 255), ImageFont.load_default(9 * unit)
        )
        changed.append(np.asarray(image))
    return np.stack(changed)


@pytest.fixture(scope="module")
def walls() -> Drawn:
    """Walls of random colours, each with a square for the hand somewhere."""
    rng = np.random.default_rng(0)
    classes, signers = np.tile(np.arange(4), 40), np.repeat(np.arange(5), 32)
    points = rng.uniform(0.4, 0.6, (160, 1, 1)) + rng.uniform(-0.12, 0.12, (160, 21, 3))
    photos = rng.uniform(40, 200, (160, 1, 1, 3)) + rng.normal(0, 8, (160, 112, 112, 3))
    masks = np.zeros((160, 112, 112), dtype=np.bool_)
    return photos.clip(0, 255).astype(np.uint8), masks, points.astype(np.float32), classes, signers


def test_check_shortcuts__a_letter_in_a_corner_and_nothing_without(walls: Drawn) -> None:
    photos, _, points, classes, signers = walls
    clean = check(photos, points, classes, signers)
    assert clean.worst is None and clean.finding() is None and clean.examples == ()
    assert clean.photos == 160 and len(clean.regions) > 20 and not clean.to_dict()["found"]
    found = check(written(photos, classes), points, classes, signers)
    finding, worst = found.finding(), found.worst
    assert finding is not None and finding.kind == "background_gives_label_away"
    assert finding.severity == "serious" and "the upper left of the photo alone" in finding.message
    assert worst is not None and worst.place == (0, 0) and worst.accuracy > 0.8 > 0.3 > worst.chance
    assert [one.place for one in found.regions if one.found] == [(0, 0)]
    assert len(found.examples) == 4
    for _, light in found.examples:
        assert light[:4, :4].min() == 1 and light.sum() == 16
    json.dumps(found.to_dict())


def test_check_shortcuts__needs_photos_hands_and_groups(walls: Drawn) -> None:
    photos, _, points, classes, signers = walls
    index: Any = SimpleNamespace(dataset=SimpleNamespace(classes=classes), stats=(), images=None)
    assert check_shortcuts(index, np.zeros_like(points), signers, "signers") is None
    assert check_shortcuts(index, points, np.zeros_like(signers), "signers") is None
    # A hand that fills each photo leaves nothing to look at.
    full = points.copy()
    full[:, 0, :2], full[:, 1, :2] = 0, 1
    assert check(photos, full, classes, signers).regions == ()


@pytest.fixture(scope="module")
def hands() -> Callable[[str], Drawn]:
    """Return a function that draws 216 hands of six signers in a style, each style once."""
    kept = dict[str, Drawn]()

    def drawn(style: Any) -> Drawn:
        if style not in kept:
            rows = [
                (draw_image(label, signer, index=index, style=style), k, number)
                for number, signer in enumerate(map(make_signer, range(1, 7)))
                for k, label in enumerate(LABELS)
                for index in range(6)
            ]
            points = np.zeros((len(rows), 21, 3), dtype=np.float32)
            points[:, :, :2] = np.stack([one.truth.keypoints for one, _, _ in rows]) / 224
            pixels = np.stack([one.pixels for one, _, _ in rows])
            masks = np.stack([one.mask for one, _, _ in rows])
            classes, signers = np.array([k for _, k, _ in rows]), np.array([who for _, _, who in rows])
            kept[style] = pixels, masks, points, classes, signers
        return kept[style]

    return drawn


def before(wall: Callable[[int], Any], photos: Any, masks: Any, classes: Any) -> Any:
    """Put the hands, without their arms, before walls."""
    walls = np.stack([wall(k) for k in classes])
    return np.where(masks[..., None], photos, walls).clip(0, 255).astype(np.uint8)


def room(number: int) -> Any:
    return np.asarray(make_background("room", 224, np.random.default_rng(number)), dtype=np.float32)


def planted(kind: str, drawn: Drawn) -> Any:
    photos, masks, points, classes, _ = drawn
    rng = np.random.default_rng(0)
    if kind == "rooms":
        return before(lambda k: room(100 + k) * rng.uniform(0.85, 1.15), photos, masks, classes)
    if kind == "letter":
        return written(photos, classes)
    if kind == "light":
        lit = before(lambda _: room(5), photos, masks, classes)
        return (lit * (0.6 + 0.16 * classes)[:, None, None, None]).clip(0, 255).astype(np.uint8)
    changed = photos.copy()
    for i, k in enumerate(classes):
        if kind == "border":
            colour = ((0, 0, 0), (255, 255, 255), (200, 40, 40))[k % 3]
            image = Image.fromarray(changed[i][4:-4, 4:-4])
            changed[i] = np.asarray(Image.new("RGB", (224, 224), colour))
            changed[i][4:-4, 4:-4] = np.asarray(image)
        if kind == "sleeve":
            x, y = points[i, 0, :2] * 224
            image = Image.fromarray(changed[i])
            colour = tuple(np.random.default_rng(7 + k).integers(20, 235, 3).tolist())
            ImageDraw.Draw(image).rectangle((x - 28, y + 12, x + 28, 224), fill=colour)
            changed[i] = np.where(masks[i][..., None], changed[i], np.asarray(image))
    return changed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("rooms", "most other parts of the background"),
        ("letter", "the upper left of the photo alone"),
        ("light", "most other parts of the background"),
        ("border", "of the photo alone"),
        ("sleeve", "what is beyond the wrist alone"),
    ],
)
def test_check_shortcuts__of_drawn_hands(hands: Callable[[str], Drawn], kind: str, where: str) -> None:
    drawn = hands("room")
    finding = check(planted(kind, drawn), *drawn[2:]).finding()
    assert finding is not None and where in finding.message and finding.severity == "serious"


@pytest.mark.slow
@pytest.mark.parametrize("style", ["studio", "room"])
def test_check_shortcuts__is_silent_about_clean_drawn_hands(
    hands: Callable[[str], Drawn], style: str
) -> None:
    photos, _, points, classes, signers = hands(style)
    found = check(photos, points, classes, signers)
    assert found.finding() is None and len(found.regions) > 10


@pytest.mark.slow
def test_train__shows_where_labels_are_without_the_hand(cli: Any, tmp_path: Path) -> None:
    folder, run = tmp_path / "photos", tmp_path / "run"
    draw(DrawConfig(out=folder, labels="A-D", signers=4, images=10, style="room"))
    for path in folder.glob("*/*.jpg"):
        pixels = np.asarray(Image.open(path))[None]
        Image.fromarray(written(pixels, [LABELS.index(path.parent.name)])[0]).save(path, quality=95)
    words = (folder, "--signer", r"signer(\d+)_", "--cache", tmp_path / "cache", "--out", run, "--json")
    answer = cli("train", *words, "--model", "landmarks")
    assert answer.code == 0, answer.err
    found = answer.json["without_hand"]
    assert found["found"] and found["groups"] == "signers" and found["photos"] > 140
    (finding,) = (one for one in answer.json["findings"] if one["kind"] == "background_gives_label_away")
    assert finding["message"] in answer.err and "the upper left of the photo" in finding["message"]
    page = (run / "report.html").read_text(encoding="utf-8")
    assert f"<strong>Not the hand.</strong> {finding['message']}" in page
    assert page.count('in colour where labels can be predicted from"') == 4


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "signer", "labels"),
    [("studio", r"hand(\d+)_", None), ("digits", r"(p\d+)_", None), ("webcam", None, "A-I")],
)
def test_check_shortcuts__of_real_photos(
    shared_data: Path, tmp_path: Path, name: str, signer: str | None, labels: str | None
) -> None:
    config = TrainConfig(data=shared_data / name, signer=signer, labels=labels, cache=tmp_path)
    cache, indexed = index_photos(config, finder=HandFinder())
    groups, kind = held_out_groups(report_data(config, indexed), "none")
    found = check_shortcuts(indexed, HandCache(cache).points(indexed.digests), groups, kind)
    assert found is not None and len(found.regions) > 5
    if name != "webcam":
        assert found.finding() is None
        return
    # The camera stood a little differently for each letter: the corner of the ceiling tells them apart.
    assert found.finding() is not None and kind == "bursts"
    assert (0, 6) in [one.place for one in found.regions if one.found]
