"""Build `asl`, the recogniser of the American manual alphabet that comes with the package.

    python -m tools.build_asl DATA

DATA has the folders studio, room and webcam, and the file strangers/strangers.npz. The recogniser learns from
photos of five people (the studio set of Massey University, four signers; the room of t32rahman/ASL-ML,
one) and from drawn hands: every view of each drawn letter, and the ways of showing a letter in
asl_handshapes.toml. No photo is in it: it keeps means and scatter of 88 numbers. It does not learn from
the 11 strangers, but its settings, temperature and threshold are chosen by them: benchmarks/strangers.py
and docs/research/landmarks.md have the figures.
"""

import argparse
import math
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from benchmarks.strangers import Photos, of_folder, of_table
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.metrics import log_loss
from tools.asl_card import card, figures_of

from handshape.bundle import HAND, PALM, BundleConfig, known_photos
from handshape.cache.location import open_cache
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import index_images
from handshape.data.io.folder import read_folder
from handshape.features.hand_landmarks import HandCache
from handshape.models.hand.hand_finder import LANDMARK_WIDTH, HandFinder, hand_rows
from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.models.network_config import NetworkConfig
from handshape.network_bundle import recogniser_of
from handshape.recogniser import ASL
from handshape.synthetic.picture import draw_image
from handshape.synthetic.poses import ALPHABET, letters
from handshape.synthetic.signer import make_signer
from handshape.synthetic.skeleton import JOINTS, Array
from handshape.training.pose_classifier import logits_of
from handshape.types import HandRows

_HANDSHAPES = Path(__file__).parent / "asl_handshapes.toml"
# Drawn signers of each handshape, seed and size of the drawings, and how much hands and views vary.
_SIGNERS, _SEED, _SIZE, _VARIATION = 24, 5, 224, 0.7
# Weight of a handshape that one person of the five shows, or that is drawn.
_ONE_OF_FOUR = math.log(1 / 4)
# Share of drawn hands in the covariance.
_DRAWN = 0.4
# J and Z are movements: a photo of a moment of them is rarer than one of a letter that stands still.
_MOVING, _MOVING_WEIGHT = "JZ", -2.0
_TEMPERATURES = range(4, 25)
# The threshold is the least at which so many of the answered photos of strangers are classified correctly.
_ANSWERED_ACCURACY = 0.97


class Handshape(NamedTuple):
    """Hands that show one letter in one way.

    Args:
        letter: The letter.
        hands: Of N photos.
        people: (N,) who shows it; "drawn" for drawn hands.
        weight: Log-weight in the letter.
    """

    letter: str
    hands: HandRows
    people: NDArray[np.str_]
    weight: float


def photographed(
    root: Path, signer: str | None, cache: Path, weight: float
) -> tuple[list[Handshape], list[tuple[str, int]]]:
    """Return the letters of a folder of photos, and digest and perceptual hash of each photo."""
    finder = HandCache(cache)
    index = index_images(read_folder(root, signer=signer), cache, size=224, facts=finder)
    samples = index.dataset.samples
    hands = finder.rows(index.digests, [one.path for one in samples])
    labels = np.array([one.label for one in samples])
    people = np.array([one.signer or root.name for one in samples])
    shapes = []
    for letter in index.dataset.labels:
        own = np.flatnonzero((labels == letter) & hands.found)
        shapes.append(Handshape(letter, hands.take(own), people[own], weight))
    return shapes, [(digest, one.phash) for digest, one in zip(index.digests, index.stats, strict=True)]


def drawn(finder: HandFinder) -> Iterator[Handshape]:
    """Yield every way in which each letter is drawn."""
    for number, (letter, pose, view) in enumerate(_poses()):
        pictures = [
            draw_image(
                pose,
                make_signer(signer, _SEED),
                seed=_SEED,
                index=number,
                size=_SIZE,
                style="room" if signer % 2 else "outdoor",
                view=view,
                variation=_VARIATION,
            ).pixels
            for signer in range(1, _SIGNERS + 1)
        ]
        hands = _found(finder, pictures)
        people = np.array(["drawn"] * int(hands.found.sum()))
        yield Handshape(letter, hands.take(np.flatnonzero(hands.found)), people, _ONE_OF_FOUR)


def _poses() -> Iterator[tuple[str, Array, tuple[float, float, float]]]:
    for letter in letters().values():
        for view in letter.views:
            yield letter.name, letter.pose, view
    table = tomllib.loads(_HANDSHAPES.read_text(encoding="utf-8"))
    for entry in table["handshape"]:
        pose = letters()[entry["letter"]].pose.copy()
        for way, angles in table["angles"].items():
            for finger in entry.get(way, ()):
                for joint, angle in angles.items():
                    pose[JOINTS.index(f"{finger}.{joint}")] = angle
        for joint, angle in entry.get("joints", {}).items():
            pose[JOINTS.index(joint)] = angle
        turn, tilt, roll = entry["view"]
        yield entry["letter"], pose, (turn, tilt, roll)


