"""Settings of the commands that look after the cache."""

from dataclasses import dataclass
from pathlib import Path

from handshape.config.data import STORE_HELP
from handshape.config.fields import Settings, option


@dataclass(frozen=True, kw_only=True)
class CacheInfoConfig(Settings):
    """Show what the cache holds and how large it is."""

    store: Path | None = option(None, STORE_HELP)


@dataclass(frozen=True, kw_only=True)
class CacheClearConfig(Settings):
    """Delete the cache; it is filled again when needed."""

    store: Path | None = option(None, STORE_HELP)
