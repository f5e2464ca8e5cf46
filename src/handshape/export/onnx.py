"""The ONNX graph from pixels of any size to probabilities: the graphs of a bundle, joined."""

from collections.abc import Mapping
from typing import Any

import onnx
from onnx import TensorProto, helper, inliner
from onnxscript import ir, optimizer

from handshape.bundle import GRAPHS, HAND, HEAD, IMAGE, PALM
from handshape.export.hand_graph import HAND_FUNCTIONS
from handshape.export.resize import DOMAIN, RESIZE
from handshape.inference.graphs import OPSET
from handshape.models.hand.hand_finder import AGAIN
from handshape.recogniser import Recogniser

_STAGES = "handshape.stages"
# What is found in a box, as the hand's graph names it.
_FOUND = ("points", "presence", "right_hand", "embedding")


def whole_graph(recogniser: Recogniser) -> onnx.ModelProto:
    """Join the graphs of a recogniser to one from pixels, without loops and branches.

    The hand is looked for once, by the first of the finder's attempts, with looks in the boxes that its
    landmarks give.

    Args:
        recogniser: The recogniser; its graph of image features may be quantised.

    Returns:
        A model from ``images``, (N, H, W, 3) uint8, to ``probabilities``, (N, K) float32.
    """
    files = recogniser.files
    stages = {name: onnx.load_from_string(files[name]) for name in GRAPHS if name in files}
    nodes = [*(_hand_nodes(stages) if PALM in stages else ()), *_answer_nodes(recogniser, stages)]
    graph = helper.make_graph(
        nodes,
        "handshape",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", len(recogniser.labels)])],
        # Each once, however often its stage is called.
        [_renamed(one, name) for name, model in stages.items() for one in model.graph.initializer],
    )
    glue = [one.to_function_proto() for one in (*RESIZE, *(HAND_FUNCTIONS if PALM in stages else ()))]
    domains = {"": OPSET, DOMAIN.domain: 1, _STAGES: 1}
    model = helper.make_model(
        graph,
        functions=[*glue, *(_function(name, model) for name, model in stages.items())],
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in domains.items()],
        ir_version=10,
        producer_name="handshape",
    )
    model = _tidied(inliner.inline_local_functions(model))
    onnx.checker.check_model(model, full_check=True)
    return model


def _answer_nodes(recogniser: Recogniser, stages: Mapping[str, onnx.ModelProto]) -> list[onnx.NodeProto]:
    nodes = []
    if IMAGE in stages:
        size = recogniser.config.network.preprocessing.size
        nodes += [_call("resize", ["images"], ["prepared"], size=size)]
        nodes += [_run(IMAGE, stages, ["prepared"], ["features"])]
    inputs = [one.name for one in stages[HEAD].graph.input]  # named as what gives them
    return [*nodes, _run(HEAD, stages, inputs, ["probabilities"])]


def _hand_nodes(stages: Mapping[str, onnx.ModelProto]) -> list[onnx.NodeProto]:
    def look(name: str, box: str) -> list[onnx.NodeProto]:
        square, crop, shares = (f"{name}_{part}" for part in ("square", "crop", "shares"))
        found = [f"{name}_{part}" for part in _FOUND]
        return [
            _call("round_box", [box], [square]),
            _call("look_for_hand", ["images", square], [crop]),
            _run(HAND, stages, [crop], [shares, *found[1:]]),
            _call("put_back", [shares, square], [found[0]]),
        ]

    parts = ("box", *_FOUND)
    kept = [f"first_{part}" for part in parts]
    nodes = [
        _call("look_for_palm", ["images"], ["palm_crop"]),
        _run(PALM, stages, ["palm_crop"], ["palm"]),
        _call("hand_box", ["images", "palm"], kept[:1]),
        *look("first", kept[0]),
    ]
    for number in range(AGAIN):
        again, better = ([f"{word}{number}_{part}" for part in parts] for word in ("again", "better"))
        nodes += [_call("box_around", kept[1:2], again[:1]), *look(f"again{number}", again[0])]
        nodes += [_call("keep_better", [*kept, *again], better)]
        kept = better
    return [*nodes, _call("normalise_hand", ["images", *kept[1:]], ["hands", "right_hand"])]


def _call(name: str, inputs: list[str], outputs: list[str], **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(name, inputs, outputs, domain=DOMAIN.domain, **attributes)


def _run(
    name: str, stages: Mapping[str, onnx.ModelProto], inputs: list[str], outputs: list[str]
) -> onnx.NodeProto:
    weights = [_weight(one.name, name) for one in stages[name].graph.initializer]
    return helper.make_node(name, [*inputs, *weights], outputs, domain=_STAGES)


def _function(name: str, model: onnx.ModelProto) -> onnx.FunctionProto:
    """Return a stage as a function, which takes its weights as inputs."""
    graph = model.graph
    inputs = [one.name for one in (*graph.input, *graph.initializer)]
    outputs = [one.name for one in graph.output]
    return helper.make_function(_STAGES, name, inputs, outputs, graph.node, model.opset_import)


def _weight(name: str, stage: str) -> str:
    return f"{stage}/{name}"


def _renamed(tensor: onnx.TensorProto, stage: str) -> onnx.TensorProto:
    renamed = onnx.TensorProto()
    renamed.CopyFrom(tensor)
    renamed.name = _weight(tensor.name, stage)
    return renamed


def _tidied(model: onnx.ModelProto) -> onnx.ModelProto:
    """Take out operators that only adapt the types of constants, of which runtimes warn."""
    graph = ir.serde.deserialize_model(model)
    optimizer.fold_constants(graph, onnx_shape_inference=True, should_fold=lambda node: False)
    optimizer.remove_unused_nodes(graph)
    return ir.serde.serialize_model(graph)
