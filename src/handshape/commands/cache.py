"""List the cache, or delete it."""

from typing import Any

from handshape.cache.contents import clear_cache, describe_cache
from handshape.cache.location import open_cache
from handshape.config.cache import CacheClearConfig, CacheInfoConfig


def info(config: CacheInfoConfig) -> dict[str, Any]:
    """Return the content of the cache: tables with their rows and bytes, prepared images, and all bytes."""
    return describe_cache(open_cache(config.cache))


def clear(config: CacheClearConfig) -> dict[str, Any]:
    """Delete everything in the cache and return its folder and the freed bytes."""
    folder = open_cache(config.cache)
    return {"cache": str(folder), "freed": clear_cache(folder)}
