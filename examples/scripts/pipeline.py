"""Cross-validate any scikit-learn classifier by signer, on hand landmarks and image features together.

python pipeline.py PHOTOS
"""

import sys
from pathlib import Path

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

import handshape


def main(photos: Path) -> list[float]:
    """Print the accuracy on each signer who was left out."""
    frame = handshape.read_folder(photos, signer=r"([a-z]+\d*)_").to_frame()
    signers = frame["signer"]
    features = make_union(handshape.HandFeatures(backbone="handnet"), handshape.HandFeatures("landmarks"))
    pipeline = make_pipeline(features, StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    folds = GroupKFold(signers.nunique())  # features are computed once, not once for each fold
    scores = cross_val_score(pipeline, frame["path"].tolist(), frame["label"], groups=signers, cv=folds)
    print("accuracy on each signer left out:", ", ".join(f"{score:.3f}" for score in scores))
    return [float(score) for score in scores]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
