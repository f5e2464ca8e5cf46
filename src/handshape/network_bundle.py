"""The network of a bundle in torch: made into the bundle's files, and read from them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from handshape.bundle import HAND, HEAD, IMAGE, MODEL, PALM, BundleConfig, damaged
from handshape.inference.graph_check import GraphError, check_graphs
from handshape.inference.memory import is_memory_full
from handshape.models.build import check_features, empty_network
from handshape.models.hand import hand_finder
from handshape.models.onnx_head import OnnxHead
from handshape.models.sign_network import BackboneClassifier, SignNetwork
from handshape.models.stages import head_graph, image_graph
from handshape.recogniser import Recogniser


def recogniser_of(network: SignNetwork, config: BundleConfig, cache: Path) -> Recogniser:
    """Make a recogniser of a trained network.

    Args:
        network: The network.
        config: Its description, with labels, temperature and threshold.
        cache: The cache folder, where graphs of its architecture may be.

    Raises:
        ExportError: The network has a layer that cannot be exported.
    """
    network, preprocessing = network.cpu().eval(), config.network.preprocessing
    config = replace(config, expects_hand=network.expects_hand)
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    files = {MODEL: safetensors.torch.save(state, metadata={"format": "pt"})}
    if network.image_network is not None:
        files[IMAGE] = image_graph(network.image_network, preprocessing, cache)
    if network.uses_hand:
        files[PALM], files[HAND] = hand_finder.PALM.read_bytes(), hand_finder.HAND.read_bytes()
    files[HEAD] = head_graph(network, config.network, config.temperature, cache)
    return Recogniser(config, files)


def network_of(recogniser: Recogniser) -> SignNetwork:
    """Return the network of a recogniser in torch, on the CPU, in evaluation mode.

    Raises:
        BundleError: The weights or their description are damaged.
    """
    config, content = recogniser.config.network, recogniser.files[MODEL]
    try:
        network = empty_network(config)
    except Exception as error:  # torch raises many kinds of errors for a wrong description
        if is_memory_full(error):
            raise
        raise damaged(Path("config.json"), "network", str(error)) from error
    try:
        state = safetensors.torch.load(content)
    except SafetensorError as error:
        raise damaged(Path(MODEL), "the file", str(error)) from error
    _check_tensors(network.state_dict(), state)
    network.load_state_dict(state, strict=True, assign=True)
    _check_head(network)
    network = network.to(memory_format=torch.channels_last).eval()
    try:
        check_features(network, config)
    except Exception as error:
        if is_memory_full(error):
            raise
        raise damaged(Path("config.json"), "network", str(error)) from error
    return network


def _check_head(network: SignNetwork) -> None:
    if isinstance(network, BackboneClassifier) and isinstance(network.head, OnnxHead):
        try:
            check_graphs({MODEL: network.head.content()})
        except GraphError as error:
            raise damaged(Path(MODEL), "head.graph", error.reason) from error


def _check_tensors(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    for name in sorted({*expected, *found}):
        if name not in found:
            raise damaged(Path(MODEL), name, "is missing")
        if name not in expected:
            raise damaged(Path(MODEL), name, "does not belong to this network")
        kinds = [f"{tensor.dtype} of shape {tuple(tensor.shape)}" for tensor in (found[name], expected[name])]
        if kinds[0] != kinds[1]:
            raise damaged(Path(MODEL), name, f"is {kinds[0]} instead of {kinds[1]}")
