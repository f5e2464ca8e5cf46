"""Try handshape with drawn hands, without photos and without internet."""

from typing import Any, Literal

from handshape.commands.draw import draw
from handshape.commands.train import run_training
from handshape.config.draw import DemoConfig, DrawConfig
from handshape.config.train import CompareConfig
from handshape.errors import WeightsError
from handshape.models.backbones.registry import load_backbone
from handshape.progress import say
from handshape.run import check_out

# handnet was trained on studios and rooms, so outdoor photos are new to it.
_STYLE: Literal["outdoor"] = "outdoor"


def demo(config: DemoConfig) -> dict[str, Any]:
    """Draw a small data set, compare models on new signers, and write the run.

    Returns the content of ``metrics.json``, with the folder of the drawn photos, the run, the backbone and
    why it was chosen.
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
        cache=config.cache,
        device=config.device,
        out=config.out,
        force=config.force,
    )
    metrics = run_training(compared, compared.model_names, "demo").metrics
    chosen = {"backbone": backbone, "reason": reason}
    first = str(min(photos.glob("*/*")))
    return {**metrics, **chosen, "photos": str(photos), "first_photo": first, "run": str(config.out)}


def _choose_backbone() -> tuple[str, str]:
    try:
        load_backbone("alexnet")
    except WeightsError:
        return (
            "handnet",
            "which comes with handshape, because AlexNet's weights could not be downloaded",
        )
    return "alexnet", "the backbone of the lesson"
