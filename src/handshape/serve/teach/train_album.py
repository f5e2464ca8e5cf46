"""Train on the photos of Teach, as a process: a `Training` on standard input, the answer on standard output.

    python -m handshape.serve.teach.train_album

It ends when its standard input does: that is when the server has ended.
"""

import os
import pickle
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from handshape.config.train import TrainConfig
from handshape.config.use import AddConfig
from handshape.data.dataset import Dataset, Unreadable
from handshape.data.images.index import index_images
from handshape.data.io.folder import read_folder
from handshape.data.io.project_file import SIGNER_PATTERN
from handshape.errors import HandshapeError
from handshape.features.hand_landmarks import HandCache
from handshape.serve.teach.training import Training
from handshape.teaching.add_photos import add_photos
from handshape.teaching.taught_signs import TaughtSigns
from handshape.teaching.train_alone import train_alone
from handshape.threads import set_threads


def train_album(training: Training) -> TaughtSigns:
    """Train on photos, measure on each person left out, and save the run.

    Raises:
        HandshapeError: The photos cannot be used, or the run cannot be written.
    """
    signer = SIGNER_PATTERN if any(photo.signer for photo in training.photos) else None
    dataset = _only(training, read_folder(training.folder, signer=signer, layout="labels"))
    index = index_images(dataset, training.cache, facts=HandCache(training.cache))
    if training.base is None:
        settings: Any = TrainConfig(data=training.folder, signer=signer, model="landmarks")
        result = train_alone(index, training.cache)
    else:
        bundle = training.base.folder or Path()
        settings = AddConfig(bundle=bundle, data=training.folder, signer=signer)
        result = add_photos(training.base, index, training.cache)
    result.save(training.out, "teach", settings, digest=training.digest, force=True)
    return result


def _only(training: Training, dataset: Dataset) -> Dataset:
    """Return a data set without the photos that are damaged, or that links lead to."""
    good = {training.folder / photo.label / photo.name for photo in training.photos}
    kept = tuple(one for one in dataset.samples if one.path in good)
    labels = tuple(sorted({one.label for one in kept}))
    left_out = (
        Unreadable(one.name, one.label, "damaged since it was taken")
        for one in dataset.samples
        if one.path not in good
    )
    return replace(dataset, samples=kept, labels=labels, unreadable=(*dataset.unreadable, *left_out))


def train_for_server() -> None:
    """Train as the server asks, and answer with None when the run is written, else with the error."""
    training = pickle.load(sys.stdin.buffer)
    set_threads(training.threads)
    if hasattr(os, "nice"):
        os.nice(10)  # the server answers first
    threading.Thread(target=_end_with_server, daemon=True).start()
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answer:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
        failure = None
        try:
            train_album(training)
        except HandshapeError as error:
            failure = error
        pickle.dump(failure, answer)


def _end_with_server() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing more is written: this returns when the other end is closed
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    train_for_server()
