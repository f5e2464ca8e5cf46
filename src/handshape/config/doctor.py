"""Settings of ``handshape doctor``."""

from dataclasses import dataclass
from pathlib import Path

from handshape.config.fields import Settings, cache_option


@dataclass(frozen=True, kw_only=True)
class DoctorConfig(Settings):
    """Describe this installation for a bug report."""

    cache: Path | None = cache_option()
