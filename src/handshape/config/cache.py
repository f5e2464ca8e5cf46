"""Settings of the commands that look after the cache."""

from dataclasses import dataclass
from pathlib import Path

from handshape.config.fields import Settings, cache_option


@dataclass(frozen=True, kw_only=True)
class CacheInfoConfig(Settings):
    """Show what the cache holds, and its size."""

    cache: Path | None = cache_option()


@dataclass(frozen=True, kw_only=True)
class CacheClearConfig(Settings):
    """Delete what is kept between runs."""

    cache: Path | None = cache_option()
