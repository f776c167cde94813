"""A small sweep that trained and was confirmed, for what is done with its models: with and without encoders and likelihoods.

It is written as a driver writes one, without a driver: no run store, no report.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gensweep.configuration import TrialConfiguration
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.trial import Report, run_trial
from tests.conftest import job

ARMS: dict[str, dict[str, Any]] = {
    "vae": {"name": "vae"},
    "autoencoder": {"name": "autoencoder", "components": 2},
    "gan": {"name": "gan"},
    "flow": {"name": "flow", "hidden": [8]},
}
RATES = (0.001, 0.01)
CONFIRMED = ("vae", "autoencoder", "gan")
METRIC = "sliced_wasserstein"
DEFINITION = {
    "name": "used",
    "objective": {"metric": METRIC, "mode": "min"},
    "search": {"sampler": "random", "samples": 2, "seed": 0},
    "confirm": {"top": 1, "seeds": 2},
    "trial": {"family": {"one_of": list(ARMS.values())}},
}


def train_used(runs: Path) -> Path:
    """Two trials of each arm, and two seeds of the better one of three arms, numbered from 0 on; the folder of sweeps."""
    sweep = SweepFolder.create(runs / "used", DEFINITION)
    best: dict[str, tuple[float, int, float]] = {}
    for rate in RATES:
        for arm in ARMS:
            number = len(sweep.state().trials)
            score = _train(sweep, number, arm, rate)
            best[arm] = min(best.get(arm, (score, number, rate)), (score, number, rate))
    for repeat in range(2):
        for arm in CONFIRMED:
            _score, parent, rate = best[arm]
            _train(sweep, len(sweep.state().trials), arm, rate, parent=parent, repeat=repeat)
    with sweep.hold():
        sweep.events.append({"event": "finished"})
    return runs


def _train(sweep: SweepFolder, number: int, arm: str, rate: float, **confirms: int) -> float:
    """Train a trial and enter it; its score on the validation split."""
    configuration = _configuration(ARMS[arm], rate, seed=7 + confirms.get("repeat", -7))
    identity = {"number": number, "key": f"{number:02x}" * 32, "arm": arm, "position": number // len(ARMS)}
    issued = {"parameters": {"training.optimizer.lr": rate}, "configuration": configuration, **identity, **confirms}
    with sweep.hold():
        sweep.events.append({"event": "issued", **issued})
    folder = sweep.trial_of(sweep.state().trials[number])
    said = job(folder.path, configuration, number, metric=METRIC, is_confirmation=bool(confirms))
    *_, last = run_trial(said)
    with sweep.hold():
        sweep.events.append_many([_reported(last), _ended(last)])
    folder.finish()
    return last.best[METRIC]


def _configuration(family: dict[str, Any], rate: float, seed: int) -> dict[str, Any]:
    given = {
        "dataset": "digits", "network": {"name": "mlp", "hidden": [8]}, "latent_size": 3, "family": family, "seed": seed,
        "training": {"epochs": 1, "optimizer": {"lr": rate}}, "evaluation": {"metrics": [METRIC], "every": 1},
    }  # fmt: skip
    return TrialConfiguration.model_validate(given).dump()


def _reported(last: Report) -> dict[str, Any]:
    fields = ("number", "epoch", "step", "scores", "best", "best_epoch", "seconds", "evaluation_seconds")
    return {"event": "reported", **{name: getattr(last, name) for name in fields}}


def _ended(last: Report) -> dict[str, Any]:
    assert last.outcome is not None
    fields = ("number", "epoch", "step", "best", "best_epoch", "seconds", "evaluation_seconds", "protocol", "test")
    return {"event": "ended", "outcome": last.outcome.name, **{name: getattr(last, name) for name in fields}}
