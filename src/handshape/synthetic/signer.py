"""Synthetic signers: proportions, skin, sleeve and habits."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from handshape.synthetic.skeleton import Array, Proportions

Handedness = Literal["left", "right"]
Colour = NDArray[np.float64]

MONK = ("f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420")
"""The ten tones of the Monk Skin Tone Scale, lightest first, as sRGB hex values.

Source: E. Monk, The Monk Skin Tone Scale (2019, doi 10.31235/osf.io/pdf4c); hex values from skintone.google.
"""

LEFT_HANDED = 0.1
"""Share of left-handed signers.

Source: M. Papadatou-Pastou and others, Human handedness: a meta-analysis, Psychological Bulletin 146(6),
2020.
"""


@dataclass(frozen=True)
class Signer:
    """A synthetic signer.

    Args:
        number: Name of the signer, from 1.
        tone: Tone on the Monk scale, 1 (lightest) to 10.
        handedness: The hand that signs.
        proportions: Of the hand.
        back: (3,) colour of the back of the hand, linear light in [0, 1], RGB.
        palm: (3,) colour of the palm.
        nail: (3,) colour of the nails.
        sleeve: Distance from wrist to hem, millimetres; ``None`` for bare arms.
        cloth: (3,) colour of the sleeve.
        wrinkles: Depth of the lines of the skin, 0 to 1.
        habit: Seed of this signer's variations of each letter.
    """

    number: int
    tone: int
    handedness: Handedness
    proportions: Proportions
    back: Colour
    palm: Colour
    nail: Colour
    sleeve: float | None
    cloth: Colour
    wrinkles: float
    habit: int

    def accent(self, label: str, joints: int) -> Array:
        """Return this signer's deviations from the joint angles of a label: (joints,) degrees."""
        rng = np.random.default_rng([self.habit, *label.encode()])
        return rng.normal(0.0, 3.0, joints)


def make_signer(number: int, seed: int = 0, handedness: Handedness | None = None) -> Signer:
    """Return a random signer, the same for the same number (from 1) and seed.

    Any ten consecutive signers cover the ten tones of the Monk scale.
    """
    rng = np.random.default_rng([seed, 7, number])
    order = np.random.default_rng([seed, 11]).permutation(10)
    tone = int(order[(number - 1) % 10]) + 1
    chance = rng.random()
    back, palm, nail = _skin(tone, rng)
    size, width, thickness, thumb = rng.normal([1.0, 1.0, 1.0, 1.0], [0.06, 0.05, 0.07, 0.04]).clip(0.8, 1.2)
    lengths = rng.normal(1.0, 0.035, 4).clip(0.88, 1.12)
    fingers = (float(lengths[0]), float(lengths[1]), float(lengths[2]), float(lengths[3]))
    return Signer(
        number=number,
        tone=tone,
        handedness=handedness or ("left" if chance < LEFT_HANDED else "right"),
        proportions=Proportions(float(size), float(width), float(thickness), fingers, float(thumb)),
        back=back,
        palm=palm,
        nail=nail,
        sleeve=float(rng.uniform(18.0, 120.0)) if rng.random() < 0.6 else None,
        cloth=rng.beta(0.8, 1.4, 3) * 0.8 + 0.01,
        wrinkles=float(rng.uniform(0.3, 1.0)),
        habit=int(rng.integers(2**31)),
    )


def _skin(tone: int, rng: np.random.Generator) -> tuple[Colour, Colour, Colour]:
    """Return colours of back, palm and nail for a tone; the palm has less pigment and looks redder."""
    code = MONK[tone - 1]
    swatch = (np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)]) / 255.0) ** 2.2
    blood = np.array([1.0, rng.uniform(0.58, 0.85), rng.uniform(0.5, 0.82)])
    depth = (tone - 1) / 9
    back = swatch * (blood if tone <= 5 else blood**0.5) * rng.uniform(0.75, 1.05)
    back = np.maximum(back, np.array([0.045, 0.028, 0.02]))
    flesh = np.array([0.62, 0.34, 0.25]) * rng.uniform(0.75, 1.05)
    pale = 0.25 + 0.25 * min(1.0, 2.0 * depth) * rng.uniform(0.6, 1.2)
    palm = (1 - pale) * back + pale * flesh * (1.0 - 0.35 * depth)
    nail = 0.5 * palm + 0.5 * np.array([0.75, 0.5, 0.45]) * (1.0 - 0.5 * depth)
    return back, palm, nail
