"""Fine-tuning on a Ray cluster: the same loop in several processes, restarted without those that are lost.

Ray is an extra: only code that has checked that it is installed imports this module.
"""

import logging
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ray
import ray.train
import torch
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, get_device

from handshape.errors import ClusterError
from handshape.models.sign_network import BackboneClassifier
from handshape.progress import say
from handshape.training.checkpoint import Checkpoint
from handshape.training.distributed import ProcessGroup
from handshape.training.loop import LoopResult, kept_result, train_loop

# How often tuning continues after workers were lost.
_LOST = 5


@dataclass(frozen=True)
class Cluster:
    """Trains on the cluster that was joined.

    Args:
        folder: On storage that every node shares, for checkpoints.
        device: Where networks run there.
    """

    folder: Path
    device: torch.device

    def __call__(self, network: BackboneClassifier, *data: Any, **settings: Any) -> LoopResult:
        """Train a network as `train_loop` does, a share of each batch on each worker.

        After every epoch the state is written to the folder. Where a worker is lost, the others continue from
        there, with as many as there are then.

        Args:
            network: As for `train_loop`.
            data: The other positional arguments of `train_loop`.
            settings: Those by name, but for ``keeper`` and ``processes``.

        Raises:
            ClusterError: Training failed again and again.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            self._run(ray.put(partial(train_loop, network, *data, **settings)), place)
            kept = Checkpoint(place / "state").load()
        finally:
            shutil.rmtree(place)
        assert kept is not None  # it is written after the first epoch
        return kept_result(kept)

    def _run(self, work: ray.ObjectRef, place: Path) -> None:
        gpus = self.device.type == "cuda"
        workers = int(ray.cluster_resources().get("GPU" if gpus else "CPU", 1))
        say(f"Tuning on {workers} workers")
        trainer = TorchTrainer(
            partial(_work, work, place),
            # With as many as are left, where some are lost.
            scaling_config=ScalingConfig(num_workers=(1, workers), use_gpu=gpus),
            run_config=RunConfig(storage_path=str(place), failure_config=FailureConfig(max_failures=_LOST)),
        )
        try:
            trainer.fit()
        except ray.train.TrainingFailedError as error:
            reason = str(error).strip().split("\n")[-1]
            raise ClusterError(
                f"tuning was begun again {_LOST} times and failed ({reason})",
                "workers that stay, with the cache under the same path on all of them",
                "see Ray's log",
            ) from error


def _work(work: ray.ObjectRef, place: Path) -> None:
    logging.getLogger("ray.train").setLevel(logging.ERROR)
    loop: partial[LoopResult] = ray.get(work)
    network: BackboneClassifier = loop.args[0]
    network.to(get_device())
    loop(processes=ProcessGroup(get_device()), keeper=Checkpoint(place / "state"))
