import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from tests.conftest import Finished, draw_shape

from handshape.commands.export import export
from handshape.config.export import ExportConfig
from handshape.progress import show_progress
from handshape.serve.reader import open_reader

PHOTOS = [np.asarray(draw_shape(label, 1, 0)) for label in range(3)]


@pytest.fixture(scope="module")
def exported(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with an exported model in it, which tests leave as it is."""
    bundle = tmp_path_factory.mktemp("exported") / "bundle"
    shutil.copytree(finished.out / "recogniser", bundle)
    export(ExportConfig(bundle=bundle, images=finished.photos))
    return bundle


@pytest.fixture
def bundle(exported: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(exported, tmp_path / "bundle"))


def assert_read_by_torch(bundle: Path, capsys: Any, reason: str) -> None:
    show_progress()
    reader = open_reader(bundle)
    show_progress(False)
    assert reader.kind == "torch"
    assert capsys.readouterr().err.startswith(f"Reading with torch, for {reason}")
    np.testing.assert_allclose(reader.run(PHOTOS), reader.recogniser.probabilities(PHOTOS), atol=1e-6)


def test_open_reader__what_was_exported(exported: Path, finished: Finished) -> None:
    reader, torchs = open_reader(exported), open_reader(finished.out)
    assert (reader.kind, torchs.kind) == ("onnxruntime", "torch")
    assert reader.digest == torchs.digest and len(reader.digest) == 32
    np.testing.assert_allclose(reader.run(PHOTOS), torchs.run(PHOTOS), atol=1e-4)


def test_open_reader__prepared_photos_are_read_alike(exported: Path) -> None:
    reader = open_reader(exported)
    prepared = [reader.prepare(photo) for photo in PHOTOS]
    np.testing.assert_allclose(reader.run(prepared), reader.run(PHOTOS), atol=1e-5)


def test_open_reader__an_export_of_another_state(bundle: Path, capsys: Any) -> None:
    path = bundle / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "threshold": 0.9}))
    assert_read_by_torch(bundle, capsys, f"'{bundle / 'model.onnx'}' was exported from another state")


def test_open_reader__a_graph_that_lies(bundle: Path, capsys: Any) -> None:
    model = onnx.load(bundle / "model.onnx")
    last = next(node for node in model.graph.node if node.output[0] == "probabilities")
    last.output[0] = "hidden"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(0.5, np.float32), "half"))
    model.graph.node.append(onnx.helper.make_node("Mul", ["hidden", "half"], ["probabilities"]))
    onnx.save(model, bundle / "model.onnx")
    reason = "the model exported into 'bundle' answers otherwise than its network; expected the same answers;"
    assert_read_by_torch(bundle, capsys, reason)


@pytest.mark.parametrize("place", ["../secret", "{folder}/secret"])
def test_open_reader__a_strangers_graph_reads_no_other_file(bundle: Path, capsys: Any, place: str) -> None:
    model = onnx.load(bundle / "model.onnx")
    tensor = next(one for one in model.graph.initializer if one.data_type == TensorProto.FLOAT and one.dims)
    (bundle.parent / "secret").write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place.format(folder=bundle.parent))
    (bundle / "model.onnx").write_bytes(model.SerializeToString())
    assert_read_by_torch(bundle, capsys, f"cannot open '{bundle / 'model.onnx'}'")


def test_open_reader__a_strangers_operator_is_not_run(bundle: Path, capsys: Any) -> None:
    model = onnx.load(bundle / "model.onnx")
    model.opset_import.append(onnx.helper.make_opsetid("stranger", 1))
    last = next(node for node in model.graph.node if node.output[0] == "probabilities")
    last.op_type, last.domain = "Anything", "stranger"
    (bundle / "model.onnx").write_bytes(model.SerializeToString())
    assert_read_by_torch(bundle, capsys, f"cannot open '{bundle / 'model.onnx'}'")


def test_open_reader__a_file_that_is_no_graph(bundle: Path, capsys: Any) -> None:
    (bundle / "model.onnx").write_bytes(b"no graph")
    assert_read_by_torch(bundle, capsys, f"cannot open '{bundle / 'model.onnx'}'")
