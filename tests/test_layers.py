import ast
from pathlib import Path

import handshape

SOURCE = Path(handshape.__file__).parent
# From the bottom up; a module may import from its own layer and from those below it.
LAYERS = (
    "errors",
    "types",
    "notebook",
    "config",
    "threads",
    "child_process",
    "progress",
    "cluster",
    "regular_file",
    "cache",
    "run",
    "synthetic",
    "data",
    "inference",
    "models",
    "features",
    "training",
    "evaluation",
    "hub",
    "bundle_check",
    "bundle",
    "recogniser_card",
    "recogniser",
    "network_bundle",
    "predict_indexed",
    "teaching",
    "held_signs",
    "results",
    "estimator",
    "hand_features",
    "export",
    "studies",
    "serve",
    "commands",
    "keywords",
    "api",
    "terminal",
    "cli_help",
    "cli",
)


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("handshape."):
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("handshape.")}
    return found


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def graph() -> dict[str, set[str]]:
    return {module_name(path): imports(path) for path in sorted(SOURCE.rglob("*.py"))}


def test_layers__every_module_is_in_one() -> None:
    outside = {name for name in graph() if name != "handshape" and name.split(".")[1] not in LAYERS}
    assert not outside


def test_layers__no_import_points_up() -> None:
    height = {layer: index for index, layer in enumerate(LAYERS)}
    upward = [
        f"{name} imports {target}"
        for name, targets in graph().items()
        if name != "handshape"
        for target in targets
        if height[target.split(".")[1]] > height[name.split(".")[1]]
    ]
    assert not upward


def test_layers__no_cycle() -> None:
    edges, done = graph(), set[str]()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in done:
            for target in edges.get(name, ()):
                visit(target, (*way, name))
            done.add(name)

    for name in edges:
        visit(name, ())
