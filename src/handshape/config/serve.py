"""Settings of ``handshape serve``."""

from dataclasses import dataclass
from pathlib import Path

from handshape.config.cluster import ClusterOptions
from handshape.config.fields import argument, option
from handshape.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class ServeConfig(ClusterOptions):
    """Open the live page and answer the HTTP API; nothing that is sent to it leaves this machine."""

    bundle: Path | None = argument(
        "Folder of a recogniser or of the run that made it; without one, teach it on the page.",
        first=True,
        optional=True,
    )
    host: str = option("127.0.0.1", "Address to listen on; any but this machine's own asks for a token.")
    port: int = option(8321, "Port to listen on; 0 takes a free one.")
    no_open: bool = option(False, "Do not open the page in the browser.")
    token: str | None = option(
        None, "Secret that requests carry (default: none on this machine alone, a new one elsewhere)."
    )
    allow_hosts: str | None = option(
        None, "Names, A,B,C, under which a proxy offers this server; a token is then asked for."
    )
    certificate: Path | None = option(
        None, "TLS certificate, PEM; browsers give a page from elsewhere the camera only over https."
    )
    key: Path | None = option(None, "Private key of the certificate, PEM.")
    teach: Path = option(
        Path("handshape-photos"),
        "Folder for photos taught on the page; what is trained on them goes into a folder beside it.",
    )
    store: Path | None = option(None, "Folder of the feature store (default: the user's cache directory).")
    threads: int = option(
        0, "Threads that read photos; 0 for one per core, or, with --engine ray, one per replica."
    )
    replicas: int = option(
        2, "With --engine ray: processes that read photos, each on cores of its own; there is no Teach then."
    )

    def __post_init__(self) -> None:
        """Check ranges, and that what belongs together is given together."""
        super().__post_init__()
        if not 0 <= self.port <= 65535:
            raise UsageError(f"--port {self.port}", "a whole number from 0 to 65535", "change --port")
        if not 0 <= self.threads <= 256:
            raise UsageError(f"--threads {self.threads}", "a whole number from 0 to 256", "change --threads")
        if self.token is not None and not (len(self.token) >= 16 and self.token.isascii()):
            raise UsageError(
                "--token is short or not ASCII", "at least 16 letters and digits", "leave it out to get one"
            )
        if (self.certificate is None) != (self.key is None):
            raise UsageError(
                "one of --certificate and --key", "both or neither", "give the other one as well"
            )
        if self.replicas < 1:
            raise UsageError(f"--replicas {self.replicas}", "1 or more", "change it")
        if self.engine == "ray" and self.bundle is None:
            raise UsageError("no BUNDLE with --engine ray", "one: nothing is taught there", "name it")
        if self.engine == "ray" and self.certificate is not None:
            raise UsageError(
                "--certificate with --engine ray", "a proxy that speaks TLS before it", "leave it out"
            )
