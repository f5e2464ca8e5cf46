"""The figures and the model card of `asl`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.strangers import Photos, by_person
from numpy.typing import NDArray
from PIL import Image
from scipy import stats

from handshape.data.images.decode import read_image
from handshape.evaluation.rejection import coverage_curve
from handshape.models.hand.hand_finder import HandFinder
from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.synthetic.poses import ALPHABET
from handshape.training.pose_classifier import logits_of

_NAMES = np.array(ALPHABET)
_THIRDS = ("lowest", "middle", "highest")


def classified(
    pose: PoseClassifier, photos: Photos, *, mirrored: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the top probabilities of N photos, 0 without a hand, and which are classified correctly."""
    rows = photos.hands.mirrored().rows if mirrored else photos.hands.rows
    probabilities = logits_of(pose, torch.from_numpy(rows)).softmax(dim=1).numpy()
    correct = (_NAMES[probabilities.argmax(axis=1)] == photos.labels) & photos.hands.found
    return np.where(photos.hands.found, probabilities.max(axis=1), 0), correct


def figures_of(pose: PoseClassifier, photos: Photos, threshold: float) -> dict[str, Any]:
    """Return the accuracy on people who are not in the training data, as a bundle holds it."""
    top, correct = classified(pose, photos)
    people = by_person(correct, photos.people)
    shares = np.array(list(people.values()))
    half = float(stats.t.ppf(0.975, len(shares) - 1) * shares.std(ddof=1) / np.sqrt(len(shares)))
    mean, answered = float(shares.mean()), top >= threshold
    curve = coverage_curve(top, correct)
    letters = {str(one): float(correct[photos.labels == one].mean()) for one in np.unique(photos.labels)}
    interval = [round(max(0.0, mean - half), 4), round(min(1.0, mean + half), 4)]
    return {
        "sentence": f"It classified {_percent(mean)} of the photos correctly, as a mean over {len(people)} "
        "people who are not in its training data, in rooms that are not either.",
        "test_accuracy": round(mean, 4),
        "test_interval": interval,
        "interval_method": "t",
        "interval_scope": f"the mean over people like these {len(people)}, not one more person",
        "signers": {name: {"accuracy": round(share, 4)} for name, share in people.items()},
        "labels": {letter: {"recall": round(share, 4)} for letter, share in letters.items()},
        "mirrored_accuracy": round(float(classified(pose, photos, mirrored=True)[1].mean()), 4),
        "rejection": {
            "coverage": round(float(answered.mean()), 4),
            "answered_accuracy": round(float(correct[answered].mean()), 4),
            "curve": {
                name: [round(one, 4) for one in getattr(curve, name)]
                for name in ("coverage", "accuracy", "thresholds")
            },
        },
    }


def card(
    figures: dict[str, Any], pose: PoseClassifier, webcam: Photos, paths: Sequence[Path], threshold: float
) -> str:
    """Return the text of the card, with figures of another camera by brightness and size of the hand."""
    top, correct = classified(pose, webcam)
    answered = top >= threshold
    flipped = classified(pose, webcam, mirrored=True)[1]
    low, high = map(_percent, figures["test_interval"])
    mean, other_hand = map(_percent, (figures["test_accuracy"], figures["mirrored_accuracy"]))
    coverage, accuracy = (_percent(figures["rejection"][name]) for name in ("coverage", "answered_accuracy"))
    seen, mirrored = _percent(correct.mean()), _percent(flipped.mean())
    share, right = _percent(answered.mean()), _percent(correct[answered].mean())
    lines = "\n".join(f"| {name} | {part} | {share:.2f} |" for name, part, share in _parts(correct, paths))
    letters = ", ".join(f"{name} {one['recall']:.2f}" for name, one in figures["labels"].items())
    people = ", ".join(f"{name} {one['accuracy']:.2f}" for name, one in figures["signers"].items())
    return f"""# asl: the letters of the American manual alphabet

A handshape recogniser that comes with the package. It classifies the shape of one hand in one photo as one of
the letters A to Z, by the hand's landmarks and an embedding of the hand. J and Z are movements; of
them it recognises only the handshape at the start.

## What it learned from

- Massey University 2D static hand gesture set (2012): 4 people, A to Z, hands on black.
- t32rahman/ASL-ML (MIT License): 1 person, one webcam, A to Y without J.
- Drawn hands, also in ways of showing a letter that these five people do not use.
- How the hands of 150 people differ: Sign Language Digits Dataset (Apache License 2.0), as one covariance.

No photo is in it, only means and scatter of the hands' landmarks and embeddings.

## How accurate it is

Measured on 1,664 photos of {len(figures["signers"])} people by phones and webcams, in their own rooms: 24
letters, without J and Z. A photo in which the hand was not found counts as wrong. It did not learn from these
people, but its settings, temperature and threshold were chosen by them, so expect a little less:

- {mean} on average over the people (95 % interval of that average: {low} to {high}).
- By person: {people}. Of hand1 and hand3 the hand was found in fewer than half of the photos.
- By letter: {letters}.
- It answers {coverage} of the photos and says `unsure` or `no hand` of the others; {accuracy} of its answers
  are correct.
- On the mirror images, as the other hand makes them: {other_hand} of the photos.

Nothing was chosen by the Kaggle ASL Alphabet's webcam (1 person, A to I, 1,800 photos): {seen} correct,
{mirrored} of the mirror images; {share} answered, of which {right} correct. There, by thirds of the photos:

| | third | correct |
|---|---|---|
{lines}

## For whom it is not

- Nobody noted skin tone, age or hand of the people it learned from: five people cannot stand for everybody.
  If it fails with your hand, that is its fault and not yours: add your photos and train.
- One hand shape is not sign language: movement, place, face and grammar carry meaning. It is no interpreter.
- It was trained on American letters. Other manual alphabets use the same shapes for other letters.

Use it with `handshape predict asl photo.jpg`, `handshape serve asl` or `handshape.load("asl")`.

`palm.onnx` and `hand.onnx` are the networks of MediaPipe Hands, Copyright The MediaPipe Authors, Apache
License 2.0; the last layer of `hand.onnx` was added.
"""


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _parts(correct: NDArray[np.bool_], paths: Sequence[Path]) -> Iterator[tuple[str, str, float]]:
    """Yield the accuracy by thirds of the hand's brightness and of its size in the photo."""
    finder, light, size = HandFinder(), [], []
    for path in paths:
        photo = Image.fromarray(read_image(path))
        hand, longer = finder.find(np.asarray(photo)), max(photo.size)
        places = np.clip(hand.points[:, :2], 0, 1) * longer
        (left, top), (right, bottom) = places.min(axis=0), places.max(axis=0)
        box = (int(left), int(top), max(int(right), int(left) + 1), max(int(bottom), int(top) + 1))
        light.append(float(np.asarray(photo.convert("L").crop(box)).mean()) / 255)
        size.append(float(hand.box[2]))
    for name, values in (("brightness of the hand", np.array(light)), ("size of the hand", np.array(size))):
        edges = np.quantile(values, [0, 1 / 3, 2 / 3, 1])
        for number, third in enumerate(_THIRDS):
            own = (values >= edges[number]) & (values <= edges[number + 1])
            low, high = edges[number], edges[number + 1]
            yield name, f"{third}, {low:.2f} to {high:.2f}", float(correct[own].mean())
