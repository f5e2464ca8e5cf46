"""Settings of ``handshape serve``."""

from dataclasses import dataclass
from pathlib import Path

from handshape.config.engine import EngineOptions
from handshape.config.fields import argument, cache_option, option
from handshape.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class ServeConfig(EngineOptions):
    """Serve the live page and the HTTP API."""

    bundle: Path | None = argument(
        "Folder of a run or of its recogniser, asl, or hub:owner/name. Without one, teach it on the page.",
        first=True,
        optional=True,
    )
    host: str = option("127.0.0.1", "Address to listen on. Other machines can connect only with a token.")
    port: int = option(8321, "Port to listen on; 0 takes a free one.", within=(0, 65535))
    no_open: bool = option(False, "Do not open the page in the browser.")
    token: str | None = option(
        None, "Secret that requests must carry (default: none on this machine, a new one on a network)."
    )
    allow_hosts: str | None = option(
        None, "Host names (A,B,C) of a proxy in front of this server; requests then need a token."
    )
    certificate: Path | None = option(
        None, "TLS certificate, PEM. On other machines browsers allow the camera only over https."
    )
    key: Path | None = option(None, "Private key of the certificate, PEM.")
    teach: Path = option(
        Path("handshape-photos"),
        "Folder for photos taken on the page; the recogniser trained on them goes into a folder beside it.",
    )
    cache: Path | None = cache_option()

    def __post_init__(self) -> None:
        """Check the token, and options that need each other."""
        super().__post_init__()
        if self.token is not None and not (len(self.token) >= 16 and self.token.isascii()):
            raise UsageError(
                "--token is short or not ASCII", "at least 16 letters and digits", "leave it out to get one"
            )
        if (self.certificate is None) != (self.key is None):
            raise UsageError(
                "one of --certificate and --key", "both or neither", "give the other one as well"
            )
