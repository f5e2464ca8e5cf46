from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from handshape.data.checks.plain_background import plain_background, same_place_photos
from handshape.data.images.image_stats import ImageStats, decode_thumbnails

Scene = Callable[..., Image.Image]
Measure = Callable[[Image.Image], ImageStats]


def _with_hand(room: Image.Image, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    image = ImageEnhance.Brightness(room).enhance(rng.uniform(0.5, 1.2))
    x, y = rng.uniform(20, 70, 2)
    ImageDraw.Draw(image).ellipse((x, y, x + 60, 159), fill=(200, 150, 120))
    return image


def test_one_place__one_room_in_changing_light(draw_scene: Scene, facts_of: Measure) -> None:
    stats = [facts_of(_with_hand(draw_scene(1), seed)) for seed in range(40)]
    assert same_place_photos(decode_thumbnails(stats)).mean() > 0.9


def test_one_place__finds_the_larger_of_two_rooms(draw_scene: Scene, facts_of: Measure) -> None:
    stats = [facts_of(_with_hand(draw_scene(1 if seed < 15 else 2), seed)) for seed in range(40)]
    alike = same_place_photos(decode_thumbnails(stats))
    assert alike[15:].mean() > 0.9 and alike[:15].mean() < 0.1


def test_one_place__many_rooms_are_none(draw_scene: Scene, facts_of: Measure) -> None:
    stats = [facts_of(_with_hand(draw_scene(seed), seed)) for seed in range(60)]
    assert same_place_photos(decode_thumbnails(stats)).mean() < 0.5


def test_one_place__flat_photos_have_no_pattern() -> None:
    assert not same_place_photos(np.full((3, 12, 12, 3), 9, np.uint8)).any()


def test_plain_background__of_one_colour(facts_of: Measure) -> None:
    stats = [facts_of(_with_hand(Image.new("RGB", (160, 160), (0, 90, 0)), 3)) for _ in range(9)]
    stats += [facts_of(_with_hand(Image.new("RGB", (160, 160), (200, 90, 200)), 3))]
    plain, colour = plain_background(decode_thumbnails(stats))
    assert plain.tolist() == [True] * 9 + [False]
    assert colour[1] == pytest.approx(70, abs=25) and colour[0] == colour[2] == 0


def test_plain_background__a_room_is_not_plain(draw_scene: Scene, facts_of: Measure) -> None:
    stats = [facts_of(draw_scene(seed)) for seed in range(30)]
    assert plain_background(decode_thumbnails(stats))[0].mean() < 0.2


@pytest.mark.shared
def test_backgrounds__of_real_photos(
    studio_facts: tuple[list[str], list[ImageStats]], webcam_facts: tuple[list[str], list[ImageStats]]
) -> None:
    studio, webcam = decode_thumbnails(studio_facts[1]), decode_thumbnails(webcam_facts[1])
    plain, colour = plain_background(studio)
    assert plain.mean() > 0.9 and max(colour) < 10
    assert plain_background(webcam)[0].mean() < 0.2
    assert same_place_photos(webcam).mean() > 0.8
