import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import Finished, draw_shape

from handshape.progress import show_progress

PHOTOS = [np.asarray(draw_shape(label, 1, 0)) for label in range(3)]


def load(bundle: Path) -> Any:
    from handshape.serve.loaded_recogniser import load_for_serving

    return load_for_serving(bundle)


@pytest.fixture(scope="module")
def exported(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with an exported model in it, which tests leave as it is."""
    from handshape.commands.export import export
    from handshape.config.export import ExportConfig

    bundle = tmp_path_factory.mktemp("exported") / "bundle"
    shutil.copytree(finished.out / "recogniser", bundle)
    export(ExportConfig(bundle=bundle, images=finished.photos))
    return bundle


def test_load__the_exported_model(exported: Path, finished: Finished) -> None:
    loaded, by_torch = load(exported), load(finished.out)
    assert (loaded.engine, by_torch.engine) == ("onnxruntime", "torch")
    assert loaded.digest == by_torch.digest and len(loaded.digest) == 32
    np.testing.assert_allclose(loaded.run(PHOTOS), by_torch.run(PHOTOS), atol=1e-4)
    prepared = [loaded.prepare(photo) for photo in PHOTOS]
    np.testing.assert_allclose(loaded.run(prepared), loaded.run(PHOTOS), atol=1e-5)


def _another_state(bundle: Path) -> None:
    path = bundle / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "threshold": 0.9}))


def _other_predictions(bundle: Path) -> None:
    import onnx

    model, last = _graph(bundle)
    last.output[0] = "hidden"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(0.5, np.float32), "half"))
    model.graph.node.append(onnx.helper.make_node("Mul", ["hidden", "half"], ["probabilities"]))
    onnx.save(model, bundle / "model.onnx")


def _outside_file(bundle: Path, place: str = "../secret") -> None:
    from onnx import TensorProto

    model, _ = _graph(bundle)
    tensor = next(one for one in model.graph.initializer if one.data_type == TensorProto.FLOAT and one.dims)
    (bundle.parent / "secret").write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    (bundle / "model.onnx").write_bytes(model.SerializeToString())


def _outside_file_by_full_path(bundle: Path) -> None:
    _outside_file(bundle, str(bundle.parent / "secret"))


def _foreign_operator(bundle: Path) -> None:
    import onnx

    model, last = _graph(bundle)
    model.opset_import.append(onnx.helper.make_opsetid("stranger", 1))
    last.op_type, last.domain = "Anything", "stranger"
    (bundle / "model.onnx").write_bytes(model.SerializeToString())


def _no_graph(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(b"no graph")


def _graph(bundle: Path) -> tuple[Any, Any]:
    """Return the model, and the operator that gives its output."""
    import onnx

    model = onnx.load(bundle / "model.onnx")
    return model, next(node for node in model.graph.node if node.output[0] == "probabilities")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_another_state, "before the bundle changed"),
        (_other_predictions, "predicts otherwise"),
        (_outside_file, "cannot open"),
        (_outside_file_by_full_path, "cannot open"),
        (_foreign_operator, "cannot open"),
        (_no_graph, "cannot open"),
    ],
)
def test_load__takes_torch_for_an_export_that_does_not_fit(
    exported: Path, tmp_path: Path, capsys: Any, damage: Callable[[Path], None], reason: str
) -> None:
    bundle = Path(shutil.copytree(exported, tmp_path / "bundle"))
    damage(bundle)
    show_progress()
    loaded = load(bundle)
    show_progress(False)
    printed = capsys.readouterr().err
    assert printed.startswith("Predicting with torch: ") and reason in printed
    assert loaded.engine == "torch"
    np.testing.assert_allclose(loaded.run(PHOTOS), loaded.recogniser.probabilities(PHOTOS), atol=1e-6)
