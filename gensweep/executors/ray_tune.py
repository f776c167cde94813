"""Ray Tune as the executor, never the memory: each start builds a fresh Tuner around the driver and throws it away.

`Tuner.restore` is not used. Tune gives us placement, warm workers and notice of lost processes; what a sweep is and what
came of it stands in the ledger.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import ray
from ray import tune

from gensweep.configuration import Resources
from gensweep.errors import CannotRun
from gensweep.executors import _environment  # noqa: F401 -- before ray, which reads its settings at import
from gensweep.executors._ray_search import WorkSearcher, WorkStopper
from gensweep.executors._worker import Worker
from gensweep.executors.base import Executor, Work
from gensweep.executors.resources import places
from gensweep.executors.signals import graceful


class RayTune(Executor):
    """Ray on this machine, or the cluster at `address`."""

    def __init__(self, address: str | None, resources: Resources, scratch: Path) -> None:
        """Join the cluster, or start Ray here. `scratch` is a folder for Tune that every node sees; it is emptied.

        Raises:
            CannotRun: no cluster answers there, or no node of it can hold a trial.
        """
        self.address, self.resources, self._scratch = address, resources, scratch
        n = str(resources.threads)
        options: dict[str, Any] = {
            "log_to_driver": False,
            "logging_level": "ERROR",
            "configure_logging": True,
            "runtime_env": {"env_vars": {"OMP_NUM_THREADS": n, "MKL_NUM_THREADS": n, **_data_folders()}},
        }
        if address is None:
            ray.init(address="local", include_dashboard=False, **options)
            _private_token()
        else:
            _join(address, options)
        try:
            self._places = places(resources, [node["Resources"] for node in ray.nodes() if node["Alive"]])
        except CannotRun:
            ray.shutdown()
            raise

    @property
    def n_at_once(self) -> int:
        """As many as fit on the nodes."""
        return self._places

    def surroundings(self) -> dict[str, Any]:
        """The address, and what each node has."""
        return {"ray_address": self.address, "nodes": _nodes()}

    def run(self, work: Work) -> None:
        """See the contract."""
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # a lost worker is told by us, once
        tuner = tune.Tuner(
            tune.with_resources(Worker, {"cpu": self.resources.cpu, "gpu": self.resources.gpu}),
            tune_config=tune.TuneConfig(
                search_alg=WorkSearcher(work),
                num_samples=-1,
                max_concurrent_trials=self.n_at_once,
                reuse_actors=True,
                trial_name_creator=_short,
                trial_dirname_creator=_short,
            ),
            run_config=tune.RunConfig(
                name=f"start-{os.getpid()}",
                storage_path=str(self._scratch),
                stop=WorkStopper(work),
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # trials keep their own
            ),
        )
        try:
            with graceful(work.request_stop, at_once=lambda: None):
                tuner.fit()
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def close(self) -> None:
        """Leave the cluster; a Ray that was started here ends."""
        ray.shutdown()


def _nodes() -> list[dict[str, float]]:
    kept = ("CPU", "GPU", "memory")
    return [
        {
            name: value
            for name, value in node["Resources"].items()
            if name in kept or name.startswith("accelerator_type:")
        }
        for node in ray.nodes()
        if node["Alive"]
    ]


def _join(address: str, options: dict[str, Any]) -> None:
    try:
        _knock(address)
        ray.init(address=address, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CannotRun(
            f"--address {address}: no Ray cluster can be joined there ({first}). Start one with `ray start --head`, "
            f"check the address and RAY_AUTH_MODE / the token, or leave --address out to run on this machine."
        ) from error


def _knock(address: str) -> None:
    """Raise OSError if nobody listens there: Ray itself would go on trying for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdigit():
        with socket.create_connection((host, int(port)), timeout=10):
            pass


def _private_token() -> None:
    """Ray writes its token readable for everyone."""
    token = Path.home() / ".ray" / "auth_token"
    if token.exists():
        token.chmod(0o600)


def _data_folders() -> dict[str, str]:
    """The driver's environment does not reach the workers of an existing cluster; these names must."""
    return {name: os.environ[name] for name in ("GENSWEEP_DATA", "GENSWEEP_CACHE") if name in os.environ}


def _short(trial: Any) -> str:
    return str(trial.trial_id)
