"""Settings of ``handshape push``."""

import re
from dataclasses import dataclass
from pathlib import Path

from handshape.config.fields import Settings, argument, option
from handshape.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class PushConfig(Settings):
    """Upload a recogniser to the Hugging Face hub, for your eyes only unless you say --public."""

    bundle: Path = argument("Folder of a recogniser or of the run that made it.")
    repository: str = argument("Where it goes: owner/name.")
    public: bool = option(False, "Let everyone see it.")
    license: str | None = option(None, "Licence to state on the card, such as apache-2.0 or cc-by-4.0.")
    signer_names: bool = option(
        False, "Publish the signers' names; otherwise they are numbered, for people have not been asked."
    )

    def __post_init__(self) -> None:
        """Check the licence, which is written into the card's head."""
        super().__post_init__()
        if self.license is not None and not re.fullmatch(r"[\w.-]+", self.license, re.ASCII):
            raise UsageError(
                f"--license {self.license!r}",
                "an identifier such as apache-2.0",
                "take one from https://hf.co/docs/hub/repositories-licenses",
            )
