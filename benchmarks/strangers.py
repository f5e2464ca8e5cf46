"""How well hands of people and rooms that are not in the data are classified.

Run ``python -m benchmarks.strangers DATA``, where DATA has the folders studio, room, webcam and digits
and the file strangers/strangers.npz. The settings of `landmarks` and `asl` were chosen by the 11 people
of strangers.npz, by the studio's signers, each left out, and by drawn hands; nothing was chosen by room,
webcam and digits. An interval is about the mean over the people. A hand that was not found counts as
wrong.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from scipy import stats

from handshape.cache.location import open_cache
from handshape.data.dataset import SplitIndices
from handshape.data.images.index import index_images
from handshape.data.io.folder import read_folder
from handshape.features.hand_landmarks import HandCache
from handshape.models.hand.hand_finder import HAND
from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.network_bundle import network_of
from handshape.recogniser import load
from handshape.training.landmarks import fit_landmarks
from handshape.training.pose_classifier import logits_of
from handshape.types import HandRows

# Of these two people the hand was found in fewer than half of the photos.
_NOT_FOUND = ("hand1", "hand3")
_DRAWS = 6
Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From (N, 88) hands to (N, K) logits."""


@dataclass(frozen=True, eq=False)
class Photos:
    """Hands of photos with the truth about them.

    Args:
        hands: Of N photos.
        labels: (N,) their labels.
        people: (N,) who signs.
    """

    hands: HandRows
    labels: NDArray[np.str_]
    people: NDArray[np.str_]

    def take(self, chosen: NDArray[np.bool_]) -> "Photos":
        """Return some of the photos."""
        return Photos(self.hands.take(np.flatnonzero(chosen)), self.labels[chosen], self.people[chosen])

    def correct(self, predict: Predict, names: NDArray[np.str_]) -> NDArray[np.bool_]:
        """Return (N,) bool, which photos are classified correctly."""
        found = names[predict(self.hands.rows).argmax(axis=1)] == self.labels
        return np.asarray(found & self.hands.found)


def of_folder(folder: Path, signer: str | None = None) -> Photos:
    """Find the hands in a folder of photos."""
    dataset = read_folder(folder, signer=signer)
    cache = open_cache()
    finder = HandCache(cache)
    index = index_images(dataset, cache, size=224, facts=finder)
    samples = index.dataset.samples
    hands = finder.rows(index.digests, [sample.path for sample in samples])
    labels, people = (np.array([getattr(one, name) or "" for one in samples]) for name in ("label", "signer"))
    return Photos(hands, labels, people)


def of_table(file: Path) -> Photos:
    """Read the landmarks and the landmark network's last layer of strangers, and project the latter."""
    table, graph = np.load(file), onnx.load(HAND).graph
    layer = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    embedding = table["embedding"].astype(np.float32) @ layer["projection.weight"] + layer["projection.bias"]
    found = (table["found"] > 0.5)[:, None]
    rows = [
        np.where(found, np.hstack([table["landmarks"], embedding[:, which]]), 0)
        .astype(np.float16)
        .astype(np.float32)
        for which in (0, 1)
    ]
    return Photos(HandRows(rows[0], table["right"] > 0.5, rows[1]), table["label"], table["signer"])


def landmarks_of(train: Photos) -> tuple[Predict, NDArray[np.str_]]:
    """Fit `landmarks` to photos; return it with the names of its labels."""
    names = np.unique(train.labels)
    network = LandmarkClassifier(PoseClassifier(len(names))).eval()
    everything = np.arange(len(train.labels))
    splits: SplitIndices = {"train": everything[::2], "valid": everything[1::2], "test": everything[:0]}
    signers = [str(name) or None for name in train.people]
    fit_landmarks(network, train.hands, np.searchsorted(names, train.labels), splits, signers)
    return lambda rows: logits_of(network.pose, torch.from_numpy(rows)).numpy(), names


def by_person(correct: NDArray[np.bool_], people: NDArray[np.str_]) -> dict[str, float]:
    """Return each person's accuracy."""
    return {str(name): float(correct[people == name].mean()) for name in np.unique(people)}


def said(shares: Mapping[str, float]) -> str:
    """Return the mean over people with its 95 % interval, and the worst."""
    values = np.array(list(shares.values()))
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.3f} +- {half:.3f}, worst {values.min():.3f}"


def left_out(studio: Photos, labels: NDArray[np.bool_]) -> dict[str, float]:
    """Return the accuracy of `landmarks` on each signer by a fit to all others."""
    chosen, shares = studio.take(labels), {}
    for name in np.unique(chosen.people):
        predict, names = landmarks_of(chosen.take(chosen.people != name))
        shares[str(name)] = float(chosen.take(chosen.people == name).correct(predict, names).mean())
    return shares


