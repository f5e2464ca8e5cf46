from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from handshape.data.checks.photos import check_backgrounds, check_borders, check_giveaways, check_photos
from handshape.data.dataset import Dataset
from handshape.data.images.image_stats import ImageStats

Scene = Callable[..., Image.Image]
Measure = Callable[[Image.Image], ImageStats]
Make = Callable[..., Dataset]

CHANGES: dict[str, tuple[Callable[[Image.Image], Image.Image], str]] = {
    "dark": (
        lambda image: ImageEnhance.Brightness(image).enhance(0.1),
        "too dark (5.0 %)",
    ),
    "bright": (
        lambda image: ImageEnhance.Brightness(image).enhance(9),
        "too bright (5.0 %)",
    ),
    "blurred": (
        lambda image: image.filter(ImageFilter.GaussianBlur(4)),
        "blurred (5.0 %)",
    ),
    "small": (lambda image: image.resize((90, 90)), "smaller than 112 pixels (5.0 %)"),
    "long": (
        lambda image: image.resize((400, 160)),
        "more than twice as long as wide (5.0 %)",
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_check_photos__finds_one_bad_photo_in_twenty(
    draw_scene: Scene, facts_of: Measure, make_dataset: Make, kind: str
) -> None:
    change, said = CHANGES[kind]
    stats = [facts_of(draw_scene(seed)) for seed in range(20)]
    dataset = make_dataset(["A"] * 20)
    assert not list(check_photos(dataset, stats))
    stats[7] = facts_of(change(draw_scene(7)))
    (found,) = check_photos(dataset, stats)
    assert (found.kind, found.severity, found.share, found.names) == (kind, "note", 0.05, ("A/7.jpg",))
    assert found.message.startswith(f"1 photo is {said}")


def test_check_photos__many_are_a_warning(draw_scene: Scene, facts_of: Measure, make_dataset: Make) -> None:
    stats = [facts_of(ImageEnhance.Brightness(draw_scene(seed)).enhance(0.1)) for seed in range(4)]
    (found,) = check_photos(make_dataset(["A"] * 4), stats)
    assert found.severity == "warning" and found.message.startswith("4 photos are too dark")


def test_check_borders__counts_framed_photos(
    draw_scene: Scene, facts_of: Measure, make_dataset: Make
) -> None:
    stats = [facts_of(ImageOps.expand(draw_scene(s), 1 if s else 0, fill=(255, 0, 0))) for s in range(3)]
    (found,) = check_borders(make_dataset(["A"] * 3), stats)
    assert found.names == ("A/1.jpg", "A/2.jpg")
    assert found.message.startswith("2 photos have a border of one colour")
    assert not list(check_borders(make_dataset(["A"]), stats[:1]))


def test_check_giveaways__sizes_modes_and_borders(
    draw_scene: Scene, facts_of: Measure, make_dataset: Make
) -> None:
    stats = [facts_of(draw_scene(seed)) for seed in range(20)]
    dataset = make_dataset(["A"] * 10 + ["B"] * 10)
    assert not list(check_giveaways(dataset, stats))
    given = [replace(f, width=200) for f in stats[:10]] + stats[10:]
    (size,) = check_giveaways(dataset, given)
    assert (size.kind, size.severity, size.labels) == ("size_gives_label_away", "serious", ("A",))
    assert size.message.startswith("Nearly all photos of A have 200 x 160 pixels")
    given = [replace(f, mode="L", border_top=3, border_colour="#00ff00") for f in stats[:10]] + stats[10:]
    mode, border = check_giveaways(dataset, given)
    assert (mode.kind, border.kind) == ("mode_gives_label_away", "border_gives_label_away")
    assert "have mode L," in mode.message and "have border of #00ff00," in border.message


def test_check_giveaways__sizes_mixed_in_every_label_are_well(
    draw_scene: Scene, facts_of: Measure, make_dataset: Make
) -> None:
    stats = [replace(facts_of(draw_scene(seed)), width=100 + seed % 2) for seed in range(20)]
    assert not list(check_giveaways(make_dataset(["A"] * 10 + ["B"] * 10), stats))


def test_check_backgrounds__plain_room_and_rooms(
    draw_scene: Scene, facts_of: Measure, make_dataset: Make
) -> None:
    def hand(room: Image.Image, seed: int) -> ImageStats:
        x, y = np.random.default_rng(seed).uniform(20, 70, 2)
        ImageDraw.Draw(room).ellipse((x, y, x + 60, 159), fill=(200, 150, 120))
        return facts_of(room)

    dataset = make_dataset(["A"] * 30)
    (plain,) = check_backgrounds(dataset, [hand(Image.new("RGB", (160, 160), "navy"), s) for s in range(30)])
    assert plain.kind == "plain_background" and plain.share == 1
    assert plain.message.startswith("30 photos have the same plain background")
    (room,) = check_backgrounds(dataset, [hand(draw_scene(1), seed) for seed in range(30)])
    assert room.kind == "one_room" and room.message.startswith("30 photos seem to be taken in one place")
    assert not list(check_backgrounds(dataset, [hand(draw_scene(seed), seed) for seed in range(30)]))
