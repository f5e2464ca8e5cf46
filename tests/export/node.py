"""Runs the exported page's modules in Node, without a browser."""

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import handshape

from ..programs import need

PAGE = Path(handshape.__file__).parent / "serve" / "page"
OWN = Path(handshape.__file__).parent / "export" / "web" / "js"
_PRELUDE = """
import { readFileSync } from "node:fs";
const given = JSON.parse(readFileSync(0, "utf8"));
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const text = (data) => Buffer.from(data).toString("base64");
const image = ({ data, width, height }) => ({ data: bytes(data), width, height });
"""


def in_node(folder: Path, script: str, given: Any) -> Any:
    """Run a script beside the modules.

    Args:
        folder: For a copy of them, which must not be there yet.
        script: Statements that set ``found`` from ``given``; ``image`` unpacks pixels, ``text`` packs them.
        given: JSON for the script.

    Returns:
        What the script found.
    """
    place = shutil.copytree(PAGE / "js", folder / "js")
    shutil.copytree(OWN, place, dirs_exist_ok=True)
    (place / "package.json").write_text('{"type": "module"}')
    whole = f"{_PRELUDE}\nlet found;\n{script}\nconsole.log(JSON.stringify(found));"
    (place / "test.js").write_text(whole)
    command = [need("node"), str(place / "test.js")]
    ran = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def packed(pixels: NDArray[np.uint8]) -> dict[str, Any]:
    """Return an image as JSON."""
    height, width = pixels.shape[:2]
    return {"data": base64.b64encode(pixels.tobytes()).decode(), "width": width, "height": height}


def unpacked(text: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return pixels that the script packed with ``text``."""
    return np.frombuffer(base64.b64decode(text), dtype=np.uint8).reshape(shape)
