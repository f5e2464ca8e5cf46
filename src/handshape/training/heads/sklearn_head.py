"""Fit a classifier of scikit-learn on features, and convert it to ONNX: nothing is pickled."""

import time
import warnings
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from torch import Tensor

from handshape.data.images.prepared import read_batch
from handshape.errors import MissingExtraError, UsageError
from handshape.inference.graphs import OPSET
from handshape.models.onnx_head import ML_OPSET, OnnxHead
from handshape.training.datasets import LabelledFeatures
from handshape.training.history import Epoch, accuracy_of

# Largest difference between a probability of scikit-learn and of its graph.
_EXACT = 1e-3
# Rows and features of each class that a classifier is tried on.
_TRIED, _WIDTH = 12, 8
# What recognisers must not have: a graph without them runs everywhere in a known time.
_FORBIDDEN = {"Loop", "Scan", "If"}


def check_classifier(classifier: Any, labels: int) -> None:
    """Check that a classifier can be a head, on a few random numbers, before anything long begins.

    Args:
        classifier: Unfitted, of scikit-learn.
        labels: K.

    Raises:
        MissingExtraError: The extra ``sklearn-heads`` is not installed.
        UsageError: It is no classifier with probabilities, or has no converter to ONNX.
    """
    if not is_classifier(classifier) or not hasattr(classifier, "fit"):
        raise _refused(classifier, "it is no classifier")
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(labels), _TRIED)
    rows = rng.standard_normal((len(classes), _WIDTH)).astype(np.float32) + classes[:, None]
    try:
        fitted = _fitted(classifier, rows, classes)
    except Exception as error:
        raise _refused(classifier, f"it cannot be fitted ({_first_line(error)})") from error
    if not hasattr(fitted, "predict_proba"):
        raise _refused(classifier, "it has no predict_proba")
    _converted(fitted, rows)


def train_classifier(
    classifier: Any, train: LabelledFeatures, valid: LabelledFeatures
) -> tuple[OnnxHead, list[Epoch], Tensor]:
    """Fit a classifier on training features.

    Args:
        classifier: Unfitted; it stays as it is.
        train: (N, C, p, p) features and (N,) int64 classes.
        valid: The same for validation; nothing is fitted to it.

    Returns:
        The head, its history, which is a single row, and the (M, K) validation log-probabilities.

    Raises:
        UsageError: The classifier has no converter, or its graph gives other probabilities.
    """
    start = time.perf_counter()
    rows, held = (_rows(part) for part in (train, valid))
    fitted = _fitted(classifier, rows, train[1])
    head = OnnxHead.of(rows.shape[1], _converted(fitted, held))
    before, logits = (head(torch.from_numpy(one)) for one in (rows, held))
    loss = -float(before[np.arange(len(rows)), train[1]].mean())
    accuracies = accuracy_of(before, train[1]), accuracy_of(logits, valid[1])
    return head, [Epoch(1, loss, *accuracies, time.perf_counter() - start)], logits


def _rows(part: LabelledFeatures) -> NDArray[np.float32]:
    return np.asarray(read_batch(part[0], range(len(part[0]))).flatten(1).numpy())


def _fitted(classifier: Any, rows: NDArray[np.float32], classes: NDArray[np.int64]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as one that did not converge: its accuracy shows
        return clone(classifier).fit(rows, classes)


def _converted(fitted: Any, rows: NDArray[np.float32]) -> bytes:
    """Return the graph of a fitted classifier, compared with it on rows."""
    try:
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import FloatTensorType
    except ImportError as error:
        remedy = "install it with `pip install 'handshape[sklearn-heads]'`"
        raise MissingExtraError("a classifier as head", "the extra `sklearn-heads`", remedy) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = convert_sklearn(
                fitted,
                initial_types=[("features", FloatTensorType([None, rows.shape[1]]))],
                options={"zipmap": False},
                target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
            )
    except Exception as error:  # skl2onnx raises many kinds of errors
        raise _refused(fitted, f"it has no converter to ONNX ({_first_line(error)})") from error
    looping = _FORBIDDEN & {node.op_type for node in model.graph.node}
    if looping:
        raise _refused(fitted, f"its graph has a {sorted(looping)[0]}")
    head = OnnxHead.of(rows.shape[1], _with_names(model))
    expected = fitted.predict_proba(rows)
    found = head(torch.from_numpy(rows)).exp().numpy()
    if found.shape != expected.shape or np.abs(found - expected).max() > _EXACT:
        raise _refused(fitted, "its graph gives other probabilities than it does")
    return head.graph.numpy().tobytes()


def _with_names(model: onnx.ModelProto) -> bytes:
    """Return a graph with its second output, the probabilities, alone."""
    kept = next(one for one in model.graph.output if "prob" in one.name.lower())
    for one in list(model.graph.output):
        if one.name != kept.name:
            model.graph.output.remove(one)
    if kept.name != "probabilities":
        model.graph.node.append(onnx.helper.make_node("Identity", [kept.name], ["probabilities"]))
        kept.name = "probabilities"
    content: bytes = model.SerializeToString()
    return content


def _refused(classifier: Any, reason: str) -> UsageError:
    return UsageError(
        f"head={type(classifier).__name__}: {reason}",
        "an unfitted classifier of scikit-learn with predict_proba that skl2onnx converts, such as "
        "LogisticRegression() or RandomForestClassifier()",
        "choose another, or use HandFeatures in a pipeline of your own",
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:160]