def _found(finder: HandFinder, photos: Sequence[NDArray[np.uint8]]) -> HandRows:
    hands, mirrored = zip(*(finder.find_with_mirrored(photo) for photo in photos), strict=True)
    plain = hand_rows(hands)
    flipped = plain.rows.copy()
    flipped[:, LANDMARK_WIDTH:] = np.where(plain.found[:, None], np.stack(mirrored), 0)
    return HandRows(plain.rows, plain.right_hand, flipped)


def fit(shapes: Sequence[Handshape], temperature: float) -> PoseClassifier:
    """Fit a classifier to handshapes."""
    pose = PoseClassifier(len(ALPHABET), len(shapes))
    for number, shape in enumerate(shapes):
        weight = shape.weight + (_MOVING_WEIGHT if shape.letter in _MOVING else 0)
        pose.membership[number, ALPHABET.index(shape.letter)] = weight
    rows, mirrored = (
        torch.from_numpy(np.concatenate([getattr(shape.hands, name) for shape in shapes]))
        for name in ("rows", "mirrored_rows")
    )
    is_drawn = np.concatenate([shape.people == "drawn" for shape in shapes])
    share = _DRAWN / (1 - _DRAWN) * (~is_drawn).sum() / is_drawn.sum()
    weights = np.where(is_drawn, share, 1).astype(np.float32)
    pose.count(
        rows, mirrored, np.repeat(np.arange(len(shapes)), [len(one.people) for one in shapes]), weights
    )
    pose.fit(temperature)
    return pose


def calibrate(shapes: Sequence[Handshape], strangers: Photos) -> tuple[float, float]:
    """Return the temperature at which strangers are likeliest, and the threshold of the answered accuracy."""
    seen = strangers.take(strangers.hands.found)
    classes = np.array([ALPHABET.index(label) for label in seen.labels])

    def logits(temperature: float) -> NDArray[np.float32]:
        return logits_of(fit(shapes, temperature), torch.from_numpy(seen.hands.rows)).numpy()

    def loss(temperature: float) -> float:
        return float(log_loss(classes, softmax(logits(temperature), axis=1), labels=range(len(ALPHABET))))

    temperature = min(_TEMPERATURES, key=loss)
    probabilities = softmax(logits(temperature), axis=1)
    order = np.argsort(-probabilities.max(axis=1))
    correct = (probabilities.argmax(axis=1) == classes)[order]
    answered = np.flatnonzero(np.cumsum(correct) >= _ANSWERED_ACCURACY * np.arange(1, len(order) + 1))[-1]
    return float(temperature), float(probabilities.max(axis=1)[order[answered]])


def webcam_of(folder: Path) -> tuple[Photos, list[Path]]:
    """Return the photos of a hand in another room, which nothing is chosen by, and their files."""
    photos = of_folder(folder)
    paths = [sample.path for sample in read_folder(folder).samples]
    shown = photos.labels != "nothing"
    return photos.take(shown), [path for path, own in zip(paths, shown, strict=True) if own]


def main(arguments: Sequence[str] | None = None) -> None:
    """Find hands, fit, calibrate, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=ASL)
    given = parser.parse_args(arguments)
    cache = open_cache()
    studio, known = photographed(given.data / "studio", r"(hand\d+)_", cache, 0.0)
    room, others = photographed(given.data / "room", None, cache, _ONE_OF_FOUR)
    known += others
    shapes = [*studio, *room, *drawn(HandFinder())]
    webcam, paths = webcam_of(given.data / "webcam")
    strangers = of_table(given.data / "strangers" / "strangers.npz")
    temperature, threshold = calibrate(shapes, strangers)
    print(f"temperature {temperature:g}, threshold {threshold:.3f}, {len(shapes)} handshapes")
    network = LandmarkClassifier(fit(shapes, temperature)).eval()
    people = np.concatenate([shape.people for shape in shapes])
    figures = figures_of(network.pose, strangers, threshold)
    config = BundleConfig(
        ALPHABET,
        NetworkConfig("landmarks", len(ALPHABET), Preprocessing(), handshapes=len(shapes)),
        threshold=threshold,
        trained_on={"signers": sorted({*map(str, people)} - {"drawn"}), "train": len(known)},
        figures=figures,
    )
    made = recogniser_of(network, config, cache)
    text = card(figures, network.pose, webcam, paths, threshold)
    shutil.rmtree(given.out, ignore_errors=True)
    made.save(given.out, text, known_photos(known))
    for name in (PALM, HAND):  # the package has them already
        (given.out / name).unlink()


if __name__ == "__main__":
    main()
