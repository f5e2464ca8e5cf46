"""Export a network in torch as a graph, once per architecture: weights are filled in afterwards."""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import is_dataclass
from functools import cached_property
from hashlib import blake2b
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from handshape.cache.disk_errors import explain_cache_errors
from handshape.cache.integrity import read_sealed, seal
from handshape.errors import ExportError

OPSET = 18
"""The oldest opset in which all operators are defined."""
PACKAGED = Path(__file__).parent / "graphs"
"""The graphs that come with the package, which ``tools/export_graphs.py`` writes."""
_VERSION = "2"  # of this file: graphs that were exported in another way are not used
_exported_here: dict[str, bytes] = {}  # graphs without their weights, by architecture


def graph_of(
    network: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    cache: Path,
    *,
    labels: int | None = None,
    architecture: str | None = None,
) -> bytes:
    """Return the graph of a network, exported only where neither package nor cache has its architecture.

    Args:
        network: In evaluation mode, on the CPU; its ``forward`` takes the inputs by name.
        inputs: Examples of two items each, by name; the graph takes any number of items.
        outputs: Names of the outputs.
        cache: The cache folder.
        labels: K, where the outputs are (N, K).
        architecture: Text that networks with the same graph have in common, where their weights differ in
            shape; by default the graph is for this network's modules and shapes.

    Raises:
        ExportError: The network has a layer that cannot be exported.
    """
    shapes = {name: [str(tensor.dtype), *tensor.shape[1:]] for name, tensor in inputs.items()}
    key = _digest(_VERSION, architecture or _modules(network), shapes, list(outputs))
    if key not in _exported_here:
        _exported_here[key] = _shared(key, cache) or _export(key, network, inputs, outputs, cache)
    model = onnx.load_from_string(_exported_here[key])
    state = network.state_dict()
    for initialiser in model.graph.initializer:
        if initialiser.name in state:
            numbers = state[initialiser.name].detach().cpu().contiguous().numpy()
            initialiser.CopyFrom(numpy_helper.from_array(numbers, initialiser.name))
    if labels is not None:
        for output in model.graph.output:
            output.type.tensor_type.shape.dim[1].dim_value = labels
    content: bytes = model.SerializeToString()
    return content


def _shared(key: str, cache: Path) -> bytes | None:
    """Return a graph without its weights from the package or the cache; None where neither has it."""
    packaged = PACKAGED / f"{key}.onnx"
    return packaged.read_bytes() if packaged.is_file() else read_sealed(_cached(key, cache))


def _export(
    key: str, network: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str], cache: Path
) -> bytes:
    exported: bytes = _exported(network, inputs, outputs).SerializeToString()
    write_graph(_cached(key, cache), exported)
    return exported


def _cached(key: str, cache: Path) -> Path:
    # Another version may compute something else in modules of the same names, or export it otherwise.
    versions = _digest(version("handshape"), torch.__version__, version("onnxscript"))
    return cache / "graphs" / f"{key}-{versions}.graph"


def _digest(*parts: Any) -> str:
    return blake2b(json.dumps(parts).encode(), digest_size=12).hexdigest()


def _modules(network: nn.Module) -> str:
    """Return what tells a network's architecture from others: its modules, settings and shapes."""
    tensors = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    return json.dumps([repr(network), tensors, _settings(network)])


def _settings(network: nn.Module) -> list[str]:
    """Return the plain values of every module, such as its preprocessing, which ``repr`` need not show."""
    plain = (bool, int, float, str, tuple)
    return [
        f"{name}.{key}={value}"
        for name, module in network.named_modules()
        for key, value in sorted(vars(module).items())
        if (isinstance(value, plain) or is_dataclass(value))
        and not key.startswith("_")
        and not isinstance(getattr(type(module), key, None), cached_property)  # there only once asked for
    ]


def _exported(network: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> onnx.ModelProto:
    from onnxscript import ir, optimizer  # most of a second, and most graphs are in the cache

    def names(node: ir.Node) -> set[str | None]:
        return {value.name for value in node.inputs if value is not None}

    try:
        with _quiet():
            program = torch.onnx.export(
                network,
                (),
                kwargs=dict(inputs),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes={name: {0: torch.export.Dim("N")} for name in inputs},
                opset_version=OPSET,
                dynamo=True,
                # Optimised below: by itself it would mix the weights into new tensors.
                optimize=False,
                verbose=False,
            )
            model = ir.serde.deserialize_model(program.model_proto)  # type: ignore[union-attr]
            weights = set(network.state_dict())
            optimizer.fold_constants(model, should_fold=lambda node: False if names(node) & weights else None)
            optimizer.remove_unused_nodes(model)
            graph = ir.serde.serialize_model(model)
            _strip(graph, weights)
            return graph
    except Exception as error:  # the exporter raises many kinds of errors
        cause = error.__cause__ or error
        first = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
        raise ExportError(
            f"the network {type(network).__name__!r} cannot be exported ({first})",
            "layers that ONNX has",
            "choose another --backbone",
        ) from error


def _strip(model: onnx.ModelProto, weights: set[str]) -> None:
    """Take out the weights, and what nothing reads: how torch calls each node, and shapes in between."""
    graph = model.graph
    for initialiser in graph.initializer:
        if initialiser.name in weights:
            initialiser.ClearField("raw_data")
    graph.ClearField("value_info")
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def write_graph(file: Path, content: bytes) -> None:
    """Write a graph into the cache with its checksum, whole or not at all."""
    with explain_cache_errors(f"a graph to {str(file.parent)!r}"):
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{uuid4().hex[:12]}")
        partial.write_bytes(seal(content))
        partial.replace(file)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what the exporter prints and logs."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
