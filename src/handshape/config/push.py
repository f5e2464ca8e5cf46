"""Settings of ``handshape push``."""

import re
from dataclasses import dataclass
from pathlib import Path

from handshape.config.fields import Settings, argument, option
from handshape.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class PushConfig(Settings):
    """Upload a recogniser to the Hugging Face hub."""

    bundle: Path = argument("Folder of a run or of its recogniser.")
    repository: str = argument("Repository on the hub: owner/name; private unless --public is given.")
    public: bool = option(False, "Make the repository public.")
    license: str | None = option(None, "Licence for the model card, such as apache-2.0 or cc-by-4.0.")
    signer_names: bool = option(False, "Publish signers' names; without it they are replaced by numbers.")

    def __post_init__(self) -> None:
        """Check the licence, which is written into the card's head."""
        super().__post_init__()
        if self.license is not None and not re.fullmatch(r"[\w.-]+", self.license, re.ASCII):
            raise UsageError(
                f"--license {self.license!r}",
                "an identifier such as apache-2.0",
                "take one from https://hf.co/docs/hub/repositories-licenses",
            )
