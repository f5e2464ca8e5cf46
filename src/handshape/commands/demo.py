"""The whole of handshape on a machine with no photos and no internet."""

from typing import Any, Literal

from handshape.commands.draw import draw
from handshape.commands.train import train_models
from handshape.config.draw import DemoConfig, DrawConfig
from handshape.config.train import CompareConfig
from handshape.errors import WeightsError
from handshape.models.backbones.registry import load_backbone
from handshape.progress import say
from handshape.run import check_out

# handnet has seen studios and rooms; outdoors is new to it, and so are the signers of any seed but its own.
_STYLE: Literal["outdoor"] = "outdoor"


def demo(config: DemoConfig) -> dict[str, Any]:
    """Draw a small data set, compare the CNN with a frozen backbone on signers neither has seen, and report.

    Args:
        config: The settings.

    Returns:
        What ``metrics.json`` of the comparison holds, with the folder of the drawn photos, the run, the
        backbone and why it was chosen.

    Raises:
        HandshapeError: Something a user can mend; see the message.
    """
    check_out(config.out, force=config.force)
    photos = config.out.with_name(f"{config.out.name}-photos")
    backbone, reason = _choose_backbone()
    say(f"Backbone: {backbone}, {reason}.")
    draw(
        DrawConfig(
            out=photos,
            labels=config.labels,
            signers=config.signers,
            images=config.images,
            style=_STYLE,
            seed=config.seed,
            force=config.force,
        )
    )
    compared = CompareConfig(
        data=photos,
        signer=r"signer(\d+)_",
        backbone=backbone,
        seed=config.seed,
        store=config.store,
        device=config.device,
        out=config.out,
        force=config.force,
    )
    metrics = train_models(compared, compared.model_names, "demo")
    chosen = {"backbone": backbone, "reason": reason}
    first = str(min(photos.glob("*/*")))
    return {**metrics, **chosen, "photos": str(photos), "first_photo": first, "run": str(config.out)}


def _choose_backbone() -> tuple[str, str]:
    try:
        load_backbone("alexnet")
    except WeightsError:
        return (
            "handnet",
            "which comes with handshape, because AlexNet's weights are neither here nor downloadable",
        )
    return "alexnet", "the lesson's, because its weights are here"
