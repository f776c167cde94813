"""One trial trained again: how far, in which place, what is compared, and what is refused."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep import repetition
from gensweep.devices import name_of
from gensweep.errors import CannotRun, ConfigError
from gensweep.faults import Fault
from gensweep.ledger import environment
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.orchestration.driver import issue
from gensweep.packs import Pack, alone
from gensweep.trial import TRIAL_SCHEMA, Failure, Report
from tests.conftest import job

CONFIGURATION = {
    "dataset": {"name": "ring", "n_train": 128, "n_validation": 20, "n_test": 20}, "network": {"name": "mlp", "hidden": [4]},
    "latent_size": 2, "family": "vae", "training": {"epochs": 3, "batch_size": 64},
    "evaluation": {"metrics": ["sliced_wasserstein"], "every": 1}, "seed": 3,
}  # fmt: skip
Sweep = Callable[..., SweepFolder]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any], list[Report]]:
    """A trial's key and configuration, and its reports."""
    torch.set_num_threads(1)
    key, configuration = issue(CONFIGURATION)
    said = alone(job(tmp_path_factory.mktemp("trial"), configuration, metric="sliced_wasserstein"))
    return key, configuration, [one for one in said if isinstance(one, Report)]


@pytest.fixture
def sweep(tmp_path: Path, trained: tuple[str, dict[str, Any], list[Report]], monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """Writes a sweep of one trial: what it reported in the first `n` epochs, `plus` an offset, and how it ended."""
    key, configuration, _ = trained
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))

    def write(n: int = 3, outcome: str | None = "COMPLETED", plus: float = 0.0, **more: Any) -> SweepFolder:
        definition = {"name": "study", "objective": {"metric": "sliced_wasserstein", "mode": "min"}, "trial": {}}
        folder = SweepFolder.create(tmp_path / "runs" / "study", definition)
        said = {
            "versions": more.get("versions", environment.versions()),
            "trial_schema": more.get("schema", TRIAL_SCHEMA),
        }
        events: list[dict[str, Any]] = [{"event": "started", "pid": 1, "at_once": 1, **said}]
        events.append({"event": "issued", "number": 0, "key": more.get("key", key), "arm": "vae", "position": 0, "parameters": {},
                       "configuration": {**configuration, **more.get("configuration", {})}})  # fmt: skip
        reports = more.get("reports", trained[2])
        for report in reports[:n]:
            scores = {name: value + plus for name, value in report.scores.items()}
            events.append({"event": "reported", "number": 0, "epoch": report.epoch, "step": report.step, "scores": scores,
                           "protocol": report.protocol, "device": more.get("device", report.device),
                           "mode": report.mode})  # fmt: skip
        if outcome:
            last = reports[max(n, 1) - 1]
            events.append({"event": "ended", "number": 0, "outcome": outcome, "reason": "said so", "epoch": last.epoch,
                           "step": last.step, "best": {}, "device": more.get("device", last.device),
                           "protocol": more.get("protocol", last.protocol)})  # fmt: skip
        with folder.hold():
            folder.events.append_many(events)
        return folder

    return write


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_the_same_numbers_come_again_and_nothing_else_is_left(sweep: Sweep, tmp_path: Path) -> None:
    folder, told = sweep(), list[Report]()
    before = snapshot(folder.path)
    found = repetition.repeat(folder, 0, told=told.append)
    assert next((one.score, one.agrees) for one in found.scores) == ("sliced_wasserstein", "bit for bit")
    assert (found.agrees, found.missing, found.unlike) == (True, [], [])
    assert found.sentence() == f"Repeated: all {len(found.scores)} scores agree bit for bit."
    assert [report.epoch for report in told] == [1, 2, 3]
    assert snapshot(folder.path) == before
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("plus", "agrees", "says"), [(1e-7, True, "agree to rounding."), (0.1, False, "by more than rounding.")]
)
def test_other_numbers_are_told_from_rounding(sweep: Sweep, plus: float, agrees: bool, says: str) -> None:
    found = repetition.repeat(sweep(plus=plus), 0)
    assert found.agrees == agrees
    assert found.sentence().endswith(says)


@pytest.mark.parametrize(("latent_size", "mode"), [(0, "pack of 3"), (5, "pack of 3, latent size 5")])
def test_a_trial_of_a_pack_is_trained_as_it_was(latent_size: int, mode: str, sweep: Sweep, tmp_path: Path) -> None:
    _, configuration = issue(CONFIGURATION)
    jobs = [
        job(
            tmp_path / str(seed),
            {**configuration, "seed": seed},
            seed,
            metric="sliced_wasserstein",
            shape="one",
            rows=3,
            latent_size=latent_size,
        )
        for seed in (5, CONFIGURATION["seed"])
    ]
    pack, reports = Pack(jobs[0]), []
    pack.add(jobs[1])
    while pack:
        reports += [said for said in pack.turn() if isinstance(said, Report) and said.number == CONFIGURATION["seed"]]
    found = repetition.repeat(sweep(reports=reports), 0)
    assert {report.mode for report in reports} == {mode}
    assert (found.agrees, found.unlike) == (True, [])
    assert all(one.agrees == "bit for bit" for one in found.scores)  # empty rows change nothing


