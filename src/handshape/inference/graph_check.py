"""Check graphs that come from elsewhere before they run: operators, constants, one try in another process.

What was checked once is remembered by its digest, so that neither parsing nor the try is repeated.
"""

import math
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.cache.location import open_cache
from handshape.child_process import module_command
from handshape.errors import OutputError

if TYPE_CHECKING:
    import onnx

TRY_SECONDS = 20
"""Seconds that a graph may take for one photo, its start included."""
# Elements of a constant that a small file may ask for.
_MOST_ELEMENTS = 2**24
_DEEPEST = 4
_OPERATORS = Path(__file__).parent / "operators.toml"
# Which input of an operator says how large its output is.
_SIZED_BY = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1, "OneHot": 1, "Pad": 1, "Resize": 3, "Upsample": 1}
_known: set[str] = set()


class GraphError(Exception):
    """A graph that must not run.

    Args:
        name: The graph.
        reason: Why.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason


def check_graphs(graphs: Mapping[str, bytes]) -> None:
    """Check graphs that were not made or checked on this machine.

    Args:
        graphs: Their contents by name.

    Raises:
        GraphError: One has an operator that handshape does not write, asks for too much, or does not run.
    """
    place = _remembered()
    new = {name: content for name, content in graphs.items() if not _is_known(content, place)}
    if not new:
        return
    for name, content in new.items():
        for reason in _wrong(content):
            raise GraphError(name, reason)
    _try(new)
    remember_graphs(new)


def remember_graphs(graphs: Mapping[str, bytes]) -> None:
    """Remember graphs that need no check: they were checked, or made here."""
    digests = {_digest(content) for content in graphs.values()}
    _known.update(digests)
    place = _remembered()
    if place is not None:
        with suppress(OSError):  # then they are checked again
            place.mkdir(parents=True, exist_ok=True)
            for digest in digests:
                (place / digest).touch()


def _is_known(content: bytes, place: Path | None) -> bool:
    digest = _digest(content)
    return digest in _known or (place is not None and (place / digest).is_file())


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=20).hexdigest()


def _remembered() -> Path | None:
    try:
        return open_cache() / "graphs" / "checked"
    except OutputError:  # a machine that only predicts may have no place for a cache
        return None


def _wrong(content: bytes) -> Iterator[str]:
    """Yield what must not be in a graph."""
    import onnx  # slow to import

    try:
        model = onnx.load_from_string(content)
    except Exception:  # protobuf's own, which has no types
        yield "cannot be read"
        return
    listed = tomllib.loads(_OPERATORS.read_text(encoding="utf-8"))
    allowed = {(domain, name) for domain, names in listed.items() for name in names}
    allowed |= {("", name) for name in listed["ai.onnx"]}
    allowed |= {(one.domain, one.name) for one in model.functions}
    for graph in (model.graph, *model.functions):
        yield from _wrong_nodes(graph, allowed, 0)


def _wrong_nodes(graph: Any, allowed: set[tuple[str, str]], depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        yield "has graphs in graphs in graphs"
        return
    constants = {one.name: one for one in getattr(graph, "initializer", ())}
    for tensor in constants.values():
        yield from _wrong_tensor(tensor)
    if getattr(graph, "sparse_initializer", ()):
        yield "has sparse constants, which handshape does not write"
    for node in graph.node:
        if (node.domain, node.op_type) not in allowed:
            yield f"has the operator {node.op_type[:40]!r}, which handshape does not write"
        for attribute in node.attribute:
            tensors = [attribute.t] if attribute.HasField("t") else []
            for tensor in [*tensors, *attribute.tensors]:
                yield from _wrong_tensor(tensor)
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                yield "has sparse constants, which handshape does not write"
            for nested in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from _wrong_nodes(nested, allowed, depth + 1)
            if node.op_type == "Constant" and tensors and node.output:
                constants[node.output[0]] = attribute.t
        if node.op_type == "Range":
            yield from _wrong_range([constants.get(name) for name in node.input])
        place = _SIZED_BY.get(node.op_type)
        if place is not None and place < len(node.input) and node.input[place] in constants:
            yield from _wrong_size(node.op_type, constants[node.input[place]])


def _wrong_tensor(tensor: "onnx.TensorProto") -> Iterator[str]:
    if tensor.data_location or tensor.external_data:
        yield f"keeps the numbers of {tensor.name[:40]!r} in another file"
    # The smallest number has four bits.
    elif not all(side >= 0 for side in tensor.dims) or math.prod(tensor.dims) > 2 * tensor.ByteSize():
        yield f"has fewer numbers of {tensor.name[:40]!r} than its shape wants"


def _wrong_size(operator: str, sizes: "onnx.TensorProto") -> Iterator[str]:
    from onnx import numpy_helper

    wanted = math.prod(max(1, abs(int(one))) for one in numpy_helper.to_array(sizes).reshape(-1).tolist())
    if wanted > _MOST_ELEMENTS:
        yield f"asks {operator} for {wanted:,} numbers"


def _wrong_range(bounds: list[Any]) -> Iterator[str]:
    from onnx import numpy_helper

    if len(bounds) == 3 and None not in bounds:
        start, limit, step = (float(numpy_helper.to_array(one).reshape(-1)[0]) for one in bounds)
        if not step or abs(limit - start) / abs(step) > _MOST_ELEMENTS:
            yield "asks Range for too many numbers"


def _try(graphs: Mapping[str, bytes]) -> None:
    """Run each graph once, on one blank photo, in a process with limits on time and memory."""
    names = list(graphs)
    sizes = [str(len(graphs[name])) for name in names]
    command, environment = module_command("handshape.inference.graph_trial", *sizes)
    try:
        child = subprocess.run(
            command,
            input=b"".join(graphs[name] for name in names),
            capture_output=True,
            timeout=TRY_SECONDS,
            env=environment,
            check=False,
        )
        begun, code, slow = child.stdout, child.returncode, False
    except subprocess.TimeoutExpired as error:
        begun, code, slow = error.stdout or b"", 1, True
    if code:
        lines = begun.decode(errors="replace").splitlines()
        name = names[min(max(sum(line == "begin" for line in lines) - 1, 0), len(names) - 1)]
        reason = f"runs for more than {TRY_SECONDS} s" if slow else "cannot be run on one photo"
        said = [line for line in lines if line != "begin"]
        raise GraphError(name, reason + (f": {said[-1][:200]}" if said else ""))
