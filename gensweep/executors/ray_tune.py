"""Ray Tune as the executor, never the memory: each start builds a fresh Tuner around the driver and throws it away.

`Tuner.restore` is not used. Tune gives us placement, warm workers and notice of lost processes; what a sweep is and what
came of it stands in the ledger.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray import tune

from gensweep.credentials import redacted
from gensweep.executors._ray_search import Guarded, WorkLosses, WorkSearcher, WorkStopper
from gensweep.executors._worker import Worker
from gensweep.executors.base import Executor, T, Work
from gensweep.executors.ray_cluster import RayCluster
from gensweep.executors.signals import graceful
from gensweep.executors.visible import answers


class RayTune(Executor):
    """Runs jobs on a Ray cluster, each process one after another. `scratch` is Tune's: every node sees it; it is removed."""

    def __init__(self, cluster: RayCluster, scratch: Path) -> None:
        self.cluster, self._scratch = cluster, scratch

    def ready(self) -> None:
        """See RayCluster."""
        self.cluster.ready()

    @property
    def n_at_once(self) -> int:
        """As many as fit on the nodes."""
        self.ready()
        return self.cluster.places

    def elsewhere(self, question: Callable[[], T]) -> dict[str, T]:
        """See the contract; the machines are nodes, by their addresses."""
        self.ready()
        return answers(question, self.cluster.resources)

    def surroundings(self) -> dict[str, Any]:
        """The address, and what each node has."""
        self.ready()
        address = self.cluster.address
        return {
            "ray_address": address and redacted(address),
            "nodes": [_described(node) for node in self.cluster.nodes],
        }

    def run(self, work: Work) -> None:
        """See the contract."""
        n, resources, guarded = self.n_at_once, self.cluster.resources, Guarded(work)
        searcher = WorkSearcher(guarded)
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # a lost worker is told by us, once
        tuner = tune.Tuner(
            tune.with_resources(Worker, {"cpu": resources.cpu, "gpu": resources.gpu}),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                num_samples=-1,
                max_concurrent_trials=n,
                reuse_actors=True,
                trial_name_creator=_short,
                trial_dirname_creator=_short,
            ),
            run_config=tune.RunConfig(
                name=f"start-{os.getpid()}",
                storage_path=str(self._scratch),
                stop=WorkStopper(guarded),
                callbacks=[WorkLosses(searcher, self.cluster.logs)],
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # trials keep their own
            ),
        )
        try:
            with graceful(work.request_stop, at_once=self.cluster.abandon):
                tuner.fit()
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
        if guarded.error is not None:
            raise guarded.error

    def close(self) -> None:
        """Leave the cluster; a Ray that was started here ends."""
        self.cluster.close()


def _described(node: dict[str, Any]) -> dict[str, float]:
    return {
        name: value
        for name, value in node.items()
        if name in ("CPU", "GPU", "memory") or name.startswith("accelerator_type:")
    }


def _short(trial: Any) -> str:
    return str(trial.trial_id)