@pytest.mark.parametrize("outcome", ["PRUNED", None])
def test_a_trial_that_was_stopped_is_trained_as_far_as_it_came(sweep: Sweep, outcome: str | None) -> None:
    told = list[Report]()
    found = repetition.repeat(sweep(n=2, outcome=outcome), 0, told=told.append)
    assert found.agrees, found.sentence()
    assert [report.epoch for report in told] == [1, 2]


def test_one_that_diverged_and_does_not_here_is_not_repeated(sweep: Sweep) -> None:
    found = repetition.repeat(sweep(n=0, outcome="DIVERGED"), 0)
    assert not found.agrees
    assert "it diverged in the sweep and completed here" in found.sentence()


def test_what_differs_in_where_it_ran_is_named(sweep: Sweep) -> None:
    protocol = {"sliced_wasserstein": "f" * 16}
    folder = sweep(versions={"torch": "1.0"}, schema=1, key="1" * 64, device="Abacus", protocol=protocol)
    environment_file = folder.path / "environment.json"
    environment_file.write_text('{"python": "2.7", "cpu_count": 1000}')
    said = "\n".join(repetition.repeat(folder, 0).unlike)
    assert "torch 1.0 -> " in said
    assert f"schema of trials 1 -> {TRIAL_SCHEMA}" in said
    assert "Python 2.7 -> 3." in said
    assert "CPUs 1000 -> " in said
    assert "Abacus -> " in said
    assert "the data of ring, or the schema of trials, are others" in said
    assert "sliced_wasserstein is measured otherwise (protocol ffffffff -> " in said


@pytest.mark.parametrize(
    ("written", "number", "says"),
    [
        ({}, 7, "study has no trial 7"),
        ({"n": 0, "outcome": "FAILED"}, 0, "study/0: failed (said so), and has no result to repeat"),
        ({"n": 0, "outcome": None}, 0, "study/0: has no scores yet"),
        ({"configuration": {"family": {"name": "none such"}}}, 0, "study/0: its configuration is none here"),
        ({"configuration": {"dataset": {"name": "array", "path": "/nowhere.npy"}}}, 0, "/nowhere.npy: no such file"),
    ],
)
def test_what_cannot_be_repeated_is_refused(
    sweep: Sweep, written: dict[str, Any], number: int, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as error:
        repetition.repeat(sweep(**written), number)
    assert says in str(error.value)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_trial_that_took_other_ones_weights_is_refused(sweep: Sweep) -> None:
    folder = sweep(outcome=None)
    with folder.hold():
        folder.events.append({"event": "copied", "number": 0, "epoch": 3, "source": 5, "source_step": 1, "parameters": {},
                              "configuration": {}})  # fmt: skip
    with pytest.raises(ConfigError, match=r"took the weights of other trials .*\(of trial 5\)"):
        repetition.repeat(folder, 0)


@pytest.mark.parametrize("device", ["cuda:99", "bogus"])
def test_a_device_that_is_not_here_is_refused(sweep: Sweep, device: str) -> None:
    with pytest.raises(CannotRun, match=f"^--device {device}: cannot be used here"):
        repetition.repeat(sweep(), 0, device)


@pytest.mark.parametrize(("fault", "says"), [(Fault.STORAGE, "Make room there"), (None, "the trial fails here: why")])
def test_a_failure_is_no_result(
    sweep: Sweep, fault: Fault | None, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("gensweep.packs.alone", lambda job, *_: (said for said in [Failure(0, "why", "", fault)]))
    with pytest.raises(CannotRun, match=says):
        repetition.repeat(sweep(), 0)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_where_a_gpu_was_left_to_be_found_it_is_found_here(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was trained on this processor stays on it, with the same numbers; what was trained on a GPU goes to one."""
    here, asked = name_of(torch.device("cpu")), list[str]()

    def looked(name: str) -> str:
        asked.append(name)
        raise CannotRun("was asked")

    monkeypatch.setattr(repetition, "_device", looked)
    monkeypatch.setattr(repetition, "n_usable", lambda: 1)
    folder = sweep()
    record = folder.state().trials[0]
    assert record.device == here
    with pytest.raises(CannotRun, match="was asked"):
        repetition.repeat(folder, 0)
    assert asked == ["cpu"]
    record.device = "NVIDIA H100"
    left_open = repetition.Resources.model_validate({})
    assert repetition._place_of(record, left_open) == "cuda"
    assert repetition._place_of(record, left_open.settled(0)) == "cpu"
    monkeypatch.setattr(repetition, "n_usable", lambda: 0)
    assert repetition._place_of(record, left_open) == "cpu"
