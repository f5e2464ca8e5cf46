import numpy as np
import pytest
import torch
from torch import nn

from handshape.training.datasets import FeatureRows
from handshape.training.predict import evaluate_network, predict_logits
from handshape.training.temperature import probabilities_of


def test_evaluate_network__loss_and_accuracy() -> None:
    network = nn.Identity()
    network.register_parameter("place", nn.Parameter(torch.zeros(1)))
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
    loss, accuracy = evaluate_network(network, FeatureRows(logits), np.array([0, 1, 1]))
    expected = -np.mean(
        [np.log(np.exp(2) / (np.exp(2) + 1)), np.log(np.e / (np.e + 1)), -2 - np.log1p(np.exp(-2))]
    )
    assert loss == pytest.approx(expected, rel=1e-5)
    assert accuracy == 2 / 3


def test_predict_logits__in_order_without_gradients_or_changes() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5)).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    rows = torch.randn(600, 4)
    logits = predict_logits(network, FeatureRows(rows))
    assert logits.shape == (600, 3) and not logits.requires_grad and not logits.is_inference()
    assert torch.allclose(logits, network.eval()(rows), atol=1e-6)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_probabilities_of__softmax_at_a_temperature() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0]])
    assert probabilities_of(logits).sum() == pytest.approx(1)
    assert np.allclose(probabilities_of(logits, 2.0), probabilities_of(logits / 2))
    assert probabilities_of(logits).dtype == np.float32
