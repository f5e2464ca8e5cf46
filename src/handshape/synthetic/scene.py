"""Random backgrounds, lights and cameras of each style."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from handshape.synthetic.light import Light
from handshape.synthetic.signer import MONK, Colour

Pixels = NDArray[np.uint8]
Style = Literal["studio", "room", "outdoor"]
STYLES: tuple[Style, ...] = ("studio", "room", "outdoor")


def make_background(style: Style, size: int, rng: np.random.Generator) -> Pixels:
    """Draw a random background.

    Args:
        style: ``studio`` is black or plain; ``room`` is a wall with edges, textures and things before it;
            ``outdoor`` is sky, leaves and ground.
        size: Height and width, pixels.
        rng: Random generator.

    Returns:
        (size, size, 3) uint8, sRGB.
    """
    if style == "room":
        return _room(size, rng)
    if style == "outdoor":
        return _outdoor(size, rng)
    if rng.random() < 0.6:
        return np.zeros((size, size, 3), dtype=np.uint8)
    return _gradient(size, rng.beta(0.7, 1.0, 3), float(rng.uniform(0.0, 0.25)), rng)


def _gradient(size: int, colour: Colour, strength: float, rng: np.random.Generator) -> Pixels:
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.linspace(-strength, strength, size, dtype=np.float32)
    slope = 1.0 + np.float32(np.cos(angle)) * ramp + np.float32(np.sin(angle)) * ramp[:, None]
    planes = [np.clip(slope * np.float32(255.0 * c), 0.0, 255.0).astype(np.uint8) for c in colour]
    return np.stack(planes, axis=-1)


def _room(size: int, rng: np.random.Generator) -> Pixels:
    """Draw a room, out of focus: small, blurred and enlarged."""
    small = 96
    wall = np.clip(rng.beta(1.6, 1.1) + rng.normal(0, 0.08, 3), 0.02, 1.0)
    canvas = Image.fromarray(_gradient(small, wall, float(rng.uniform(0.05, 0.5)), rng))
    pen = ImageDraw.Draw(canvas)
    for _ in range(rng.integers(1, 9)):
        _thing(pen, small, rng)
    if rng.random() < 0.35:
        _person(pen, small, rng)
    canvas = canvas.filter(ImageFilter.GaussianBlur(float(rng.gamma(1.5, 0.8))))
    room = canvas.resize((size, size), Image.Resampling.BILINEAR)
    if rng.random() < 0.6:
        cells, strength = int(rng.choice([6, 14, 30, 60, 110])), np.float32(rng.uniform(3.0, 28.0))
        rough = np.clip(128.5 + strength * rng.standard_normal((cells, cells), np.float32), 0, 255)
        grain = Image.fromarray(rough.astype(np.uint8)).resize((size, size), Image.Resampling.BILINEAR)
        room = ImageChops.add(room, Image.merge("RGB", (grain, grain, grain)), 1.0, -128)
    return np.array(room)


def _outdoor(size: int, rng: np.random.Generator) -> Pixels:
    """Draw sky above a horizon, ground below it, and leaves in patches of sun and shade."""
    small = 96
    horizon = int(rng.uniform(0.1, 0.8) * small)
    sky, ground = _tinted((110, 165, 215), rng), _tinted((105, 110, 60), rng)
    canvas = Image.new("RGB", (small, small), sky)
    pen = ImageDraw.Draw(canvas)
    pen.rectangle((0, horizon, small, small), fill=ground)
    for _ in range(rng.integers(40, 220)):
        x, y = rng.uniform(0, small), rng.normal(horizon, 0.3 * small)
        width, height = rng.gamma(2.0, 0.03, 2) * small + 1
        leaf = _tinted((60, 120, 45) if rng.random() < 0.8 else (120, 85, 55), rng)
        pen.ellipse((x, y, x + width, y + height), fill=leaf)
    canvas = canvas.filter(ImageFilter.GaussianBlur(float(rng.gamma(1.5, 0.7))))
    return np.array(canvas.resize((size, size), Image.Resampling.BILINEAR))


def _tinted(base: tuple[int, int, int], rng: np.random.Generator) -> tuple[int, int, int]:
    light = rng.uniform(0.35, 1.35)
    r, g, b = np.clip(light * np.array(base) + rng.normal(0, 14, 3), 0, 255).astype(int)
    return int(r), int(g), int(b)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    level = rng.beta(0.9, 0.9)
    r, g, b = np.clip(255 * (level + rng.normal(0, 0.13, 3)), 0, 255).astype(int)
    return int(r), int(g), int(b)


def _thing(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    """Draw a thing: a rectangle, ellipse, polygon, line or row of bars."""
    x, y = rng.uniform(-0.2, 1.0, 2) * size
    w, h = rng.gamma(2.0, 0.16, 2) * size
    kind = rng.random()
    if kind < 0.4:
        pen.rectangle((x, y, x + w, y + h), fill=_colour(rng), outline=_colour(rng) if kind < 0.2 else None)
    elif kind < 0.55:
        pen.ellipse((x, y, x + w, y + h), fill=_colour(rng))
    elif kind < 0.75:
        corners = [
            (float(a), float(b)) for a, b in rng.uniform(-0.3, 1.3, (int(rng.integers(3, 5)), 2)) * size
        ]
        pen.polygon(corners, fill=_colour(rng))
    elif kind < 0.9:
        ends = rng.uniform(-0.2, 1.2, 4) * size
        pen.line([float(v) for v in ends], fill=_colour(rng), width=int(rng.integers(1, 9)))
    else:
        gap, fill = int(rng.integers(3, 12)), _colour(rng)
        for i in range(int(w / gap) + 1):
            pen.rectangle((x + i * gap, y, x + i * gap + gap // 2, y + h), fill=fill)


def _person(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    """Draw shoulders and a head, so that not only the hand has the colour of skin."""
    x, y, r = rng.uniform(0.2, 0.8) * size, rng.uniform(0.1, 0.5) * size, rng.uniform(0.1, 0.22) * size
    code = MONK[int(rng.integers(10))]
    light = rng.uniform(0.5, 1.0)
    r0, g0, b0 = (int(light * int(code[i : i + 2], 16)) for i in (0, 2, 4))
    pen.ellipse((x - 2.4 * r, y + 1.3 * r, x + 2.4 * r, y + 9 * r), fill=_colour(rng))
    pen.rectangle((x - 0.4 * r, y, x + 0.4 * r, y + 1.5 * r), fill=(r0, g0, b0))
    pen.ellipse((x - r, y - 1.3 * r, x + r, y + 1.3 * r), fill=(r0, g0, b0))


def make_light(style: Style, background: Pixels, rng: np.random.Generator) -> Light:
    """Return a random light; the ambient light has the colour of the background, (H, W, 3) uint8."""
    aside, height = rng.uniform(-np.pi, np.pi), rng.uniform(0.15, 0.98)
    flat = np.sqrt(1 - height * height)
    direction = np.array([np.sin(aside) * flat, -abs(np.cos(aside)) * flat, height])
    if rng.random() < 0.2:
        direction[1] = -direction[1]
    warm = rng.normal(0.0, 0.10)
    tint = np.array([1.0 + warm, 1.0 + rng.normal(0.0, 0.02), 1.0 - warm])
    strength, around = rng.uniform(0.55, 1.25), rng.uniform(0.12, 0.55)
    if style != "studio":
        around = rng.uniform(0.15, 0.7)
        if rng.random() < 0.15:
            strength *= 0.15  # the lamp is behind the hand, or there is none
        room = (background[::8, ::8].reshape(-1, 3).mean(axis=0) / 255.0) ** 2
        ambient = 0.5 * tint + 0.5 * room / max(float(room.mean()), 0.05)
    else:
        ambient = tint
    return Light(
        direction=direction,
        lamp=strength * tint,
        above=around * 1.2 * ambient,
        below=around * 0.6 * ambient,
        shine=float(rng.uniform(0.1, 1.0)),
        hardness=float(rng.uniform(0.15, 1.2)),
    )


def photograph(image: Pixels, style: Style, rng: np.random.Generator) -> Image.Image:
    """Add blur and noise of a camera to (H, W, 3) uint8, less in the style ``studio``."""
    height, width = image.shape[:2]
    room = style != "studio"
    spread = min(0.55 + float(rng.gamma(1.2, 0.5 if room else 0.25)) * width / 224.0, 4.0)
    # A box blur that is hardly wider than a pixel is as good as a Gaussian, and three times as fast.
    lens = ImageFilter.BoxBlur(1.3 * spread - 0.3) if spread < 1.3 else ImageFilter.GaussianBlur(spread)
    photo = Image.fromarray(image).filter(lens)
    strength = float(rng.gamma(1.5, 2.2 if room else 1.0))
    noise = np.clip(128.5 + np.float32(strength) * rng.standard_normal((height, width), np.float32), 0, 255)
    # Flipped noise is as good as new noise, and faster.
    grain = Image.fromarray(noise.astype(np.uint8))
    other = grain if rng.random() < 0.4 else grain.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    third = grain if rng.random() < 0.4 else grain.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return ImageChops.add(photo, Image.merge("RGB", (grain, other, third)), 1.0, -128)
