"""Bundles whose description or files were changed by somebody who wants them to be believed."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handshape.bundle_check import digest_of


def read_config(bundle: Path) -> dict[str, Any]:
    """Return the fields of a bundle's description."""
    fields: dict[str, Any] = json.loads((bundle / "config.json").read_text(encoding="utf-8"))
    return fields


def write_config(bundle: Path, fields: dict[str, Any]) -> None:
    """Write a description with its digest."""
    rest = {name: value for name, value in fields.items() if name != "digest"}
    text = json.dumps({**rest, "digest": digest_of(rest)})
    (bundle / "config.json").write_text(text, encoding="utf-8")


def change(bundle: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change fields of a description."""
    fields = read_config(bundle)
    edit(fields)
    write_config(bundle, fields)


def accept(bundle: Path, name: str = "model.safetensors") -> None:
    """Write the digest of a file that is there now into the description."""
    digest = hashlib.blake2b((bundle / name).read_bytes(), digest_size=16).hexdigest()
    change(bundle, lambda config: config["digests"].update({name: digest}))
