"""A step of Adam on two linear layers with a ReLU between them, its gradients written out."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.training.loop import LoopConfig

# Adam's memory of the gradients and of their squares, and what keeps it from dividing by nothing.
_FIRST, _SECOND, _LEAST = 0.9, 0.999, 1e-8


class TwoLayers:
    """The same step as autograd and ``torch.optim.Adam`` make, in less time.

    On layers this small their bookkeeping takes longer than the arithmetic. All weights become views of one
    vector, so that Adam is five operations in all.

    Args:
        network: Linear, ReLU, Linear; its weights are moved in place.
        config: Learning rate and weight decay.

    Source: Kingma and Ba, Adam, ICLR 2015.
    """

    def __init__(self, network: nn.Module, config: LoopConfig) -> None:
        assert isinstance(network, nn.Sequential)
        self._rate, self._decay, self._count = config.learning_rate, config.weight_decay, 0
        parameters = list(network.parameters())
        self._weights = torch.cat([parameter.detach().flatten() for parameter in parameters])
        for parameter, own in zip(parameters, _parts(self._weights, parameters), strict=True):
            parameter.data = own
        self._gradient = torch.empty_like(self._weights)
        self._mean, self._square = torch.zeros_like(self._weights), torch.zeros_like(self._weights)
        self._layers = [parameter.data for parameter in parameters]
        self._gradients = _parts(self._gradient, parameters)

    @torch.no_grad()
    def __call__(self, inputs: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Move the weights once.

        Args:
            inputs: (B, D) float32.
            classes: (B,) int64.

        Returns:
            The mean loss in nats and the (B, K) logits, both from before.
        """
        first, first_bias, last, last_bias = self._layers
        hidden = torch.addmm(first_bias, inputs, first.T).relu_()
        logits = torch.addmm(last_bias, hidden, last.T)
        likely = F.log_softmax(logits, dim=1)
        loss = F.nll_loss(likely, classes)
        wrong = likely.exp_()
        wrong[torch.arange(len(classes), device=classes.device), classes] -= 1
        wrong /= len(classes)
        back = (wrong @ last).masked_fill_(hidden == 0, 0)
        into_first, into_first_bias, into_last, into_last_bias = self._gradients
        torch.mm(back.T, inputs, out=into_first)
        torch.sum(back, 0, out=into_first_bias)
        torch.mm(wrong.T, hidden, out=into_last)
        torch.sum(wrong, 0, out=into_last_bias)
        self._adam()
        return loss, logits

    def _adam(self) -> None:
        self._count += 1
        if self._decay:
            self._gradient.add_(self._weights, alpha=self._decay)
        self._mean.lerp_(self._gradient, 1 - _FIRST)
        self._square.mul_(_SECOND).addcmul_(self._gradient, self._gradient, value=1 - _SECOND)
        # Both begin at nothing, and are the more too small for that the fewer steps there were.
        root = (self._square / (1 - _SECOND**self._count)).sqrt_().add_(_LEAST)
        self._weights.addcdiv_(self._mean, root, value=-self._rate / (1 - _FIRST**self._count))


def _parts(vector: Tensor, like: list[nn.Parameter]) -> list[Tensor]:
    """Cut a vector into views of the shapes of some parameters."""
    cut = torch.split(vector, [parameter.numel() for parameter in like])
    return [part.view_as(parameter) for part, parameter in zip(cut, like, strict=True)]
