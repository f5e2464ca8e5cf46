from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshape.data.images.decode import Preprocessing
from handshape.export.resize import OPSET, resize_graph


def session(size: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(resize_graph(size).SerializeToString(), options)


GRAPHS = {size: session(size) for size in (16, 224)}
NOISE = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)


def same(pixels: np.ndarray[Any, np.dtype[np.uint8]], size: int = 224) -> bool:
    expected = Preprocessing(size).prepare(pixels).transpose(2, 0, 1)[None]
    (found,) = GRAPHS[size].run(None, {"images": pixels[None]})
    assert found.dtype == np.uint8 and found.shape == (1, 3, size, size)
    return np.array_equal(found, expected)


@pytest.mark.parametrize(
    "height, width",
    [
        *((1, 1), (7, 300), (1000, 3), (200, 200), (224, 224), (224, 225), (223, 224), (400, 400)),
        *((448, 896), (480, 640), (640, 480), (1080, 1920), (3000, 4000)),
    ],
)
def test_resize_graph__gives_torch_s_bytes(height: int, width: int) -> None:
    assert same(NOISE[:height, :width])


@given(st.integers(1, 700), st.integers(1, 700), st.sampled_from([16, 224]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_resize_graph__gives_torch_s_bytes_at_any_size(
    height: int, width: int, size: int, stark: bool
) -> None:
    # Pixels of 0 and 255 only reach sums that photos do not.
    pixels = NOISE[:height, :width]
    assert same(np.where(pixels > 127, 255, 0).astype(np.uint8) if stark else pixels, size)


def test_resize_graph__a_very_long_picture() -> None:
    assert same(np.resize(NOISE, (2, 100_000, 3)))


def test_resize_graph__many_at_once() -> None:
    (found,) = GRAPHS[16].run(None, {"images": np.stack([NOISE[:50, :60], NOISE[-50:, -60:]])})
    for row, pixels in zip(found, (NOISE[:50, :60], NOISE[-50:, -60:]), strict=True):
        assert np.array_equal(row.transpose(1, 2, 0), Preprocessing(16).prepare(pixels))


def test_resize_graph__needs_nothing_beyond_onnx() -> None:
    model = resize_graph(224)
    assert [(one.domain, one.version) for one in model.opset_import if not one.domain] == [("", OPSET)]
    assert not model.functions and {node.domain for node in model.graph.node} == {""}
    onnx.checker.check_model(model, full_check=True)
