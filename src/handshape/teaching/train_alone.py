"""Train a recogniser of hand landmarks on the photos of taught signs alone."""

from pathlib import Path

import numpy as np
import torch

from handshape.bundle import BundleConfig
from handshape.config.train import TrainConfig
from handshape.data.dataset import Dataset, SplitIndices
from handshape.data.images.index import ImageIndex
from handshape.data.splits.leave_one_group_out import FoldPlan, leave_one_signer_out
from handshape.evaluation.cross_validation import measure_folds
from handshape.evaluation.evaluation import FitEvaluation, evaluate_fit
from handshape.network_bundle import recogniser_of
from handshape.teaching.left_out import halves, leave_signers_out
from handshape.teaching.taught_signs import TaughtSigns, teach
from handshape.training.fit import Fitter


def train_alone(index: ImageIndex, cache: Path) -> TaughtSigns:
    """Train on photos, and measure on each person left out.

    Args:
        index: The photos, of two labels or more.
        cache: The cache; landmarks that are there are not computed again.
    """
    dataset = index.dataset
    fitter = Fitter(index, cache, torch.device("cpu"), TrainConfig(data=dataset.root, model="landmarks"))

    def evaluated(split: SplitIndices) -> FitEvaluation:
        valid, test = (dataset.take(split[side].tolist()) for side in ("valid", "test"))
        return evaluate_fit(fitter.fit("landmarks", split, mirrored=False), valid, test)

    splits, untested = leave_signers_out(dataset)
    folds = tuple(evaluated(split) for split in splits)
    figures = measure_folds(folds, FoldPlan("signer", {})) if folds else None
    final = evaluated(_final_split(dataset))
    config = BundleConfig(
        dataset.labels, final.fitted.config, final.calibration.temperature, final.rejection.threshold
    )
    made = recogniser_of(final.fitted.network, config, cache)
    return teach(made, index, folds, figures, untested)


def _final_split(dataset: Dataset) -> SplitIndices:
    """Validate on the signer with the fewest photos if the others show every sign, else on half of all."""
    plans = leave_one_signer_out(dataset).folds if len(dataset.signers) > 2 else {}
    classes = dataset.classes
    for split in plans.values():
        train = np.concatenate([split["train"], split["test"]])
        if set(classes[train]) == set(classes):
            return {"train": np.sort(train), "valid": split["valid"], "test": split["valid"]}
    both = halves(classes, np.arange(len(classes)))
    return {**both, "test": both["valid"]}
