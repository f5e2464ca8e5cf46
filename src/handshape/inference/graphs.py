"""Export a network in torch as a graph, once per architecture: weights are filled in afterwards."""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import is_dataclass
from hashlib import blake2b
from importlib.metadata import version
from io import StringIO
from pathlib import Path
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
_VERSION = "1"  # of this file: graphs that were exported in another way are not used
_exported_here: dict[str, bytes] = {}  # graphs without their weights, by architecture


def graph_of(network: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str], cache: Path) -> bytes:
    """Return the graph of a network, exported only where the cache has none of its architecture.

    Args:
        network: In evaluation mode, on the CPU; its ``forward`` takes the inputs by name.
        inputs: Examples of two items each, by name; the graph takes any number of items.
        outputs: Names of the outputs.
        cache: The cache folder.

    Raises:
        ExportError: The network has a layer that cannot be exported.
    """
    state = network.state_dict()
    shapes = {name: [str(tensor.dtype), *tensor.shape[1:]] for name, tensor in inputs.items()}
    versions = [_VERSION, torch.__version__, version("onnxscript")]
    tensors = {name: list(tensor.shape) for name, tensor in state.items()}
    about = json.dumps([versions, repr(network), shapes, list(outputs), tensors, _settings(network)])
    key = blake2b(about.encode(), digest_size=12).hexdigest()
    file = cache / "graphs" / f"{key}.graph"
    if key not in _exported_here:
        exported = read_sealed(file)
        if exported is None:
            exported = _exported(network, inputs, outputs).SerializeToString()
            write_graph(file, exported)
        _exported_here[key] = exported
    model = onnx.load_from_string(_exported_here[key])
    for initialiser in model.graph.initializer:
        if initialiser.name in state:
            numbers = state[initialiser.name].detach().cpu().contiguous().numpy()
            initialiser.CopyFrom(numpy_helper.from_array(numbers, initialiser.name))
    content: bytes = model.SerializeToString()
    return content


def _settings(network: nn.Module) -> list[str]:
    """Return the plain values of every module, such as its preprocessing, which ``repr`` need not show."""
    plain = (bool, int, float, str, tuple)
    return [
        f"{name}.{key}={value}"
        for name, module in network.named_modules()
        for key, value in sorted(vars(module).items())
        if (isinstance(value, plain) or is_dataclass(value)) and not key.startswith("_")
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
            for initialiser in graph.graph.initializer:
                if initialiser.name in weights:
                    initialiser.ClearField("raw_data")
            return graph
    except Exception as error:  # the exporter raises many kinds of errors
        cause = error.__cause__ or error
        first = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
        raise ExportError(
            f"the network {type(network).__name__!r} cannot be exported ({first})",
            "layers that ONNX has",
            "choose another --backbone",
        ) from error


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
