"""Bundles that are damaged or hostile: an error that names file and field, and no memory or time for it."""

import copy
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tests.bundles import accept, change, read_config, write_config
from tests.damage import FLIPS, flip

from handshape.bundle import BundleConfig
from handshape.bundle_check import check_tensors
from handshape.cache.location import open_cache
from handshape.data.images.decode import Preprocessing
from handshape.errors import BundleError
from handshape.models.cnn import CNN
from handshape.models.network_config import NetworkConfig
from handshape.network_bundle import network_of, recogniser_of
from handshape.recogniser import load

CONFIG, MODEL, HEAD, IMAGE = "config.json", "model.safetensors", "head.onnx", "image.onnx"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small bundle, which tests leave as it is."""
    torch.manual_seed(0)
    place, network = tmp_path_factory.mktemp("bundle") / "bundle", NetworkConfig("cnn", 3, Preprocessing(32))
    trained_on, figures = (
        {"signers": ["Ana", "Ben"], "train": 9},
        {"test_accuracy": 0.5, "test_interval": [0.1, 0.9]},
    )
    config = BundleConfig(("A", "B", "ß"), network, 1.5, 0.25, trained_on, figures)
    recogniser_of(CNN(3, 32), config, open_cache(None)).save(place, "# A card\n", b"0123456789abcdef")
    return place


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def put(bundle: Path, name: str, content: bytes) -> None:
    """Put another file into a bundle, with its digest."""
    (bundle / name).write_bytes(content)
    accept(bundle, name)


def answers(bundle: Path) -> Any:
    recogniser = load(bundle)
    photo = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    return recogniser.config, recogniser.predict(photo).to_dict()


@pytest.mark.parametrize("count", FLIPS)
@pytest.mark.parametrize("name", [CONFIG, MODEL, IMAGE, HEAD, "known_photos.bin"])
def test_flipped_bit__in_a_bundle(bundle: Path, name: str, count: int) -> None:
    expected, before, refused = answers(bundle), (bundle / name).read_bytes(), 0
    for seed in range(count):
        (bundle / name).write_bytes(flip(before, seed))
        try:
            assert answers(bundle) == expected, seed
        except BundleError as error:
            refused += 1
            assert name in str(error) or "is of format" in str(error)
    assert refused >= count * 0.6  # blanks between the fields of config.json may be others


def test_load__the_card_belongs_to_its_owner(bundle: Path) -> None:
    expected = answers(bundle)
    (bundle / "README.md").write_text("# Another card\n")
    assert answers(bundle) == expected
    (bundle / "README.md").unlink()
    os.mkfifo(bundle / "README.md")
    assert answers(bundle) == expected and "card" not in load(bundle)._repr_html_()


def test_load__an_earlier_format(bundle: Path) -> None:
    change(bundle, lambda config: config.update(format_version=2))
    with pytest.raises(BundleError, match=r"is of format 2; expected format 3, .*; train it again"):
        load(bundle)


HOSTILE: dict[str, Callable[[dict[str, Any]], object]] = {
    "labels": lambda c: c.update(labels=["A", "a", "B"]),
    "labels ": lambda c: c.update(labels=["é", "e\u0301", "B"]),
    "labels  ": lambda c: c.update(labels=["", "a", "B"]),
    "labels   ": lambda c: c.update(labels=["x" * 201, "a", "B"]),
    "labels    ": lambda c: (
        c.update(labels=list(map(str, range(30_000)))),
        c["network"].update(labels=30_000),
    ),
    "labels.1": lambda c: c.update(labels=["A", "\ud800", "B"]),
    "temperature": lambda c: c.update(temperature=1e300),
    "temperature ": lambda c: c.update(temperature=float("inf")),
    "threshold": lambda c: c.update(threshold=-0.0001),
    "network.preprocessing.mean": lambda c: c["network"]["preprocessing"].update(mean=[1e30, 0, 0]),
    "network.preprocessing.mean.2": lambda c: c["network"]["preprocessing"].update(mean=[0, 0, float("nan")]),
    "network.preprocessing.std": lambda c: c["network"]["preprocessing"].update(std=[1e-30, 1, 1]),
    "network.feature_shape": lambda c: c["network"].update(feature_shape=[1, 20_000, 20_000]),
    "network.feature_shape ": lambda c: c["network"].update(feature_shape=[65_536, 1024, 1024]),
    "network.handshapes": lambda c: c["network"].update(handshapes=10**12),
    "network.head.hidden": lambda c: c["network"].update(head={"kind": "mlp", "hidden": 10**9}),
    "network.head.pool": lambda c: c["network"].update(head={"pool": 10**9}),
    "network.head.graph_bytes": lambda c: c["network"].update(
        head={"kind": "sklearn", "graph_bytes": 10**12}
    ),
    "digests": lambda c: c["digests"].update({"../secret": "0" * 32}),
    "figures.x": lambda c: c["figures"].update(x=float("-inf")),
    "figures": lambda c: c["figures"].update({"\udfff": 1}),
}


@pytest.mark.parametrize("field", HOSTILE)
def test_load__a_hostile_description(bundle: Path, field: str) -> None:
    change(bundle, HOSTILE[field])
    with pytest.raises(BundleError) as caught:
        load(bundle)
    assert f"config.json is damaged at {field.strip()!r}" in str(caught.value)


def nested(depth: int) -> str:
    return '{"format_version": 3, "figures": ' + "[" * depth + "]" * depth + "}"


@pytest.mark.parametrize("text", [nested(40), nested(100_000), '{"format_version": ' + "9" * 5000 + "}"])
def test_load__a_description_without_end(bundle: Path, text: str) -> None:
    (bundle / CONFIG).write_text(text)
    with pytest.raises(BundleError, match=r"config\.json is damaged at"):
        load(bundle)


@pytest.mark.parametrize("name", [CONFIG, MODEL, HEAD])
def test_load__no_regular_file(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    os.mkfifo(bundle / name)
    with pytest.raises(BundleError, match=f"{name} is damaged at 'the file': is no regular file"):
        load(bundle)
    (bundle / name).unlink()
    (bundle / name).symlink_to("/dev/zero")
    with pytest.raises(BundleError, match=f"{name} is damaged at 'the file': is no regular file"):
        load(bundle)
    (bundle / name).unlink()
    (bundle / name).mkdir()
    with pytest.raises(BundleError, match=f"{name} is damaged at 'the file'"):
        load(bundle)


@pytest.mark.parametrize(
    ("name", "size"), [(CONFIG, 10**9), (MODEL, 2 * 10**9), (MODEL, 10**13), (HEAD, 10**9)]
)
def test_load__a_giant_that_takes_no_room(bundle: Path, name: str, size: int) -> None:
    os.truncate(bundle / name, size)
    with pytest.raises(
        BundleError, match=f"^the bundle's {name} is damaged at 'the file': (is mostly|has .*bytes)"
    ):
        load(bundle)


TENSORS: dict[str, Any] = {
    "the file": {},
    "x": {"x": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 16]}},
    "x ": {"x": {"dtype": "F32", "shape": [-1, -4], "data_offsets": [0, 16]}},
    "x  ": {"x": {"dtype": "F32", "shape": [4.0], "data_offsets": [0, 16]}},
    "x   ": {"x": {"dtype": "O", "shape": [4], "data_offsets": [0, 16]}},
    "x    ": {"x": {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]}},
    "x     ": {"x": {"dtype": "F32", "shape": 4, "data_offsets": [0, 16]}},
    "x      ": {"x": {"dtype": "F32", "shape": [1] * 99, "data_offsets": [0, 4]}},
    "y": {name: {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} for name in "xy"},
    "x       ": {"x": [[[[]]]]},
}


@pytest.mark.parametrize("field", TENSORS)
def test_load__a_hostile_table_of_tensors(bundle: Path, field: str) -> None:
    table = json.dumps(TENSORS[field]).encode()
    put(bundle, MODEL, len(table).to_bytes(8, "little") + table + bytes(16))
    with pytest.raises(BundleError) as caught:
        load(bundle)
    assert f"model.safetensors is damaged at {field.strip()!r}" in str(caught.value)


def graph(nodes: list[onnx.NodeProto], *constants: tuple[str, Any]) -> bytes:
    """Return a head of the small bundle that does more than it should."""
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 32, 1, 1])
    given = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])
    initialisers = [numpy_helper.from_array(np.array(value), name) for name, value in constants]
    made = helper.make_graph(nodes, "head", [features], [given], initialisers)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def node(kind: str, *inputs: str, output: str = "probabilities", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), [output], **attributes)


def external() -> bytes:
    model = onnx.load_from_string(graph([node("Identity", "c")], ("c", np.zeros((1, 3), np.float32))))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    content: bytes = model.SerializeToString()
    return content


def without_numbers() -> bytes:
    model = onnx.load_from_string(graph([node("Identity", "c")], ("c", np.zeros((1, 3), np.float32))))
    model.graph.initializer[0].dims[:] = [10**5, 10**5]
    content: bytes = model.SerializeToString()
    return content


def forever() -> bytes:
    """Return a graph that loops for a very long time."""
    inside = helper.make_graph(
        [node("Identity", "going", output="still"), node("Add", "x", "x", output="y")],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
        ],
    )
    return graph(
        [node("Loop", "count", "", "start", body=inside)],
        ("count", 2**62),
        ("start", np.zeros((1, 3), np.float32)),
    )


GRAPHS: dict[str, Callable[[], bytes]] = {
    "has the operator 'Loop'": forever,
    "has the operator 'RandomNormal'": lambda: graph([node("RandomNormal", shape=[1, 3])]),
    "asks ConstantOfShape for": lambda: graph([node("ConstantOfShape", "s")], ("s", [10**5, 10**5])),
    "asks Expand for": lambda: graph([node("Expand", "x", "s")], ("x", np.float32(1)), ("s", [10**9, 3])),
    "asks Tile for": lambda: graph(
        [node("Tile", "x", "s")], ("x", np.ones((1, 3), np.float32)), ("s", [10**9, 1])
    ),
    "asks Range for": lambda: graph(
        [node("Range", "a", "b", "c")], ("a", np.float32(0)), ("b", np.float32(1e12)), ("c", np.float32(1))
    ),
    "keeps the numbers of 'c' in another file": external,
    "has fewer numbers of 'c'": without_numbers,
    "cannot be read": lambda: b"\xff" * 40,
}


@pytest.mark.parametrize("reason", GRAPHS)
def test_load__a_hostile_graph(bundle: Path, reason: str) -> None:
    put(bundle, HEAD, GRAPHS[reason]())
    with pytest.raises(BundleError) as caught:
        load(bundle)
    assert f"head.onnx is damaged at 'the graph': {reason}" in str(caught.value)


def test_load__a_graph_that_asks_for_too_much_when_it_runs(bundle: Path) -> None:
    numbers = [("a", [10**6]), ("b", [10**6]), ("three", [3])]
    nodes = [
        node("Concat", "a", "b", output="shape", axis=0),
        node("ConstantOfShape", "shape", output="huge"),
        node("ReduceMax", "huge", output="most", keepdims=0),
        node("Expand", "most", "three"),
    ]
    put(bundle, HEAD, graph(nodes, *numbers))
    with pytest.raises(
        BundleError, match=r"head\.onnx is damaged at 'the graph': cannot be run on one photo"
    ):
        load(bundle)


@pytest.mark.slow
def test_load__remembers_what_it_has_checked(bundle: Path) -> None:
    code = f"import sys, handshape; handshape.load({str(bundle)!r}); print('onnx' in sys.modules)"
    said = [subprocess.check_output([sys.executable, "-c", code], text=True).strip() for _ in range(2)]
    assert said == ["True", "False"]
    asl = "import sys, handshape; handshape.load('asl'); print('onnx' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", asl], text=True).strip() == "False"


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**9, 10**18, 10**400, -1, 2**63])
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "A", "cnn", "combined", "alexnet", "sklearn"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def mutate(fields: dict[str, Any], seed: int, odd: list[Any]) -> None:
    """Put odd values into the place of some values, wherever these are, or remove them."""
    chosen = random.Random(seed)
    for value in odd:
        place: Any = fields
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = chosen.choice(keys)
            if isinstance(place[key], dict | list) and chosen.random() < 0.7:
                place = place[key]
                continue
            if chosen.random() < 0.2:
                del place[key]
            else:
                place[key] = value
            break


@settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "40")),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 2**32), st.lists(ODD, min_size=1, max_size=3))
def test_load__any_description(bundle: Path, made: Path, seed: int, odd: list[Any]) -> None:
    fields = read_config(made)
    mutate(fields, seed, copy.deepcopy(odd))
    write_config(bundle, fields)
    try:
        recogniser = load(bundle)
    except BundleError:
        return
    assert np.isfinite(recogniser.predict_proba(np.zeros((40, 40, 3), np.uint8))).all()
    repr(recogniser), recogniser._repr_html_()
    try:
        network_of(recogniser)
    except BundleError:
        return


@settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "40")), deadline=None, database=None)
@given(st.integers(0, 2**32), st.lists(ODD, min_size=1, max_size=3), st.integers(-3, 3))
def test_check_tensors__any_table(made: Path, seed: int, odd: list[Any], longer: int) -> None:
    content = (made / MODEL).read_bytes()
    size = int.from_bytes(content[:8], "little")
    table = json.loads(content[8 : 8 + size])
    mutate(table, seed, odd)
    text = json.dumps(table).encode()
    changed = max(0, len(text) + longer).to_bytes(8, "little") + text + content[8 + size :]
    wrong = check_tensors(changed)
    if wrong is None:  # then the library takes it as well
        import safetensors.torch

        try:
            safetensors.torch.load(changed)
        except safetensors.SafetensorError as error:
            assert "metadata" in str(error).lower() or "header" in str(error).lower(), error
