"""Reads hand signs in photos with an exported handshape recogniser: ONNX Runtime and Pillow, no torch.

    pip install -r requirements.txt
    python read.py model.onnx PHOTO...

Prints a line of JSON for each photo.
"""

import json
import os
import sys

import numpy as np
from PIL import Image, ImageOps

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime would report its use to its makers
import onnxruntime


def main(model: str, photos: list[str]) -> None:
    """Read each photo and print what it shows."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    labels, threshold = json.loads(about["handshape.labels"]), json.loads(about["handshape.threshold"])
    for path in photos:
        # The graph takes pixels of any size: it resizes by itself.
        (rows,) = session.run(None, {"images": pixels(path)[None]})
        best = int(rows[0].argmax())
        label = labels[best] if rows[0][best] >= threshold else "unsure"
        probabilities = [float(share) for share in rows[0]]
        answer = {
            "path": path,
            "label": label,
            "probability": probabilities[best],
            "probabilities": probabilities,
        }
        print(json.dumps(answer, ensure_ascii=False))


def pixels(path: str) -> np.ndarray:
    """Return a photo as (H, W, 3) uint8 RGB: upright, and on white where it is transparent."""
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.has_transparency_data:
            white = Image.new("RGBA", upright.size, "white")
            upright = Image.alpha_composite(white, upright.convert("RGBA"))
        return np.asarray(upright.convert("RGB"))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python read.py model.onnx PHOTO...")
    main(sys.argv[1], sys.argv[2:])
