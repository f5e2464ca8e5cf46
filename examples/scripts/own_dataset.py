"""Train on photos that a table of your own lists: any pandas frame with paths and labels.

python own_dataset.py PHOTOS [OUT]
"""

import sys
from pathlib import Path

import pandas as pd

import handshape


def main(photos: Path, out: Path) -> handshape.TrainResult:
    """Train on a frame, and show what the recogniser confuses."""
    # Stands for a table that you have: a line for each photo, with its sign and who signs.
    rows = [(path, path.parent.name, path.stem.split("_")[0]) for path in sorted(photos.glob("*/*.*"))]
    frame = pd.DataFrame(rows, columns=["file", "sign", "person"])
    dataset = handshape.Dataset.from_frame(frame, path="file", label="sign", signer="person")
    print(dataset)
    result = handshape.train(dataset, model="frozen", backbone="handnet", out=out)
    print(f"{result.answer}.")
    print(result.confusion)
    for wrong in result.mistakes[:5]:
        print(f"{wrong.sample.name}: {wrong.sample.label} predicted as {wrong.predicted}")
    return result


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "runs/own-dataset"))
