"""Who may use a server, and how much of it."""

import ipaddress
import secrets
import socket
from dataclasses import dataclass, field

from handshape.config.serve import ServeConfig


@dataclass(frozen=True)
class Limits:
    """What one request, and all together, may take.

    Args:
        body: Bytes of one request, or of one frame of a stream.
        photos: Photos of one request.
        waiting: Photos that wait to be read; when there are more, requests are turned away.
        held: Bytes of all requests that are held at once.
        connections: Open connections.
        streams: Open streams of frames.
        upload_seconds: Time for a request to arrive.
        answer_seconds: Time for its photos to be read.
        idle_seconds: Time without a frame after which a stream is closed.
    """

    body: int = 10_000_000
    photos: int = 100
    waiting: int = 256
    held: int = 200_000_000
    connections: int = 256
    streams: int = 32
    upload_seconds: float = 20.0
    answer_seconds: float = 30.0
    idle_seconds: float = 120.0


@dataclass(frozen=True)
class Settings:
    """What a server is told beside its recogniser.

    Args:
        token: Secret that requests carry, or None where none is asked for.
        names: Host names under which the server may be addressed, in lower case.
        any_address: Whether it may be addressed by any IP address too.
        limits: How much may be asked of it.
    """

    token: str | None = None
    names: frozenset[str] = frozenset({"localhost", "127.0.0.1", "::1"})
    any_address: bool = False
    limits: Limits = field(default_factory=Limits)


def settings_of(config: ServeConfig) -> Settings:
    """Decide who may use the server.

    A page elsewhere that makes its own name point here (DNS rebinding) carries that name in its requests. So
    names are allowed one by one; an address in digits cannot be rebound.

    Args:
        config: What the user asked for.
    """
    names = {"localhost", "127.0.0.1", "::1"}
    alone = is_loopback(config.host) and not config.allow_hosts
    if not is_loopback(config.host):
        own = socket.gethostname().lower()
        names |= {own, f"{own.split('.')[0]}.local", config.host.lower()}
    names |= {name.strip().lower() for name in (config.allow_hosts or "").split(",") if name.strip()}
    token = config.token or (None if alone else secrets.token_urlsafe(24))
    return Settings(token, frozenset(names), any_address=not is_loopback(config.host))


def is_loopback(host: str) -> bool:
    """Return whether only this machine itself reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
