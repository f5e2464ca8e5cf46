"""Can a classifier's backbone be an autoencoder's encoder, and what have its features thrown away?"""

from handshape.config.study import AutoencoderConfig
from handshape.studies.autoencoder_page import Found, describe_outcome
from handshape.studies.feature_space import explore_space
from handshape.studies.layer_probes import probe_layers
from handshape.studies.material import Material
from handshape.studies.page import Outcome
from handshape.studies.steps import Steps
from handshape.studies.ways_back import Bench, frozen, longer, mean_photo, scratch, tuned


def study_autoencoder(config: AutoencoderConfig, material: Material, steps: Steps) -> Outcome:
    """Train a decoder alone, with a tuned encoder and with one from scratch, and look into every layer.

    Args:
        config: The settings.
        material: The photos and the backbone.
        steps: Keeps what is finished.

    Returns:
        What came back by each way, with pictures.
    """
    bench = Bench(config, material)
    mean = steps.run("mean", lambda _: mean_photo(bench))
    first = steps.run("frozen", lambda keeper: frozen(bench, keeper))
    ways = {
        "frozen": first,
        "longer": steps.run("longer", lambda keeper: longer(bench, first.tensors, keeper)),
        "tuned": steps.run("tuned", lambda keeper: tuned(bench, first.tensors, keeper)),
        "scratch": steps.run("scratch", lambda keeper: scratch(bench, keeper)),
    }
    layers = steps.run("layers", lambda keeper: probe_layers(bench, keeper))
    space = steps.run("space", lambda _: explore_space(bench, first.tensors))
    return describe_outcome(bench, Found(mean, ways, layers, space))
