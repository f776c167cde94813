"""Two sweeps: one as a driver writes it, without training, and one of two arms that were trained for an epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.trial import run_trial
from tests.conftest import job, small_configuration
from tests.written_sweep import Writer

DEFINITION: dict[str, Any] = {
    "name": "study",
    "objective": {"metric": "fid", "mode": "min"},
    "search": {"sampler": "random", "samples": 4, "seed": 0},
    "trial": {
        "dataset": {"name": "digits"},
        "network": {"name": "mlp", "hidden": [8]},
        "latent_size": "choice(2, 16, 8)",
        "family": {"one_of": [{"name": "vae"}, {"name": "wae", "lambda": "loguniform(0.1, 100)", "divergence": "mmd"}]},
        "training": {"epochs": "int(1, 400)", "optimizer": {"name": "adam", "lr": "loguniform(1e-4, 1e-2)"}},
        "evaluation": {"metrics": ["fid"]},
    },
}


def issue(sweep: Writer, arm: str, fid: float | None, latent: int = 2, **more: Any) -> int:
    """A trial of one of the two arms, with its parameters where the definition has them."""
    parameters = {"latent_size": latent, "training.optimizer.lr": 0.0005 * latent, "training.epochs": 5}
    family: dict[str, Any] = {"name": arm}
    if arm == "wae":
        family |= {"lambda": 1.5, "divergence": {"name": "mmd"}}
        parameters["family[wae].lambda"] = 1.5
    training = {"epochs": 5, "optimizer": {"name": "adam", "lr": 0.0005 * latent}}
    configuration = {"latent_size": latent, "family": family, "training": training}
    return sweep.trial(arm, fid, configuration=configuration, parameters=parameters, **more)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Writer]:
    def _write(name: str = "study", definition: Mapping[str, Any] = DEFINITION) -> Writer:
        return Writer(tmp_path / "runs" / name, definition)

    return _write


@pytest.fixture
def study(write: Callable[..., Writer]) -> Writer:
    """Two arms, each with three trials of the search and three confirmations; one trial and one seed diverged."""
    sweep = write()
    for latent, vae, wae in ((2, 30.0, 12.0), (16, 20.0, 14.0)):
        issue(sweep, "vae", vae, latent)
        issue(sweep, "wae", wae, latent)
    issue(sweep, "vae", None, 8, outcome="DIVERGED", reason="loss became not finite at step 31")
    issue(sweep, "wae", 13.0, 8)
    for score in (21.0, 22.0, 23.0):
        issue(sweep, "vae", 20.0, 16, parent=2, test=score)
    for score in (11.0, 12.0):
        issue(sweep, "wae", 12.0, 2, parent=1, test=score)
    issue(sweep, "wae", None, 2, parent=1, outcome="DIVERGED", reason="loss became not finite at step 7")
    return sweep


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """Three arms trained for one epoch on digits: two with an encoder and one latent size, one without an encoder."""
    sweep = Writer(tmp_path_factory.mktemp("trained") / "runs" / "trained", {**DEFINITION, "name": "trained"})
    for family in ({"name": "vae"}, {"name": "wae", "divergence": {"name": "mmd"}}, {"name": "gan"}):
        configuration = small_configuration(family, epochs=1) | {"evaluation": {"metrics": ["sliced_wasserstein"]}}
        configuration |= {"network": {"name": "mlp", "hidden": [8]}, "latent_size": 6 if family["name"] == "gan" else 4}
        number = sweep.trial(family["name"], 3.0, configuration=configuration, metric="sliced_wasserstein")
        folder = sweep.folder.trial_of(sweep.folder.state().trials[number])
        for _ in run_trial(job(folder.path, configuration, metric="sliced_wasserstein")):
            pass
    return sweep.folder


@pytest.fixture(scope="session")
def trained_ring() -> Callable[[Path], SweepFolder]:
    """Makes a sweep of one arm that was trained for an epoch on points of a plane."""

    def made(path: Path) -> SweepFolder:
        sweep = Writer(path, {**DEFINITION, "name": path.name})
        configuration = small_configuration("wae", epochs=1) | {"dataset": {"name": "ring"}, "latent_size": 2}
        configuration |= {"evaluation": {"metrics": ["sliced_wasserstein"]}, "network": {"name": "mlp", "hidden": [8]}}
        number = sweep.trial("wae", 3.0, configuration=configuration)
        folder = sweep.folder.trial_of(sweep.folder.state().trials[number])
        for _ in run_trial(job(folder.path, configuration, metric="sliced_wasserstein")):
            pass
        return sweep.folder

    return made