def report(name: str, predict: Predict, names: NDArray[np.str_], tests: Mapping[str, Photos]) -> None:
    """Print the accuracy of a classifier on strangers and other rooms."""
    for where, photos in tests.items():
        correct = photos.correct(predict, names)
        shares = by_person(correct, photos.people)
        print(
            f"{name} | {where} | {len(correct)} | "
            + (said(shares) if len(shares) > 1 else f"{correct.mean():.3f}")
        )
        if where == "strangers":
            others = {one: share for one, share in shares.items() if one not in _NOT_FOUND}
            print(f"{name} | strangers without {' and '.join(_NOT_FOUND)} | | {said(others)}")
        letters = (f"{one} {correct[photos.labels == one].mean():.2f}" for one in np.unique(photos.labels))
        print(f"{name} | {where} by letter | | {', '.join(letters)}")


def few_people(digits: Photos, people: Sequence[str]) -> Iterator[tuple[int, list[float], list[float]]]:
    """Yield how many people digits are learned from, and the accuracies of six draws on all others.

    Of each person there is one photo a digit. The third value is the share of the tested photos whose digit
    was learned at all: some people show only some digits.
    """
    for count in (1, 3, 10, 30):
        shares, possible = list[float](), list[float]()
        for seed in range(_DRAWS):
            chosen = np.random.default_rng(seed).permutation(people)[:count]
            known = np.isin(digits.people, chosen)
            places = np.flatnonzero(known & digits.hands.found)
            keys = np.char.add(digits.people[places], digits.labels[places])
            first = np.zeros_like(known)
            first[places[np.unique(keys, return_index=True)[1]]] = True
            predict, names = landmarks_of(digits.take(first))
            tested = digits.take(~known)
            shares.append(float(tested.correct(predict, names).mean()))
            possible.append(float(np.isin(tested.labels, names).mean()))
        yield count, shares, possible


def complete_people(digits: Photos) -> list[str]:
    """Return the people of whom every digit was found."""
    seen = digits.take(digits.hands.found)
    return [
        str(one) for one in np.unique(seen.people) if len(np.unique(seen.labels[seen.people == one])) == 10
    ]


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    studio = of_folder(data / "studio", r"(hand\d+)_")
    room, webcam = (of_folder(data / name) for name in ("room", "webcam"))
    webcam = webcam.take(webcam.labels != "nothing")
    strangers = of_table(data / "strangers" / "strangers.npz")
    print("classifier | tested on | photos | accuracy")
    every = np.ones(len(studio.labels), dtype=bool)
    print(f"landmarks | studio A-Z, each signer left out | | {said(left_out(studio, every))}")
    print(f"landmarks | studio A-I, each signer left out | | {said(left_out(studio, studio.labels <= 'I'))}")
    tests = {"strangers": strangers, "room": room, "webcam": webcam}
    report("landmarks from studio", *landmarks_of(studio), tests)
    both = Photos(
        HandRows(*(np.concatenate(parts) for parts in zip(_parts(studio), _parts(webcam), strict=True))),
        np.concatenate([studio.labels, webcam.labels]),
        np.concatenate([studio.people, np.full(len(webcam.people), "webcam")]),
    )
    report("landmarks from studio and webcam", *landmarks_of(both), {"strangers": strangers, "room": room})
    asl = load("asl")
    network = network_of(asl)
    assert isinstance(network, LandmarkClassifier)

    def predict(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(logits_of(network.pose, torch.from_numpy(rows)))

    report("asl", predict, np.array(asl.labels), {"strangers": strangers, "webcam": webcam})
    for where, photos in {"strangers": strangers, "webcam": webcam}.items():
        probabilities = torch.from_numpy(predict(photos.hands.rows)).softmax(dim=1).numpy()
        answered = (probabilities.max(axis=1) >= asl.config.threshold) & photos.hands.found
        right = photos.correct(predict, np.array(asl.labels))[answered].mean()
        print(
            f"asl at its threshold | {where} | {answered.mean():.3f} answered | {right:.3f} of these correct"
        )
        print(f"asl, certainty | {where} | mean {probabilities[photos.hands.found].max(axis=1).mean():.3f}")
    digits = of_folder(data / "digits", r"(p\d+)_")
    groups = {
        "people": np.unique(digits.people).tolist(),
        "people who show every digit": complete_people(digits),
    }
    for who, people in groups.items():
        for count, shares, possible in few_people(digits, people):
            spread = f"{np.mean(shares):.3f} ({min(shares):.3f} to {max(shares):.3f})"
            print(f"landmarks from {count} {who} | digits of others | | {spread}, of {np.mean(possible):.3f}")


def _parts(photos: Photos) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
    assert photos.hands.mirrored_rows is not None
    return photos.hands.rows, photos.hands.right_hand, photos.hands.mirrored_rows


if __name__ == "__main__":
    main()
