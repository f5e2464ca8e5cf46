"""Export the live page with a recogniser as a static folder, which needs no server.

The files of the page that use the server are replaced by those in ``web/js``, which run the bundle's graphs
by ONNX Runtime in the browser.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from handshape.bundle import GRAPHS, HEAD
from handshape.errors import OutputError
from handshape.export.file import appearing
from handshape.export.signs import method_of, signs_of
from handshape.recogniser import Recogniser

DESCRIPTION = "model.json"
"""Name of the file that describes the recogniser for JavaScript."""

SIGNS = "signs.json"
"""Name of the file with the statistics to which the page adds signs."""

RUNTIME = "runtime"
"""Name of the folder of onnxruntime-web's files."""

_PACKAGE = Path(__file__).parent.parent
_PAGE = _PACKAGE / "serve" / "page"
_OWN = _PACKAGE / "export" / "web"
# The recogniser is loaded while the page's own modules are.
_EARLY = '<script type="module" async src="js/client.js"></script>'
# The link to Teach, on a line of its own.
_TEACH = '<a href="#teach"><svg'
# No requests to other servers. WebAssembly counts as evaluated script.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"
)


def write_web_page(folder: Path, runtime: Path, recogniser: Recogniser, digest: str) -> None:
    """Write the page, the graphs of a recogniser and what runs them.

    Args:
        folder: An empty folder.
        runtime: Folder of onnxruntime-web's files.
        recogniser: The recogniser.
        digest: Of its bundle.
    """
    shutil.copytree(_PAGE, folder, dirs_exist_ok=True)
    shutil.copytree(_OWN, folder, dirs_exist_ok=True)
    shutil.copytree(runtime, folder / RUNTIME)
    graphs = [name for name in GRAPHS if name in recogniser.files]
    for name in graphs:
        (folder / name).write_bytes(recogniser.files[name])
    config, signs = recogniser.config, signs_of(recogniser)
    described = {
        "model": digest,
        "version": version("handshape"),
        "labels": config.labels,
        "threshold": config.threshold,
        "expects_hand": config.expects_hand,
        "graphs": graphs,
        "network": {
            "model": config.network.model,
            "backbone": config.network.backbone,
            "size": config.network.preprocessing.size,
        },
        "trained_on": config.trained_on,
        "figures": config.figures,
        "method": method_of(recogniser) if signs else None,
    }
    for name, content in ((DESCRIPTION, described), (SIGNS, signs)):
        if content is not None:
            text = json.dumps(content, ensure_ascii=False, allow_nan=False)
            (folder / name).write_text(text, encoding="utf-8")
    index = folder / "index.html"
    head = '<meta charset="utf-8">'
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    text = index.read_text(encoding="utf-8").replace(head, f"{head}\n{policy}\n{_EARLY}", 1)
    if signs is None:  # then there is nothing to add signs to
        text = "".join(line for line in text.splitlines(keepends=True) if _TEACH not in line)
    index.write_text(text, encoding="utf-8")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes ``out`` when the block ends without an error.

    Args:
        out: Folder to make; an earlier export of a page is replaced.

    Raises:
        OutputError: It contains something else, cannot be written, or another process writes it.
    """
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or _is_page(out))):
        raise OutputError(
            f"{str(out)!r} contains something other than an exported page",
            "a new or empty folder, or an earlier export",
            "choose another --out",
        )
    with appearing(out) as partial:
        partial.mkdir()
        yield partial


def _is_page(folder: Path) -> bool:
    return all((folder / name).exists() for name in ("index.html", DESCRIPTION, HEAD, RUNTIME))
