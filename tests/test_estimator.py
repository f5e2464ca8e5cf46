import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import sklearn
from PIL import Image
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import validate_data

import handshape
from handshape import SignClassifier
from handshape.data.splits.group_hold_out import hold_out_groups
from handshape.errors import DataError, OutputError, ShapeError
from handshape.features import extract

Photos = tuple[list[str], list[str], list[str]]


@pytest.fixture
def photos(make_photos: Callable[..., Path]) -> Photos:
    """Paths, labels and signers of three shapes by four signers."""
    paths = sorted(make_photos("ABC", signers=4, images=3).glob("*/*.png"))
    return [str(p) for p in paths], [p.parent.name for p in paths], [p.stem.split("_")[0] for p in paths]


def make(cache_dir: Path, **settings: Any) -> SignClassifier:
    return SignClassifier(
        **{
            "model": "frozen",
            "backbone": "handnet",
            "views": 0,
            "device": "cpu",
            "cache": cache_dir,
            **settings,
        }
    )


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images went through a backbone, call by call."""
    counts: list[int] = []
    real = extract._extract

    def counting(extractor: Any, images: Any, digests: Any, missing: Any, *rest: Any) -> None:
        counts.append(len(missing))
        real(extractor, images, digests, missing, *rest)

    monkeypatch.setattr(extract, "_extract", counting)
    return counts


def test_fit__reads_signers_it_was_not_shown(photos: Photos, tmp_path: Path) -> None:
    paths, labels, signers = photos
    known = [i for i, signer in enumerate(signers) if signer != "signer4"]
    new = [i for i, signer in enumerate(signers) if signer == "signer4"]
    fitted = make(tmp_path).fit(
        [paths[i] for i in known], [labels[i] for i in known], [signers[i] for i in known]
    )
    assert fitted.classes_.tolist() == ["A", "B", "C"]
    tested = [paths[i] for i in new]
    assert fitted.score(tested, [labels[i] for i in new]) >= 8 / 9
    probabilities = fitted.predict_proba(tested)
    assert probabilities.shape == (9, 3) and np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert fitted.predict(tested).tolist() == fitted.classes_[probabilities.argmax(axis=1)].tolist()


def test_fit__paths_pictures_and_arrays_alike(photos: Photos, tmp_path: Path) -> None:
    paths, labels, signers = photos
    pictures = [Image.open(path).convert("RGB") for path in paths]
    arrays = [np.asarray(picture) for picture in pictures]
    many = (
        paths,
        np.array(paths, dtype=object),
        [Path(p) for p in paths],
        pictures,
        arrays,
        np.stack(arrays),
    )
    found = [make(tmp_path).fit(given, labels, signers).predict_proba(given) for given in many]
    assert all(np.allclose(one, found[0], atol=1e-6) for one in found[1:])


def test_fit__labels_of_any_type(photos: Photos, tmp_path: Path) -> None:
    paths, labels, _ = photos
    numbers = [{"A": 30, "B": 4, "C": 100}[label] for label in labels]
    fitted = make(tmp_path).fit(paths, numbers)
    assert fitted.classes_.tolist() == [4, 30, 100]
    assert set(fitted.predict(paths).tolist()) <= {4, 30, 100}
    assert fitted.to_recogniser().labels == ("4", "30", "100")


@pytest.mark.slow
def test_cross_val_score__extracts_every_image_once(
    photos: Photos, tmp_path: Path, extracted: list[int]
) -> None:
    paths, labels, signers = photos
    scores = cross_val_score(make(tmp_path), paths, labels, groups=signers, cv=GroupKFold(4))
    assert scores.shape == (4,) and scores.mean() >= 0.8
    assert sum(extracted) == len(paths)
    cross_val_score(make(tmp_path, head="linear"), paths, labels, groups=signers, cv=GroupKFold(2))
    assert sum(extracted) == len(paths)


def test_cross_val_score__routes_signers_to_fit(photos: Photos, tmp_path: Path) -> None:
    paths, labels, signers = photos
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = make(tmp_path).set_fit_request(groups=True)
        scores = cross_val_score(
            classifier, paths, labels, params={"groups": signers}, cv=GroupKFold(3), error_score="raise"
        )
    assert scores.shape == (3,)


@pytest.mark.slow
def test_grid_search__in_a_pipeline(photos: Photos, tmp_path: Path, extracted: list[int]) -> None:
    paths, labels, signers = photos
    pipeline = Pipeline([("as paths", FunctionTransformer(list)), ("signs", make(tmp_path))])
    grid = {"signs__head": ["lda", "linear"], "signs__pool": [1, 4]}
    search = GridSearchCV(pipeline, grid, cv=GroupKFold(3), error_score="raise")
    search.fit(paths, labels, groups=signers)
    assert set(search.best_params_) == set(grid) and search.best_score_ >= 0.8
    assert search.predict(paths[:2]).shape == (2,)
    assert sum(extracted) == 2 * len(paths)  # once for each pooling


def test_fit__the_same_twice_and_through_pickle(photos: Photos, tmp_path: Path) -> None:
    paths, labels, _ = photos
    one, other = (make(tmp_path, head="mlp", epochs=2).fit(paths, labels) for _ in range(2))
    assert np.array_equal(one.predict_proba(paths), other.predict_proba(paths))
    again = pickle.loads(pickle.dumps(one))
    assert np.array_equal(again.predict_proba(paths), one.predict_proba(paths))


@pytest.mark.slow
def test_fit__the_cnn(photos: Photos, tmp_path: Path) -> None:
    paths, labels, signers = photos
    fitted = make(tmp_path, model="cnn", epochs=2).fit(paths, labels, signers)
    assert fitted.predict_proba(paths).shape == (36, 3)
    assert np.allclose(fitted.predict_proba(paths), fitted.to_recogniser().predict_proba(paths), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["frozen", "landmarks", "combined"])
def test_save__gives_a_bundle(photos: Photos, tmp_path: Path, model: str) -> None:
    paths, labels, signers = photos
    fitted = make(tmp_path / "cache", model=model).fit(paths, labels, signers)
    fitted.save(tmp_path / "bundle")
    recogniser = handshape.load(tmp_path / "bundle")
    assert np.allclose(recogniser.predict_proba(paths), fitted.predict_proba(paths), atol=1e-4)
    assert recogniser.config.threshold > 0 and recogniser.config.figures == {}
    assert "Not measured" in (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8")
    with pytest.raises(OutputError, match="is not empty"):
        fitted.save(tmp_path / "bundle")


@pytest.mark.parametrize(
    "images, labels, error, text",
    [
        ("a.png", ["A"], ShapeError, "images of type 'str'"),
        (
            np.zeros((4, 8, 8), np.uint8),
            list("AABB"),
            ShapeError,
            r"images of shape \(4, 8, 8\) and type uint8",
        ),
        (np.zeros((4, 10)), list("AABB"), ShapeError, "reshape your data: there must be N images"),
        ([1, 2], ["A", "B"], ShapeError, "an image of type 'int'; expected a path, a Pillow image"),
        ([], [], ShapeError, "0 images; expected at least one; check the list"),
        (
            np.zeros((4, 8, 8, 3), np.uint8),
            list("AAAA"),
            DataError,
            r"one label only \('A'\), in other words",
        ),
        (
            np.zeros((2, 8, 8, 3), np.uint8),
            None,
            DataError,
            "fit requires y to be passed, but the target y is",
        ),
        (np.zeros((2, 8, 8, 3), np.uint8), list("AB"), DataError, "2 photos, one of each label"),
        (np.zeros((2, 8, 8, 3), np.uint8), list("ABC"), ValueError, "inconsistent numbers of samples"),
    ],
)
def test_fit__refuses_images_and_labels(
    tmp_path: Path, images: Any, labels: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        make(tmp_path).fit(images, labels)


def test_fit__a_file_that_cannot_be_read(photos: Photos, tmp_path: Path) -> None:
    Path(photos[0][0]).write_bytes(b"")
    with pytest.raises(DataError, match=r"signer1_0.png': the file is empty"):
        make(tmp_path).fit(photos[0], photos[1])


class RowClassifier(SignClassifier):
    """Makes an image of each row of numbers, so that scikit-learn's own checks have something to give it."""

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        if y is None:
            return super().fit(X, y)
        X, y = validate_data(self, X, y, ensure_min_samples=2)
        self.low_, self.high_ = X.min(axis=0), X.max(axis=0)
        return super().fit(self._drawn(X), y, groups)

    def predict_proba(self, X: Any) -> Any:
        sklearn.utils.validation.check_is_fitted(self)
        return super().predict_proba(self._drawn(validate_data(self, X, reset=False)))

    def _drawn(self, rows: Any) -> Any:
        share = (rows - self.low_) / np.maximum(self.high_ - self.low_, 1e-9)
        bars = (share.clip(0, 1) * 255).astype(np.uint8)[:, None, :].repeat(64, axis=1)
        wide = bars.repeat(-(-64 // rows.shape[1]), axis=2)[:, :, :64]
        return np.stack([wide] * 3, axis=3)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # numbers drawn as bars are no hands
        return tags


def make_rows(cache_dir: Path) -> RowClassifier:
    return RowClassifier(model="frozen", backbone="handnet", device="cpu", cache=cache_dir, pool=1)


# Checks that give the estimator rows of numbers, where an image is a path, a picture or an (H, W, 3) array:
# it refuses them with a ShapeError. All others are passed, and `RowClassifier`, which draws an image of each
# row, passes these as well.
NEED_ROWS = {
    "check_classifier_data_not_an_array",
    "check_classifiers_classes",
    "check_classifiers_one_label",
    "check_classifiers_regression_target",
    "check_classifiers_train",
    "check_complex_data",
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_dtype_object",
    "check_estimator_sparse_array",
    "check_estimator_sparse_matrix",
    "check_estimator_sparse_tag",
    "check_estimators_dtypes",
    "check_estimators_empty_data_messages",
    "check_estimators_fit_returns_self",
    "check_estimators_nan_inf",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_fit2d_1feature",
    "check_fit2d_1sample",
    "check_fit2d_predict1d",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_n_features_in",
    "check_n_features_in_after_fitting",
    "check_pipeline_consistency",
    "check_positive_only_tag_during_fit",
    "check_readonly_memmap_input",
    "check_supervised_y_2d",
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_sign_classifier__by_the_checks_of_scikit_learn(tmp_path: Path) -> None:
    drawn = check_estimator(make_rows(tmp_path), on_fail=None, on_skip=None)
    assert {one["check_name"]: one["exception"] for one in drawn if one["status"] == "failed"} == {}
    results = check_estimator(make(tmp_path), on_fail=None, on_skip=None)
    assert {one["check_name"] for one in results if one["status"] == "failed"} == NEED_ROWS
    assert {one["check_name"] for one in drawn if one["status"] == "passed"} >= NEED_ROWS


@pytest.mark.slow
def test_fit__is_what_train_makes(make_photos: Callable[..., Path], tmp_path: Path) -> None:
    dataset = handshape.read_folder(make_photos("ABC", signers=5, images=4), signer=r"(signer\d)_")
    tested = np.array([sample.signer == "signer5" for sample in dataset])
    rest = dataset.where(~tested)
    signers = np.array([str(sample.signer) for sample in rest])
    valid = hold_out_groups(rest.classes, np.unique(signers, return_inverse=True)[1], 0.2, 0)[1]
    names = np.where(tested, "test", "train")
    names[np.flatnonzero(~tested)[valid]] = "valid"
    common: dict[str, Any] = {"backbone": "handnet", "cache": tmp_path, "device": "cpu"}
    result = handshape.train(dataset.with_splits(names), out=tmp_path / "run", **common)
    X = [sample.path for sample in rest]
    fitted = SignClassifier(**common).fit(X, [sample.label for sample in rest], groups=signers)
    photos = [sample.path for sample in dataset.where(tested)]
    assert np.allclose(fitted.predict_proba(photos), result.recogniser.predict_proba(photos), atol=1e-4)
