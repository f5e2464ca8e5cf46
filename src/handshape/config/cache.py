"""Settings of the commands that look after the cache."""

from dataclasses import dataclass
from pathlib import Path

from handshape.config.fields import Settings, cache_option


@dataclass(frozen=True, kw_only=True)
class CacheInfoConfig(Settings):
    """Show what the cache holds and how large it is."""

    cache: Path | None = cache_option()


@dataclass(frozen=True, kw_only=True)
class CacheClearConfig(Settings):
    """Delete the cache; it is filled again when needed."""

    cache: Path | None = cache_option()
