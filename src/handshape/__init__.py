"""handshape: from labelled hand-sign photos to a recogniser whose accuracy can be believed."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handshape.api import (
        add_signs,
        compare,
        draw,
        evaluate,
        export_bundle,
        extract_features,
        inspect,
        push,
        study,
        train,
    )
    from handshape.data.dataset import Dataset
    from handshape.data.images.decode import Preprocessing
    from handshape.data.io.folder import read_folder
    from handshape.data.sample import Sample
    from handshape.errors import HandshapeError
    from handshape.estimator import SignClassifier
    from handshape.hand_features import HandFeatures
    from handshape.recogniser import Recogniser, load
    from handshape.results.data_results import ImageFeatures, InspectionReport, StudyReport
    from handshape.results.evaluation_report import EvaluationReport
    from handshape.results.result import WrongPrediction
    from handshape.results.result_plots import ComparisonPlots, EvaluationPlots, TrainingPlots
    from handshape.results.training_results import ComparisonReport, TrainResult
    from handshape.teaching.taught_signs import TaughtSigns
    from handshape.training.callbacks import Callback
    from handshape.training.trackers import MlflowTracker, TensorBoardTracker
    from handshape.types import Prediction

    __version__: str

# Where each public name is defined.
_HOMES = {
    "Callback": "training.callbacks",
    "ComparisonPlots": "results.result_plots",
    "ComparisonReport": "results.training_results",
    "Dataset": "data.dataset",
    "EvaluationPlots": "results.result_plots",
    "EvaluationReport": "results.evaluation_report",
    "HandFeatures": "hand_features",
    "HandshapeError": "errors",
    "ImageFeatures": "results.data_results",
    "InspectionReport": "results.data_results",
    "MlflowTracker": "training.trackers",
    "Prediction": "types",
    "Preprocessing": "data.images.decode",
    "Recogniser": "recogniser",
    "Sample": "data.sample",
    "SignClassifier": "estimator",
    "StudyReport": "results.data_results",
    "TaughtSigns": "teaching.taught_signs",
    "TensorBoardTracker": "training.trackers",
    "TrainResult": "results.training_results",
    "TrainingPlots": "results.result_plots",
    "WrongPrediction": "results.result",
    "add_signs": "api",
    "compare": "api",
    "draw": "api",
    "evaluate": "api",
    "export_bundle": "api",
    "extract_features": "api",
    "inspect": "api",
    "load": "recogniser",
    "push": "api",
    "read_folder": "data.io.folder",
    "study": "api",
    "train": "api",
}
__all__ = [
    "Callback",
    "ComparisonPlots",
    "ComparisonReport",
    "Dataset",
    "EvaluationPlots",
    "EvaluationReport",
    "HandFeatures",
    "HandshapeError",
    "ImageFeatures",
    "InspectionReport",
    "MlflowTracker",
    "Prediction",
    "Preprocessing",
    "Recogniser",
    "Sample",
    "SignClassifier",
    "StudyReport",
    "TaughtSigns",
    "TensorBoardTracker",
    "TrainResult",
    "TrainingPlots",
    "WrongPrediction",
    "__version__",
    "add_signs",
    "compare",
    "draw",
    "evaluate",
    "export_bundle",
    "extract_features",
    "inspect",
    "load",
    "push",
    "read_folder",
    "study",
    "train",
]


def __getattr__(name: str) -> Any:
    # Nothing is imported before it is asked for, so that `handshape --help` need not wait for torch.
    if name == "__version__":
        from importlib.metadata import version  # takes longer than all the rest here

        return version("handshape")
    if name not in _HOMES:
        raise AttributeError(f"module 'handshape' has no attribute {name!r}")
    return getattr(import_module(f"handshape.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
