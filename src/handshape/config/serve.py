"""Settings of ``handshape serve``."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handshape.config.engine import EngineOptions
from handshape.config.fields import argument, cache_option, option
from handshape.errors import UsageError

LogFormat = Literal["text", "json"]

TOKEN_VARIABLE = "HANDSHAPE_TOKEN"
"""Environment variable with the secret that requests must carry."""


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
        None,
        "Secret that requests must carry (default: none on this machine, a new one on a network). The list "
        "of processes shows it to all users of this machine: there, use --token-file or HANDSHAPE_TOKEN.",
    )
    token_file: Path | None = option(None, "File that holds the token.")
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
    log: LogFormat = option(
        "text", "text: what needs attention, on standard error; json: each request, as one object a line."
    )
    cache: Path | None = cache_option()

    def __post_init__(self) -> None:
        """Check the token, and options that need each other."""
        super().__post_init__()
        if self.token is not None and self.token_file is not None:
            raise UsageError("--token with --token-file", "one of them", "leave one out")
        _check_token("--token", self.token)
        if (self.certificate is None) != (self.key is None):
            raise UsageError(
                "one of --certificate and --key", "both or neither", "give the other one as well"
            )

    def secret(self) -> str | None:
        """Return the token from its option, its file or the environment; None where none was given.

        Raises:
            UsageError: The file cannot be read, or the token is short or not ASCII.
        """
        if self.token is not None:
            return self.token
        if self.token_file is None:
            return _check_token(TOKEN_VARIABLE, os.environ.get(TOKEN_VARIABLE) or None)
        try:
            text = self.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            raise UsageError(
                f"--token-file {str(self.token_file)!r} ({reason})", "a file that can be read", "check it"
            ) from error
        return _check_token("--token-file", text)


def _check_token(place: str, token: str | None) -> str | None:
    if token is not None and not (len(token) >= 16 and token.isascii() and token.isprintable()):
        raise UsageError(
            f"{place} is short or not ASCII", "at least 16 letters and digits", "leave it out to get one"
        )
    return token
