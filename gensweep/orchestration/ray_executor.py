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

from gensweep.errors import CannotRun
from gensweep.orchestration.driver import Driver
from gensweep.orchestration.resources import places, threads
from gensweep.orchestration.signals import graceful
from gensweep.spaces.configuration import Resources

_ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # the monitor's kill ends the whole Tune run; the kernel's ends one trial
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "100000000",
    "TUNE_MAX_PENDING_TRIALS_PG": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
}


def connect(address: str | None, wanted: Resources) -> int:
    """Join the cluster at `address`, or start Ray on this machine; how many trials fit at once.

    Raises:
        CannotRun: no cluster answers there, or no node of it can hold a trial.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    n = str(threads(wanted))
    options: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": "ERROR",
        "configure_logging": True,
        "runtime_env": {"env_vars": {"OMP_NUM_THREADS": n, "MKL_NUM_THREADS": n, **_data_folders()}},
    }
    if address is None:
        ray.init(include_dashboard=False, **options)
        _private_token()
    else:
        _join(address, options)
    try:
        return places(wanted, [node["Resources"] for node in ray.nodes() if node["Alive"]])
    except CannotRun:
        ray.shutdown()
        raise


def nodes() -> list[dict[str, float]]:
    """What each node of the connected cluster has, for environment.json."""
    import ray

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


def execute(driver: Driver, n_at_once: int) -> None:
    """Run the driver's trials on the connected cluster until it has none left or is asked to stop."""
    import ray
    from ray import tune

    from gensweep.orchestration.ray_search import DriverSearcher, DriverStopper
    from gensweep.orchestration.worker import Worker

    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # a lost worker is told by us, once
    resources = {"cpu": driver.sweep.resources.cpu, "gpu": driver.sweep.resources.gpu}
    storage = driver.folder.path / ".ray"
    tuner = tune.Tuner(
        tune.with_resources(Worker, resources),
        tune_config=tune.TuneConfig(
            search_alg=DriverSearcher(driver),
            num_samples=-1,
            max_concurrent_trials=n_at_once,
            reuse_actors=True,
            trial_name_creator=_short,
            trial_dirname_creator=_short,
        ),
        run_config=tune.RunConfig(
            name=f"start-{os.getpid()}",
            storage_path=str(storage),
            stop=DriverStopper(driver),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # trials keep their own
        ),
    )
    try:
        with graceful(driver.request_stop, at_once=lambda: None):
            tuner.fit()
    finally:
        ray.shutdown()
        shutil.rmtree(storage, ignore_errors=True)


def _join(address: str, options: dict[str, Any]) -> None:
    import ray

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
