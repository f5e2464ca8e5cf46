"""Settings of the commands that can work on a Ray cluster."""

import re
from dataclasses import dataclass
from typing import Literal

from handshape.config.fields import Settings, option
from handshape.errors import UsageError

# One letter would be a drive.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True, kw_only=True)
class ClusterOptions(Settings):
    """Where the work is done: in this process or on a cluster."""

    engine: Literal["local", "ray"] = option(
        "local", "Do the work in this process or on a Ray cluster (extra `ray`)."
    )
    address: str | None = option(
        None,
        "With --engine ray: address of the cluster's head, host:port, or auto (default: start a cluster on "
        "this machine).",
    )

    def __post_init__(self) -> None:
        """Check that an address is that of a cluster which is used."""
        super().__post_init__()
        if self.address is not None and self.engine != "ray":
            raise UsageError(
                f"--address {self.address} with --engine {self.engine}", "--engine ray", "add it"
            )
        if self.address is not None and "://" in self.address:
            raise UsageError(
                f"--address {self.address!r}",
                "host:port of the head, or auto",
                "run handshape on a node of the cluster, which reaches the cache too",
            )


def is_address(data: str) -> bool:
    """Return whether data is named by an address, such as ``s3://bucket/photos``, and not by a path."""
    return _SCHEME.match(data) is not None
