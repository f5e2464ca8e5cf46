"""A step of Adam on two linear layers with a ReLU between them, its gradients written out."""

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from handshape.training.loop import LoopConfig

# Adam's memory of the gradients and of their squares, and what keeps it from dividing by nothing.
_FIRST, _SECOND, _LEAST = 0.9, 0.999, 1e-8


class TwoLayers:
    """The same step as autograd and ``torch.optim.Adam`` make, in less time.

    On layers this small their bookkeeping takes longer than the arithmetic. All weights become views of one
    vector, so that Adam is one operation.

    Args:
        network: Linear, ReLU, Linear; its weights are moved in place.
        config: Learning rate and weight decay.

    Source: Kingma and Ba, Adam, ICLR 2015.
    """

    def __init__(self, network: nn.Module, config: LoopConfig) -> None:
        assert isinstance(network, nn.Sequential)
        self._config = config
        parameters = list(network.parameters())
        self._weights = torch.cat([parameter.detach().flatten() for parameter in parameters])
        for parameter, own in zip(parameters, _parts(self._weights, parameters), strict=True):
            parameter.data = own
        self._gradient = torch.empty_like(self._weights)
        self._mean, self._square = torch.zeros_like(self._weights), torch.zeros_like(self._weights)
        self._count = torch.zeros((), device=self._weights.device)
        self._layers = [parameter.data for parameter in parameters]
        self._gradients = _parts(self._gradient, parameters)
        self._wanted = torch.eye(len(self._layers[-1]), device=self._weights.device)

    @torch.no_grad()
    def __call__(self, inputs: Tensor, classes: Tensor) -> Tensor:
        """Move the weights once.

        Args:
            inputs: (B, D) float32.
            classes: (B,) int64.

        Returns:
            The (B, K) logits from before.
        """
        first, first_bias, last, last_bias = self._layers
        hidden = torch.addmm(first_bias, inputs, first.T).relu_()
        logits = torch.addmm(last_bias, hidden, last.T)
        wrong = torch.softmax(logits, dim=1).sub_(self._wanted[classes]).div_(len(classes))
        back = (wrong @ last).mul_(hidden > 0)
        into_first, into_first_bias, into_last, into_last_bias = self._gradients
        torch.mm(back.T, inputs, out=into_first)
        torch.sum(back, 0, out=into_first_bias)
        torch.mm(wrong.T, hidden, out=into_last)
        torch.sum(wrong, 0, out=into_last_bias)
        self._adam()
        return logits

    def _adam(self) -> None:
        adam(
            [self._weights],
            [self._gradient],
            [self._mean],
            [self._square],
            [],
            [self._count],
            fused=True,
            amsgrad=False,
            lr=self._config.learning_rate,
            weight_decay=self._config.weight_decay,
            maximize=False,
            beta1=_FIRST,
            beta2=_SECOND,
            eps=_LEAST,
        )


def _parts(vector: Tensor, like: list[nn.Parameter]) -> list[Tensor]:
    """Cut a vector into views of the shapes of some parameters."""
    cut = torch.split(vector, [parameter.numel() for parameter in like])
    return [part.view_as(parameter) for part, parameter in zip(cut, like, strict=True)]
