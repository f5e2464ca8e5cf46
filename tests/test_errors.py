import pickle
import re

import pytest
from tests.approve import APPROVED, messages

from handshape import errors
from handshape.errors import HandshapeError

CHILDREN = [
    (errors.UsageError, ValueError),
    (errors.DataError, ValueError),
    (errors.DataNotFoundError, FileNotFoundError),
    (errors.ImageError, errors.DataError),
    (errors.ImageFormatError, errors.ImageError),
    (errors.ImageSizeError, errors.ImageError),
    (errors.SplitError, errors.DataError),
    (errors.BackboneError, ValueError),
    (errors.WeightsError, ValueError),
    (errors.BundleError, ValueError),
    (errors.ExportError, ValueError),
    (errors.HubError, OSError),
    (errors.OutputError, OSError),
    (errors.MemoryFullError, MemoryError),
    (errors.ShapeError, ValueError),
    (errors.BusyError, RuntimeError),
    (errors.ServeError, OSError),
    (errors.ClusterError, ConnectionError),
    (errors.MissingExtraError, ImportError),
    (errors.ImageFormatError, errors.ImageError),
    (errors.ImageSizeError, errors.ImageError),
    (errors.BusyError, RuntimeError),
    (errors.NoRecogniserError, RuntimeError),
    (errors.AlbumError, ValueError),
    (errors.UnknownPhotoError, LookupError),
    (errors.ServeError, OSError),
]


def test_messages__are_the_approved_ones() -> None:
    # Changed on purpose? `python -m tests.approve` writes the list anew.
    assert messages() == APPROVED.read_text(encoding="utf-8")


def test_code__for_programs() -> None:
    codes = [kind("wrong", "right", "do it").code for kind, _ in CHILDREN]
    assert "data-not-found" in codes and "usage" in codes
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", code) for code in codes)


def test_handshape_error__children_are_all_listed() -> None:
    defined = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    assert defined == {HandshapeError, *(kind for kind, _ in CHILDREN)}


@pytest.mark.parametrize(("kind", "standard"), CHILDREN)
def test_handshape_error__says_three_parts(kind: type[HandshapeError], standard: type[Exception]) -> None:
    error = kind("no folder 'x'", "a folder", "check the path")
    assert str(error) == "no folder 'x'; expected a folder; check the path"
    assert (error.wrong, error.expected, error.remedy) == ("no folder 'x'", "a folder", "check the path")
    assert isinstance(error, HandshapeError)
    assert isinstance(error, standard)


@pytest.mark.parametrize(("kind", "standard"), CHILDREN)
def test_handshape_error__goes_between_processes(
    kind: type[HandshapeError], standard: type[Exception]
) -> None:
    error = pickle.loads(pickle.dumps(kind("wrong", "right", "do it")))
    assert type(error) is kind
    assert str(error) == "wrong; expected right; do it"
