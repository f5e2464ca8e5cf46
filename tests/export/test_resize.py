from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, inliner

from handshape.data.images.decode import Preprocessing
from handshape.export.resize import DOMAIN, RESIZE
from handshape.inference.engine import Graph
from handshape.inference.graphs import OPSET


def model(size: int) -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("resize", ["images"], ["prepared"], domain=DOMAIN.domain, size=size)],
        "resize",
        [value("images", TensorProto.UINT8, ["N", "H", "W", 3])],
        [value("prepared", TensorProto.FLOAT, ["N", size, size, 3])],
    )
    domains = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN.domain, 1)]
    functions = [one.to_function_proto() for one in RESIZE]
    return inliner.inline_local_functions(
        helper.make_model(graph, functions=functions, opset_imports=domains, ir_version=10)
    )


GRAPHS = {size: Graph(model(size).SerializeToString()) for size in (16, 224)}
NOISE = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)


def same(pixels: np.ndarray[Any, np.dtype[np.uint8]], size: int = 224) -> bool:
    found = GRAPHS[size].run(images=pixels[None])["prepared"]
    assert found.dtype == np.float32 and found.shape == (1, size, size, 3)
    return np.array_equal(found[0], Preprocessing(size).prepare(pixels))


@pytest.mark.parametrize(
    "height, width",
    [
        *((1, 1), (7, 300), (1000, 3), (100, 100), (224, 224), (224, 225), (223, 224), (400, 400)),
        *((448, 896), (480, 640), (640, 480), (300, 225), (606, 314), (1080, 1920), (3000, 4000)),
    ],
)
def test_resize__gives_the_bytes_of_prepare(height: int, width: int) -> None:
    assert same(NOISE[:height, :width])


@given(st.integers(1, 700), st.integers(1, 700), st.sampled_from([16, 224]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_resize__gives_the_bytes_of_prepare_at_any_size(
    height: int, width: int, size: int, stark: bool
) -> None:
    # Pixels of 0 and 255 only reach sums that photos do not.
    pixels = NOISE[:height, :width]
    assert same(np.where(pixels > 127, 255, 0).astype(np.uint8) if stark else pixels, size)


def test_resize__a_very_long_photo() -> None:
    assert same(np.resize(NOISE, (2, 20_000, 3)))


def test_resize__many_at_once() -> None:
    found = GRAPHS[16].run(images=np.stack([NOISE[:50, :60], NOISE[-50:, -60:]]))["prepared"]
    for row, pixels in zip(found, (NOISE[:50, :60], NOISE[-50:, -60:]), strict=True):
        assert np.array_equal(row, Preprocessing(16).prepare(pixels))
