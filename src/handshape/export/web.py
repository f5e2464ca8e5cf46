"""A static folder that reads signs in a browser, with no server behind it: the live page, and the model.

The page's own files are taken as they are, but for those that speak with the server: the ones in ``web/js``
take their place and ask ONNX Runtime in the same browser instead.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from handshape.errors import OutputError
from handshape.export.file import appearing
from handshape.export.metadata import MODEL, Metadata

DESCRIPTION = "model.json"
"""Name of the file that says what the model is, for JavaScript."""

RUNTIME = "runtime"
"""Name of the folder of onnxruntime-web's files."""

_PACKAGE = Path(__file__).parent.parent
_PAGE = _PACKAGE / "serve" / "page"
_OWN = _PACKAGE / "export" / "web"
# Nothing is asked of anybody else. WebAssembly counts as evaluated script.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"
)


def write_page(folder: Path, runtime: Path, metadata: Metadata, network: dict[str, Any]) -> None:
    """Make of the folder that an exported model is in a page that any static server can offer.

    Args:
        folder: Holds the model and nothing else.
        runtime: Folder of onnxruntime-web's files.
        metadata: What the model says of itself.
        network: Model, backbone and input size, for people.
    """
    shutil.copytree(_PAGE, folder, dirs_exist_ok=True)
    shutil.copytree(_OWN, folder, dirs_exist_ok=True)
    shutil.copytree(runtime, folder / RUNTIME)
    described = asdict(metadata) | {"model": metadata.bundle, "engine": "onnxruntime", "network": network}
    text = json.dumps(described, ensure_ascii=False, allow_nan=False)
    (folder / DESCRIPTION).write_text(text, encoding="utf-8")
    index = folder / "index.html"
    head = '<meta charset="utf-8">'
    policy = f'{head}\n<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    index.write_text(index.read_text(encoding="utf-8").replace(head, policy, 1), encoding="utf-8")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give an empty folder that becomes ``out`` when the block ends without an error.

    Args:
        out: Folder to make; an earlier export of this kind is replaced.

    Raises:
        OutputError: It holds something else, cannot be written, or another process writes it.
    """
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or _is_page(out))):
        raise OutputError(
            f"{str(out)!r} holds something else than an exported page",
            "a new or empty folder, or an earlier export",
            "choose another --out",
        )
    with appearing(out) as partial:
        partial.mkdir()
        yield partial


def _is_page(folder: Path) -> bool:
    return all((folder / name).exists() for name in ("index.html", DESCRIPTION, MODEL, RUNTIME))
