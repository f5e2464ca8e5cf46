import json
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import Finished, draw_shape


def test_load_for_serving__predicts_as_the_recogniser_and_has_a_digest(finished: Finished) -> None:
    from handshape.recogniser import load
    from handshape.serve.loaded_recogniser import load_for_serving

    loaded, photo = load_for_serving(finished.out), np.asarray(draw_shape(1, 1, 0))
    own = load(finished.out)
    assert np.array_equal(loaded.run(photo, None), own.classify(photo))
    assert len(loaded.digest) == 32 and loaded.info()["labels"] == list(own.labels)
    assert json.dumps(loaded.info())


@pytest.mark.parametrize("place", ["../secret", "full path"])
def test_load_for_serving__a_graph_reads_no_file_beside_itself(
    finished: Finished, tmp_path: Path, place: str
) -> None:
    import onnx

    from handshape.errors import BundleError
    from handshape.recogniser import Recogniser, load

    own = load(finished.out)
    model = onnx.load_from_string(own.files["head.onnx"])
    tensor = next(one for one in model.graph.initializer if one.raw_data and one.dims)
    (tmp_path / "secret").write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    location = place if place.startswith("..") else str(tmp_path / "secret")
    tensor.external_data.add(key="location", value=location)
    with pytest.raises(BundleError):
        Recogniser(own.config, {**own.files, "head.onnx": model.SerializeToString()})


def test_load_for_serving__a_graph_has_onnx_s_own_operators_only(finished: Finished) -> None:
    import onnx

    from handshape.errors import BundleError
    from handshape.recogniser import Recogniser, load

    own = load(finished.out)
    model = onnx.load_from_string(own.files["head.onnx"])
    model.opset_import.append(onnx.helper.make_opsetid("stranger", 1))
    model.graph.node[-1].op_type, model.graph.node[-1].domain = "Anything", "stranger"
    with pytest.raises(BundleError):
        Recogniser(own.config, {**own.files, "head.onnx": model.SerializeToString()})
