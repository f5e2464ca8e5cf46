"""The lesson's own loops, written plainly: what the benchmarks measure handshape against.

Nothing here is slowed down or sped up: one photo at a time through AlexNet, features in a list, a DataLoader
over them, and after every epoch a second pass over the training set for its accuracy.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

Sample = tuple[Tensor, int]

_STEPS = transforms.Compose(
    [
        transforms.Resize((224, 224)),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)


class Photos(Dataset[Sample]):
    """Photos that are opened, resized and normalised each time they are asked for.

    Args:
        files: N paths with their classes.
    """

    def __init__(self, files: Sequence[tuple[Path, int]]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        path, label = self.files[index]
        with Image.open(path) as image:
            return cast(Tensor, _STEPS(image.convert("RGB"))), label


def list_photos(root: Path, labels: str) -> list[tuple[Path, int]]:
    """Return the photos of some labels, ``root/<label>/*``, with their classes."""
    return [
        (path, number) for number, label in enumerate(labels) for path in sorted((root / label).iterdir())
    ]


class CNN(nn.Module):
    """The small network that is trained from scratch.

    Args:
        labels: K, number of labels.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv2, self.norm2 = nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.conv3, self.norm3 = nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.conv4, self.norm4 = nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32)
        self.pool = nn.MaxPool2d(2, 2)
        self.hidden, self.out = nn.Linear(32 * 14 * 14, 100), nn.Linear(100, labels)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, K) logits of (N, 3, 224, 224) float32."""
        x = self.norm1(self.pool(torch.relu(self.conv1(x))))
        x = self.norm2(self.pool(torch.relu(self.conv2(x))))
        x = self.norm3(self.pool(torch.relu(self.conv3(x))))
        x = self.norm4(self.pool(torch.relu(self.conv4(x))))
        return cast(Tensor, self.out(torch.relu(self.hidden(x.flatten(1)))))


class MLP(nn.Module):
    """The small network that reads AlexNet's features.

    Args:
        labels: K, number of labels.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(256 * 6 * 6, 100), nn.Linear(100, labels)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, K) logits of (N, 256, 6, 6) or (N, 9216) float32."""
        return cast(Tensor, self.out(torch.relu(self.hidden(x.flatten(1)))))


def extract(network: nn.Module, data: Dataset[Sample]) -> list[Sample]:
    """Run a network over photos one at a time and keep (features, label)."""
    network.eval()
    kept = []
    for index in range(len(data)):  # type: ignore[arg-type]
        image, label = data[index]
        kept.append((network(image.unsqueeze(0)).detach().squeeze(0), label))
    return kept


def accuracy(model: nn.Module, data: Dataset[Sample]) -> float:
    """Return the share of samples that a model reads right, in [0, 1]."""
    model.eval()
    right = total = 0
    for inputs, labels in DataLoader(data, batch_size=256):
        right += int((model(inputs).argmax(dim=1) == labels).sum())
        total += len(labels)
    return right / total


def train(
    model: nn.Module,
    training: Dataset[Sample],
    valid: Dataset[Sample],
    *,
    epochs: int = 7,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
) -> list[tuple[float, float, float]]:
    """Train with Adam and cross-entropy.

    Args:
        model: Trained in place.
        training: Samples to learn from; a last batch that is not full is left out.
        valid: Samples to measure on.
        epochs: Passes over the training samples; each is followed by another for their accuracy.
        batch_size: Samples in a step.
        learning_rate: Of Adam.

    Returns:
        The last loss, training accuracy and valid accuracy of each epoch.
    """
    loader = DataLoader(training, batch_size=batch_size, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    history = []
    for _ in range(epochs):
        model.train()
        for inputs, labels in loader:
            if len(labels) < batch_size:
                continue
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            optimiser.zero_grad()
        history.append((float(loss.detach()), accuracy(model, training), accuracy(model, valid)))
    return history
