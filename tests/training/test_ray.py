"""Tuning on a cluster, a worker of which is lost."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.clusters import ON_RAY

from handshape.cluster import join_cluster
from handshape.errors import ClusterError
from handshape.models.backbones.registry import load_backbone
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig
from handshape.models.sign_network import BackboneClassifier
from handshape.training.datasets import AugmentedImages
from handshape.training.loop import LoopSettings

pytestmark = ON_RAY


def words(photos: Path, tmp_path: Path, name: str, *more: object) -> tuple[object, ...]:
    shared = ("--signer", r"signer(\d+)_", "--backbone", "handnet", "--cache", tmp_path / "cache", "--json")
    tuning = ("--model", "finetune", "--pool", 1, "--tuning-epochs", 3, "--batch-size", 6, "--device", "cpu")
    return ("train", photos, *shared, *tuning, "--out", tmp_path / name, *more)


def history(run: Path) -> list[list[float]]:
    rows = [line.split(",") for line in (run / "history.csv").read_text().splitlines()[1:]]
    return [[float(number) for number in row[2:5]] for row in rows]


class Held(AugmentedImages):
    """Augmented images on a cluster; in the second epoch one node stops."""

    def __init__(self, node: str, log: Path, *given: Any) -> None:
        super().__init__(*given)
        self._node, self._log = node, log

    def set_epoch(self, epoch: int) -> None:
        import ray

        super().set_epoch(epoch)
        with self._log.open("a") as file:  # a short line is written at once
            file.write(f"{epoch}\n")
        if epoch == 2 and ray.get_runtime_context().get_node_id() == self._node:
            self._log.with_name("stopped").touch()
            time.sleep(3600)


def test_train__a_node_lost_in_the_middle(
    cli: Callable[..., Any],
    ray_cluster: Any,
    make_photos: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photos, log = make_photos("ABC", signers=4, images=4), tmp_path / "epochs"
    local = cli(*words(photos, tmp_path, "local")).json
    node = ray_cluster.add_node(num_cpus=1)

    def lose() -> None:
        deadline = time.monotonic() + 300
        while not (tmp_path / "stopped").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        ray_cluster.remove_node(node, allow_graceful=False)

    loser = threading.Thread(target=lose)
    loser.start()
    monkeypatch.chdir(tmp_path)  # workers are elsewhere
    # Ray waits for the workers of a lost node, by itself for a minute.
    monkeypatch.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "5")
    monkeypatch.setattr("handshape.training.finetune.AugmentedImages", partial(Held, node.node_id, log))
    ray = ("--engine", "ray", "--address", ray_cluster.address)
    answer = cli(*words(Path(photos.name), tmp_path, "ray", *ray))
    loser.join()
    assert answer.code == 0, answer.err
    assert "Tuning on 3 workers" in answer.err
    # What was done before the loss is not done again, and two go on. Ray may begin with two.
    begun = Counter(log.read_text().split())
    assert begun["1"] in (2, 3) and begun == {"1": begun["1"], "2": begun["1"] + 2, "3": 2}
    assert answer.json["models"].keys() == local["models"].keys()
    rows, expected = history(tmp_path / "ray"), history(tmp_path / "local")
    assert len(rows) == len(expected) == 4
    for row, other in zip(rows, expected, strict=True):
        assert row == pytest.approx(other, rel=0.02)
    assert not list((tmp_path / "cache" / "tuning").iterdir())


def test_cluster__what_fails_again_and_again(
    ray_cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with join_cluster(ray_cluster.address):
        from handshape.training import ray

        monkeypatch.setattr(ray, "_LOST", 0)
        backbone = load_backbone("handnet")
        pool = Pool(1, *backbone.feature_shape[1:])
        head = Head(backbone.feature_shape[0], 2, HeadConfig("linear", 1))
        cluster = ray.Cluster(tmp_path / "tuning", torch.device("cpu"))
        message = (
            r"^tuning was begun again 0 times and failed \(.*\); expected workers that stay, with the cache "
            "under the same path on all of them; see Ray's log$"
        )
        nothing: Any = None
        with pytest.raises(ClusterError, match=message):  # there is nothing to tune
            cluster(
                BackboneClassifier(backbone, pool, head),
                [],
                nothing,
                nothing,
                LoopSettings(epochs=1, batch_size=1, seed=0),
                start=(0, 0),
            )
    assert not list((tmp_path / "tuning").iterdir())
