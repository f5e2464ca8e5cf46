"""The models that can be trained, and what each is made of."""

from dataclasses import dataclass
from typing import Literal

ModelName = Literal["cnn", "frozen", "finetune", "landmarks", "combined"]


@dataclass(frozen=True)
class ModelKind:
    """What a model is made of.

    Args:
        words: What it is, in a few words.
        explanation: The same for somebody who sees it for the first time.
        image_features: Whether it uses the features of a pretrained backbone.
        hand_landmarks: Whether it uses the landmarks of the hand.
        fine_tuned: Whether the backbone itself is trained.
        preferred: Whether it is saved unless another model is clearly better on validation.
    """

    words: str
    explanation: str
    image_features: bool = False
    hand_landmarks: bool = False
    fine_tuned: bool = False
    preferred: bool = False

    @property
    def image_stage(self) -> bool:
        """Whether it looks at the image itself, and not at landmarks alone."""
        return self.image_features or not self.hand_landmarks

    @property
    def on_cached_features(self) -> bool:
        """Whether it is fitted, in seconds, on what is computed once for each photo and cached."""
        return (self.image_features or self.hand_landmarks) and not self.fine_tuned


MODELS: dict[ModelName, ModelKind] = {
    "cnn": ModelKind(
        "the lesson's CNN, trained from scratch",
        "a small network that starts from random weights and learns from these photos alone.",
    ),
    "frozen": ModelKind(
        "a head on the features of a frozen backbone",
        "a network that was trained on many other photos describes each photo by numbers, its features; only "
        "the step from features to labels is learned here.",
        image_features=True,
    ),
    "finetune": ModelKind(
        "a fine-tuned backbone with its head",
        "like frozen, but the network that describes the photos is trained further, too.",
        image_features=True,
        fine_tuned=True,
    ),
    "landmarks": ModelKind(
        "a classifier of hand landmarks",
        "21 points of the hand are found in each photo, and the label is predicted from the hand alone: "
        "walls and clothes play no part.",
        hand_landmarks=True,
    ),
    "combined": ModelKind(
        "image features and hand landmarks together",
        "predicts the label from the features of the whole photo and from the landmarks of the hand.",
        image_features=True,
        hand_landmarks=True,
        preferred=True,
    ),
}
