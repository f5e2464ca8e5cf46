"""Another room: trained on the studio's photos, tested on the webcam's, model by model.

Run ``python -m benchmarks.rooms --data DATA``. No photo of the webcam is trained on or chosen by.
"""

import tempfile
from pathlib import Path

import numpy as np

import handshape
from benchmarks.measure import heading, options
from handshape.config.models import ModelName

_MODELS: tuple[ModelName, ...] = ("frozen", "landmarks", "combined")


def main() -> None:
    """Print the table."""
    parser = options("another room")
    parser.add_argument("--seeds", type=int, default=3, help="recognisers to train of each model")
    parser.add_argument("--backbone", default="squeezenet1_0")
    asked = parser.parse_args()
    print(f"{heading()}\n", flush=True)
    print("| model | a signer left out | webcam | seconds of training |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        cache = Path(place) / "cache"
        for model in _MODELS:
            rows = []
            for seed in range(asked.seeds):
                out = Path(place) / f"{model}-{seed}"
                result = handshape.train(
                    asked.data / "studio",
                    model=model,
                    labels="A-I",
                    signer=r"hand(\d+)_",
                    backbone=asked.backbone,
                    seed=seed,
                    out=out,
                    cache=cache,
                )
                webcam = handshape.evaluate(
                    result.recogniser, asked.data / "webcam", labels="A-I", cache=cache
                )
                seconds = result.to_dict()["models"][model]["seconds"]["total"]
                rows.append((result.accuracy, webcam.accuracy, seconds))
            own, other, seconds = np.mean(rows, axis=0)
            each = ", ".join(f"{100 * row[1]:.1f}" for row in rows)
            print(
                f"| {model} | {100 * own:.1f} % | {100 * other:.1f} % ({each}) | {seconds:.0f} |", flush=True
            )


if __name__ == "__main__":
    main()
