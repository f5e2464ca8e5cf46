"""How the help of each command is arranged: its most important options, the panels of the rest, examples."""

from dataclasses import dataclass

PANELS: dict[str, tuple[str, ...]] = {
    "data": (
        "labels", "signer", "source", "label_from", "layout", "no_follow_links", "exclude", "split",
        "valid_fraction", "test_fraction", "strict", "include_known",
    ),
    "model": ("model", "models", "backbone", "weights", "head", "pool", "precision"),
    "training": (
        "folds", "views", "mirror", "quick", "epochs", "batch_size", "learning_rate", "weight_decay",
        "unfreeze", "tuning_epochs", "tuning_rate", "patience", "sizes", "photos", "seed",
    ),
    "output": ("out", "force", "track", "json", "debug"),
    "advanced": ("cache", "device", "threads", "provider", "engine", "address"),
}  # fmt: skip
"""Settings by the panel that help shows them in."""


@dataclass(frozen=True)
class CommandHelp:
    """What the help of a command begins and ends with.

    Args:
        examples: Command lines, each with what it does.
        main: The settings that matter most, of commands with many.
    """

    examples: tuple[tuple[str, str], tuple[str, str]]
    main: tuple[str, ...] = ()


_STUDY_MAIN = ("signer", "backbone", "quick", "epochs", "out")

COMMAND_HELP: dict[str, CommandHelp] = {
    "inspect": CommandHelp(
        (
            ("handshape inspect photos --signer '([a-z]+)_'", "check photos named anna_1.jpg, ben_1.jpg"),
            ("handshape inspect photos.csv --out runs/check", "check a table, and draw a sample sheet"),
        ),
        ("signer", "source", "label_from", "labels", "out"),
    ),
    "features": CommandHelp(
        (
            ("handshape features photos", "compute what train needs of a folder"),
            ("handshape features photos --backbone resnet18 --views 0", "of another network, not augmented"),
        ),
        ("backbone", "weights", "pool", "views", "labels"),
    ),
    "train": CommandHelp(
        (
            ("handshape train photos --signer '([a-z]+)_' --out runs/first", "test on other people"),
            ("handshape train photos --model landmarks --folds signers", "leave each signer out once"),
        ),
        ("signer", "model", "backbone", "folds", "out"),
    ),
    "compare": CommandHelp(
        (
            ("handshape compare photos --signer '([a-z]+)_' --out runs/first", "test on other people"),
            (
                "handshape compare photos --models frozen,finetune --backbone resnet18",
                "two models of one network",
            ),
        ),
        ("signer", "models", "backbone", "folds", "out"),
    ),
    "add": CommandHelp(
        (
            ("handshape add asl photos --signer '([a-z]+)_' --out runs/mine", "the alphabet and your signs"),
            ("handshape add asl handshape-project.zip", "signs that were taught on the page"),
        ),
        ("signer", "labels", "label_from", "exclude", "out"),
    ),
    "evaluate": CommandHelp(
        (
            ("handshape evaluate runs/first other-photos", "photos it was not trained on"),
            ("handshape evaluate runs/first other-photos --out runs/other", "the same, with a report"),
        ),
        ("signer", "source", "labels", "include_known", "out"),
    ),
    "predict": CommandHelp(
        (
            ("handshape predict runs/first photo.jpg more-photos", "a photo and a folder"),
            ("handshape predict runs/first clip.mp4", "each sign that is held in a video"),
        )
    ),
    "export": CommandHelp(
        (
            ("handshape export runs/first", "one ONNX file, from pixels to probabilities"),
            ("handshape export runs/first --format web --out page", "a page for any web server"),
        )
    ),
    "serve": CommandHelp(
        (
            ("handshape serve runs/first", "open the page with your webcam"),
            ("handshape serve", "teach signs of your own on the page"),
        )
    ),
    "push": CommandHelp(
        (
            ("handshape push runs/first me/letters", "upload it, private"),
            ("handshape push runs/first me/letters --public --license apache-2.0", "for everybody"),
        )
    ),
    "backbones": CommandHelp(
        (
            ("handshape backbones", "all that handshape and torchvision have"),
            ("handshape backbones 'timm:mobilenet*'", "some of timm's"),
        )
    ),
    "doctor": CommandHelp(
        (
            ("handshape doctor", "versions, cores, cache and weights, and what will not work"),
            ("handshape doctor --json", "the same for a bug report"),
        )
    ),
    "draw": CommandHelp(
        (
            ("handshape draw drawn --labels A-I", "nine letters by six signers"),
            ("handshape draw drawn --signers 12 --style room", "more signers, in rooms"),
        )
    ),
    "demo": CommandHelp(
        (
            ("handshape demo", "try everything on drawn hands, in runs/demo"),
            ("handshape demo --labels A-E --signers 4 --out runs/small", "the same, smaller"),
        )
    ),
    "study chirality": CommandHelp(
        (
            (
                "handshape study chirality photos --signer '([a-z]+)_'",
                "can photos be told from mirror images?",
            ),
            ("handshape study chirality photos --backbone resnet18", "with another network"),
        ),
        _STUDY_MAIN,
    ),
    "study autoencoder": CommandHelp(
        (
            ("handshape study autoencoder photos", "can photos be rebuilt from frozen features?"),
            ("handshape study autoencoder photos --epochs 20 --photos 5000", "longer, on more photos"),
        ),
        _STUDY_MAIN,
    ),
    "study finetune": CommandHelp(
        (
            ("handshape study finetune photos --signer '([a-z]+)_'", "does fine-tuning pay?"),
            ("handshape study finetune photos --sizes 5,20,all", "with fewer points of the curve"),
        ),
        ("signer", "backbone", "quick", "sizes", "out"),
    ),
    "cache info": CommandHelp(
        (
            ("handshape cache info", "what is kept, and how large it is"),
            ("handshape cache info --json", "the same for programs"),
        )
    ),
    "cache clear": CommandHelp(
        (
            ("handshape cache clear", "delete what is kept between runs"),
            ("handshape cache clear --cache other-cache", "in another folder"),
        )
    ),
}
