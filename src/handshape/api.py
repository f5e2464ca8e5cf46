"""The commands as Python functions: the same settings and defaults, and results that show themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar, Unpack, overload

from handshape import keywords
from handshape.commands import draw as _draw
from handshape.commands import export as _export
from handshape.commands import push as _push
from handshape.commands import study as _study
from handshape.commands.add import add_run
from handshape.commands.compare import compare_run
from handshape.commands.evaluate import evaluate_photos
from handshape.commands.features import extract_photos
from handshape.commands.features import features as _features_on_cluster
from handshape.commands.inspect import inspect_photos
from handshape.commands.train import train_run
from handshape.config.data import ReadingOptions
from handshape.config.draw import DrawConfig
from handshape.config.engine import EngineOptions
from handshape.config.export import ExportConfig
from handshape.config.fields import Settings
from handshape.config.push import PushConfig
from handshape.config.signature import make_settings, refuse, takes_settings
from handshape.config.study import AutoencoderConfig, ChiralityConfig, FinetuneConfig, StudyConfig
from handshape.config.train import CompareConfig, TrainConfig
from handshape.config.use import AddConfig, EvaluateConfig, FeaturesConfig, InspectConfig
from handshape.data.dataset import Dataset
from handshape.data.images.decode import Preprocessing
from handshape.errors import UsageError
from handshape.inference.engine import configure
from handshape.recogniser import Recogniser, load
from handshape.results.data_results import ImageFeatures, InspectionReport, StudyReport
from handshape.results.evaluation_report import EvaluationReport
from handshape.results.training_results import ComparisonReport, TrainResult
from handshape.run import default_out
from handshape.teaching.taught_signs import TaughtSigns
from handshape.training.callbacks import Callback
from handshape.training.own_parts import Augmentation, OwnParts, own_backbone

_Settings = TypeVar("_Settings", bound=Settings)
# Settings of how a folder is read, which a Dataset has been already.
_READING = ("labels", "signer", "source", "label_from", "layout", "no_follow_links", "exclude")
_STUDIES: dict[str, tuple[Any, type[StudyConfig]]] = {
    "chirality": (_study.chirality, ChiralityConfig),
    "autoencoder": (_study.autoencoder, AutoencoderConfig),
    "finetune": (_study.finetune, FinetuneConfig),
}


@takes_settings(InspectConfig)
def inspect(data: str | Path | Dataset, **settings: Unpack[keywords.InspectKeywords]) -> InspectionReport:
    r"""Say what is in a data set, and what is wrong with it.

    Args:
        data: The photos: a folder, an archive, a table, or what `read_folder` returned.
        settings: As below.

    Returns:
        Counts, split and findings.

    Raises:
        DataError: The data cannot be read.
        UsageError: A setting does not exist, or is out of its range.

    Examples:
        >>> report = handshape.inspect("photos", signer=r"(signer\d+)_")
        >>> "few_photos" in [finding.kind for finding in report.findings]
        True
    """
    config, given = _with_data(InspectConfig, "inspect", data, settings)
    found, data_report = inspect_photos(config, given)
    return InspectionReport(data_report, found)


@takes_settings(FeaturesConfig)
def extract_features(
    data: str | Path | Dataset,
    *,
    preprocessing: Preprocessing | None = None,
    **settings: Unpack[keywords.FeaturesKeywords],
) -> ImageFeatures:
    """Compute the image features of photos with a frozen backbone, find their hands, and cache both.

    Args:
        data: The photos: a folder, an archive, a table, or what `read_folder` returned.
        preprocessing: Of the images of a backbone of your own; see `train`.
        settings: As below; ``backbone`` also takes a module, as for `train`.

    Returns:
        The features, in the order of the photos that can be read.

    Raises:
        DataError: The data cannot be read.
        UsageError: A setting does not exist, or is out of its range.
        WeightsError: The backbone's weights cannot be found.

    Examples:
        >>> features = handshape.extract_features("photos", backbone="handnet", views=0)
        >>> features.array.shape, features.array.dtype
        ((72, 192, 4, 4), dtype('float16'))
    """
    own, named = _own_parts(settings, preprocessing)
    config, given = _with_data(FeaturesConfig, "extract_features", data, named)
    if config.engine == "ray":
        if given is not None:
            raise UsageError(
                "engine='ray' with a Dataset", "a path that every node can read", "pass the path"
            )
        return ImageFeatures(None, None, _features_on_cluster(config))
    found, dataset, read = extract_photos(config, given, own.backbone)
    return ImageFeatures(dataset, read(), found)


@takes_settings(TrainConfig)
def train(
    data: str | Path | Dataset,
    *,
    preprocessing: Preprocessing | None = None,
    augment: Augmentation | None = None,
    callbacks: Sequence[Callback] = (),
    **settings: Unpack[keywords.TrainKeywords],
) -> TrainResult:
    r"""Train one model, measure it on photos it was not trained on, and write the run.

    In place of a name, ``backbone`` takes a module from (N, 3, H, W) images to (N, C, h, w) features, and
    ``head`` an unfitted classifier of scikit-learn (extra ``sklearn-heads``), saved as an ONNX graph.

    Args:
        data: The photos: a folder, an archive, a table, or what `read_folder` returned.
        preprocessing: Of the images of a backbone of your own; by default 224 pixels in [0, 1].
        augment: Makes an augmented view of an (H, W, 3) uint8 image with a random generator of numpy, in
            place of handshape's augmentation. Features of such views are not cached.
        callbacks: Called at each epoch, after each fit, and when the report is written.
        settings: As below.

    Returns:
        The recogniser with its accuracy.

    Raises:
        DataError: The data cannot be read, or has fewer than two labels.
        OutputError: The run cannot be written.
        SplitError: A split would be empty.
        UsageError: A setting does not exist, or is out of its range.
        WeightsError: The backbone's weights cannot be found.

    Examples:
        >>> result = handshape.train("photos", signer=r"(signer\d+)_", model="landmarks", seed=1)
        >>> result.recogniser.predict("photos/A/signer1_0.png").label
        'A'
    """
    own, named = _own_parts(settings, preprocessing, augment, callbacks)
    config, given = _with_data(TrainConfig, "train", data, named)
    run = train_run(config, given, own)
    return TrainResult(run.experiment, run.metrics, run.out)


@takes_settings(CompareConfig)
def compare(
    data: str | Path | Dataset,
    *,
    preprocessing: Preprocessing | None = None,
    augment: Augmentation | None = None,
    callbacks: Sequence[Callback] = (),
    **settings: Unpack[keywords.CompareKeywords],
) -> ComparisonReport:
    """Train several models on one split, compare them on photos they were not trained on, write the run.

    Args:
        data: The photos: a folder, an archive, a table, or what `read_folder` returned.
        preprocessing: As for `train`.
        augment: As for `train`.
        callbacks: As for `train`.
        settings: As below; ``backbone`` and ``head`` as for `train`.

    Returns:
        The models with their accuracies, and the one that was saved.

    Raises:
        DataError: The data cannot be read, or has fewer than two labels.
        OutputError: The run cannot be written.
        SplitError: A split would be empty.
        UsageError: A setting does not exist, or is out of its range.
        WeightsError: The backbone's weights cannot be found.

    Examples:
        >>> report = handshape.compare("photos", models="frozen,landmarks", backbone="handnet")
        >>> report.best
        'frozen'
    """
    own, named = _own_parts(settings, preprocessing, augment, callbacks)
    config, given = _with_data(CompareConfig, "compare", data, named)
    run = compare_run(config, given, own)
    return ComparisonReport(run.experiment, run.metrics, run.out)


@takes_settings(AddConfig)
def add_signs(
    bundle: str | Path | Recogniser,
    data: str | Path | Dataset,
    **settings: Unpack[keywords.AddKeywords],
) -> TaughtSigns:
    r"""Add the signs of photos to a recogniser, measure them on each person left out, and write the run.

    The recogniser keeps its own signs: their statistics are in its bundle, so their photos are not needed.
    It must classify hand landmarks (``asl``, ``landmarks``, ``combined``); the result does so by landmarks
    alone. A label that it knows already gets one more handshape.

    Args:
        bundle: A recogniser, or what `load` takes.
        data: The photos: a folder, an archive, a table, the project file of Teach, or what `read_folder`
            returned.
        settings: As below.

    Returns:
        The recogniser with the signs, and its accuracy.

    Raises:
        BundleError: There is no recogniser, it is damaged, or it does not classify hand landmarks.
        DataError: The data cannot be read.
        OutputError: The run cannot be written.
        UsageError: A setting does not exist, or is out of its range.

    Examples:
        >>> taught = handshape.add_signs("asl", "photos", signer=r"(signer\d+)_", out="runs/mine", force=True)
        >>> taught.recogniser.labels == handshape.load("asl").labels  # the photos show A, B and C
        True
    """
    place: str | Path = "recogniser" if isinstance(bundle, Recogniser) else bundle
    config, given = _with_data(AddConfig, "add_signs", data, settings, bundle=place)
    return add_run(config, given, bundle if isinstance(bundle, Recogniser) else None)


@takes_settings(EvaluateConfig)
def evaluate(
    bundle: str | Path | Recogniser,
    data: str | Path | Dataset,
    **settings: Unpack[keywords.EvaluateKeywords],
) -> EvaluationReport:
    """Measure a recogniser on photos; those that it was trained on are left out.

    Args:
        bundle: A recogniser, or what `load` takes.
        data: The photos: a folder, an archive, a table, or what `read_folder` returned.
        settings: As below.

    Returns:
        The accuracy, with all predictions.

    Raises:
        BundleError: There is no recogniser, or it is damaged.
        DataError: The data cannot be read, or holds training photos only.
        UsageError: A setting does not exist, or is out of its range.

    Examples:
        >>> report = handshape.evaluate("runs/first", "photos", include_known=True)
        >>> report.accuracy > 0.5
        True
    """
    place: str | Path = "recogniser" if isinstance(bundle, Recogniser) else bundle
    config, given = _with_data(EvaluateConfig, "evaluate", data, settings, bundle=place)
    recogniser = bundle if isinstance(bundle, Recogniser) else load(bundle)
    metrics, evaluation = evaluate_photos(config, given, recogniser)
    return EvaluationReport(evaluation, metrics, recogniser, config.out)


@overload
def study(
    name: Literal["chirality"], data: str | Path | Dataset, **settings: Unpack[keywords.ChiralityKeywords]
) -> StudyReport: ...
@overload
def study(
    name: Literal["autoencoder"], data: str | Path | Dataset, **settings: Unpack[keywords.AutoencoderKeywords]
) -> StudyReport: ...
@overload
def study(
    name: Literal["finetune"], data: str | Path | Dataset, **settings: Unpack[keywords.FinetuneKeywords]
) -> StudyReport: ...
def study(name: str, data: str | Path | Dataset, **settings: Any) -> StudyReport:
    """Answer one of the lesson's questions on your own photos.

    Args:
        name: Of the study: ``chirality``, ``autoencoder`` or ``finetune``.
        data: The photos: a folder, an archive, a table, or what `read_folder` returned.
        settings: As on the command line: see ``handshape study NAME --help``.

    Returns:
        The answer with its table.

    Raises:
        DataError: The data cannot be read, or has fewer than two labels.
        UsageError: There is no such study or setting, or a setting is out of its range.
        WeightsError: The backbone's weights cannot be found.

    Examples:
        >>> report = handshape.study("autoencoder", "photos", backbone="handnet", epochs=1, photos=12)
        >>> print(report.answer)  # doctest: +ELLIPSIS
        A decoder on frozen handnet features is ...
    """
    if name not in _STUDIES:
        raise UsageError(f"study {name!r}", f"one of {', '.join(_STUDIES)}", "choose one of those")
    command, kind = _STUDIES[name]
    config, given = _with_data(kind, f"study {name}", data, settings)
    out = config.out or default_out(f"study-{name}")
    return StudyReport(command(replace(config, out=out), given), out)


@takes_settings(ExportConfig)
def export_bundle(bundle: str | Path, **settings: Unpack[keywords.ExportKeywords]) -> dict[str, Any]:
    """Export a recogniser as an ONNX model, or as a page that runs in the browser.

    Args:
        bundle: Folder of a run or of its recogniser.
        settings: As below.

    Returns:
        The file, and how it compares with the recogniser on photos, as JSON types.

    Raises:
        BundleError: There is no recogniser, or it is damaged.
        ExportError: It cannot be exported.
        UsageError: A setting does not exist, or is out of its range.

    Examples:
        >>> exported = handshape.export_bundle("runs/first", out="model.onnx")
        >>> exported["labels"]
        ['A', 'B', 'C']
    """
    return _export.export(_configured(make_settings(ExportConfig, "export_bundle", settings, bundle=bundle)))


@takes_settings(PushConfig)
def push(bundle: str | Path, repository: str, **settings: Unpack[keywords.PushKeywords]) -> dict[str, Any]:
    """Upload a recogniser to the Hugging Face hub; needs the extra ``hub``.

    Args:
        bundle: Folder of a run or of its recogniser.
        repository: Repository on the hub: owner/name; private unless ``public=True``.
        settings: As below.

    Returns:
        Address and files, as JSON types.

    Raises:
        BundleError: There is no recogniser, or it is damaged.
        HubError: The hub cannot be reached, or refuses.
        MissingExtraError: The extra ``hub`` is not installed.
        UsageError: A setting does not exist, or is out of its range.

    Examples:
        >>> handshape.push("runs/first", "me/letters")["private"]  # doctest: +SKIP
        True
    """
    return _push.push(make_settings(PushConfig, "push", settings, bundle=bundle, repository=repository))


@takes_settings(DrawConfig)
def draw(out: str | Path, **settings: Unpack[keywords.DrawKeywords]) -> dict[str, Any]:
    """Draw a data set of hand signs, for trying things out without photos; in one process unless told.

    Args:
        out: Folder to write.
        settings: As below.

    Returns:
        Folder, labels, signers and number of images, as JSON types.

    Raises:
        OutputError: The folder is not empty.
        UsageError: A setting does not exist, or is out of its range.

    Examples:
        >>> handshape.draw("drawn", labels="A,B", signers=2, images=1)["images"]
        4
    """
    config = make_settings(DrawConfig, "draw", settings, out=out)
    # New processes import the main script again: one without `if __name__ == "__main__"` would fail.
    return dict(_draw.draw(replace(config, workers=config.workers or 1)))


def _own_parts(
    settings: Mapping[str, Any],
    preprocessing: Preprocessing | None,
    augment: Augmentation | None = None,
    callbacks: Sequence[Callback] = (),
) -> tuple[OwnParts, dict[str, Any]]:
    """Return what a program brings of its own, and the settings without it."""
    named = dict(settings)
    classifier = None if isinstance(named.get("head", ""), str) else named.pop("head")
    module = None if isinstance(named.get("backbone", ""), str) else named.pop("backbone")
    if module is None and preprocessing is not None:
        wrong = "preprocessing= with a backbone that is a name"
        raise UsageError(wrong, "a module as backbone", "leave it out: the name stands for both")
    backbone = None if module is None else own_backbone(module, preprocessing)
    return OwnParts(classifier, backbone, augment, callbacks), named


def _with_data(
    kind: type[_Settings], caller: str, data: str | Path | Dataset, settings: Any, **fixed: Any
) -> tuple[_Settings, Dataset | None]:
    """Return the settings of a command, and the photos where they were read before."""
    given = data if isinstance(data, Dataset) else None
    if given is not None and issubclass(kind, ReadingOptions):
        refuse(caller, settings, _READING)
    place = given.root if given is not None else data
    return _configured(make_settings(kind, caller, settings, data=place, **fixed)), given


def _configured(config: _Settings) -> _Settings:
    if isinstance(config, EngineOptions):
        configure(config)
    return config
