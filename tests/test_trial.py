"""A trial: the same numbers however often it is interrupted, and an end that says what happened."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep.configuration import TrialConfiguration
from gensweep.datasets.base import load
from gensweep.errors import ConfigError, Outcome
from gensweep.families.base import Likelihood
from gensweep.ledger.trial_folder import TrialFolder
from gensweep.trainers.checkpoint import from_bytes
from gensweep.trial import Failure, TrainedModel, build_game, run_trial, size_of_networks, trial_key
from tests.conftest import job, small_configuration

FAMILIES = [
    "vae", {"name": "wae", "divergence": "jensen_shannon", "encoder": "gaussian", "pretraining_steps": 3},
    {"name": "wgan", "critic_moves": 3}, {"name": "gan", "loss": "minimax"},
]  # fmt: skip


def numbers(folder: Path) -> list[tuple[int, dict[str, float]]]:
    return [(row.epoch, row.values) for row in TrialFolder(folder).rows()]


def weights(folder: Path) -> dict[str, Any]:
    newest = TrialFolder(folder).newest()
    assert newest is not None
    return from_bytes(newest.read("state.pt"), torch.device("cpu"))["trainee"]


def test_a_trial_is_not_changed_by_who_runs_it(tmp_path: Path) -> None:
    handed_out = job(tmp_path, {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        handed_out.number = 1  # type: ignore[misc]
    assert handed_out == job(tmp_path, {})


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f if isinstance(f, str) else f["name"])
def test_an_interrupted_trial_continues_bit_for_bit(tmp_path: Path, family: Any) -> None:
    configuration = small_configuration(family)
    whole = list(run_trial(job(tmp_path / "whole", configuration)))
    next(run_trial(job(tmp_path / "cut", configuration)))
    again = run_trial(job(tmp_path / "cut", configuration))
    assert (first := next(again)).scores == whole[0].scores
    assert first.epoch == 2
    next(again)
    rest = list(run_trial(job(tmp_path / "cut", configuration)))
    assert [report.epoch for report in rest] == [4, 6]  # what it stands at, said again, and the rest
    assert rest[-1].scores == whole[-1].scores
    assert rest[-1].best == whole[-1].best
    assert [report.items for report in rest] == [report.items for report in whole][1:]
    assert numbers(tmp_path / "cut") == numbers(tmp_path / "whole")
    a, b = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    for network in a["networks"]:
        assert all(torch.equal(a["networks"][network][k], b["networks"][network][k]) for k in a["networks"][network])
    assert str(a["optimizers"]) == str(b["optimizers"])


def test_a_report_says_on_which_machine_it_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gensweep.ledger.trial_folder import TrialFolder

    configuration, folder = small_configuration("vae"), TrialFolder(tmp_path)
    monkeypatch.setattr("platform.node", lambda: "gpu-1")
    assert next(run_trial(job(tmp_path, configuration))).host == "gpu-1"
    monkeypatch.setattr("platform.node", lambda: "gpu-2")
    assert {report.host for report in run_trial(job(tmp_path, configuration))} == {"gpu-2"}
    monkeypatch.setattr("platform.node", lambda: "head")
    (ended,) = run_trial(job(tmp_path, configuration))
    assert ended.host == "gpu-2", "where it ended, whoever asks"
    before = {name: value for name, value in (folder.outcome() or {}).items() if name != "host"}
    (tmp_path / "outcome.json").unlink()
    folder.write_outcome(before)  # as an earlier gensweep did
    (ended,) = run_trial(job(tmp_path, configuration))
    assert ended.host == ""


@pytest.mark.parametrize(("family", "batches"), [("vae", 1), ({"name": "wgan", "constraint": "clip"}, 5)])
def test_a_report_says_how_many_items_were_seen(tmp_path: Path, family: Any, batches: int) -> None:
    configuration = small_configuration(family)
    size = configuration["training"]["batch_size"]
    reports = list(run_trial(job(tmp_path, configuration)))
    assert [report.items for report in reports] == [report.step * size * batches for report in reports]
    n_items = len(load(TrialConfiguration.model_validate(configuration).dataset).train)
    assert reports[-1].items == pytest.approx(
        n_items * reports[-1].epoch, abs=(size * batches + size) * reports[-1].epoch
    )


@pytest.mark.parametrize("family", FAMILIES[:2], ids=["vae", "wae"])
def test_a_trial_that_died_before_its_first_checkpoint_begins_again_with_the_same_numbers(
    tmp_path: Path, family: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = small_configuration(family, epochs=4)
    whole = list(run_trial(job(tmp_path / "whole", configuration)))
    with monkeypatch.context() as patch:
        patch.setattr("gensweep.trial.evaluate", _die)
        with pytest.raises(KeyboardInterrupt):
            next(run_trial(job(tmp_path / "cut", configuration)))
    again = list(run_trial(job(tmp_path / "cut", configuration)))
    assert [report.scores for report in again] == [report.scores for report in whole]
    assert numbers(tmp_path / "cut") == numbers(tmp_path / "whole")


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_torn_checkpoint_costs_one_interval_and_changes_no_number(tmp_path: Path) -> None:
    configuration = small_configuration()
    whole = list(run_trial(job(tmp_path / "whole", configuration)))
    running = run_trial(job(tmp_path / "torn", configuration))
    next(running)
    next(running)
    running.close()
    newest = max((tmp_path / "torn" / "checkpoints").glob("step-*"))
    (newest / "state.pt").write_bytes((newest / "state.pt").read_bytes()[:1000])
    rest = list(run_trial(job(tmp_path / "torn", configuration)))
    assert [report.epoch for report in rest] == [2, 4, 6]
    assert rest[-1].scores == whole[-1].scores
    assert numbers(tmp_path / "torn") == numbers(tmp_path / "whole")


def test_a_finished_trial_repeats_its_last_report_without_training(tmp_path: Path) -> None:
    configuration = small_configuration()
    last = list(run_trial(job(tmp_path, configuration)))[-1]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "checkpoints").rglob("*")}
    again = list(run_trial(job(tmp_path, configuration, number=5)))
    assert len(again) == 1
    assert again[0].outcome is Outcome.COMPLETED
    assert (again[0].number, again[0].best) == (5, last.best)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "checkpoints").rglob("*")}


def test_a_trial_that_died_between_its_last_checkpoint_and_its_end_ends(tmp_path: Path) -> None:
    whole = list(run_trial(job(tmp_path, small_configuration())))
    (tmp_path / "outcome.json").unlink()
    again = list(run_trial(job(tmp_path, small_configuration())))
    assert [(r.epoch, r.outcome, r.scores) for r in again] == [(6, Outcome.COMPLETED, whole[-1].scores)]


def test_a_worker_that_ran_other_trials_gives_the_same_numbers_as_a_fresh_one(tmp_path: Path) -> None:
    fresh = list(run_trial(job(tmp_path / "fresh", small_configuration())))
    torch.manual_seed(99)
    torch.randn(5)
    for i, family in enumerate(FAMILIES[1:]):
        list(run_trial(job(tmp_path / f"other{i}", small_configuration(family, epochs=1))))
    reused = list(run_trial(job(tmp_path / "reused", small_configuration())))
    assert [r.scores for r in reused] == [r.scores for r in fresh]


def test_a_loss_that_leaves_the_finite_numbers_ends_the_trial_as_diverged(tmp_path: Path) -> None:
    configuration = small_configuration(
        {"name": "vae", "likelihood": "gaussian"}, optimizer={"name": "sgd", "lr": 1e12}
    )
    reports = list(run_trial(job(tmp_path, configuration)))
    last = reports[-1]
    assert last.outcome is Outcome.DIVERGED
    assert "loss.autoencoder became" in last.reason or "autoencoder." in last.reason
    assert f"at step {last.step}" in last.reason
    assert last.step < 15  # within the first epoch
    assert list(run_trial(job(tmp_path, configuration)))[-1] == last  # a result: it is not tried again


def test_a_batch_larger_than_the_data_is_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"training.batch_size: 5000 is more than the 1000 items"):
        next(run_trial(job(tmp_path, small_configuration(batch_size=5000))))


def test_best_is_the_checkpoint_with_the_best_objective(tmp_path: Path) -> None:
    reports = list(run_trial(job(tmp_path, small_configuration())))
    fids = {r.epoch: r.scores["fid"] for r in reports}
    assert reports[-1].best_epoch == min(fids, key=lambda epoch: fids[epoch])
    assert reports[-1].best == next(r.scores for r in reports if r.epoch == reports[-1].best_epoch)


def test_pictures_and_protocols_are_left_in_the_folder(tmp_path: Path) -> None:
    import json

    from PIL import Image

    list(run_trial(job(tmp_path, small_configuration())))
    assert sorted(p.name for p in (tmp_path / "samples").iterdir()) == [f"epoch-{e:05d}.png" for e in (2, 4, 6)]
    with Image.open(tmp_path / "samples" / "epoch-00006.png") as picture:
        assert picture.width == picture.height >= 64
    assert (tmp_path / "reconstructions" / "epoch-00006.png").exists()
    protocols = json.loads((tmp_path / "protocol.json").read_text())
    assert set(protocols) == {"fid", "sliced_wasserstein"}
    assert all(len(p["hash"]) == 8 for p in protocols.values())


def test_a_key_depends_on_configuration_and_data_and_nothing_else() -> None:
    a = trial_key({"x": 1, "y": [1, 2]}, "d")
    assert a == trial_key({"y": [1, 2], "x": 1}, "d")
    assert len({a, trial_key({"x": 2, "y": [1, 2]}, "d"), trial_key({"x": 1, "y": [1, 2]}, "e")}) == 3


def test_an_error_becomes_a_failure_with_its_message_and_its_traceback() -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("no")
    failure = Failure.of(3, caught.value)
    assert (failure.number, failure.reason) == (3, "ValueError: invalid literal for int() with base 10: 'no'")
    assert 'int("no")' in failure.details
    assert Failure.of(3, ConfigError("training.batch_size: too large")).reason == "training.batch_size: too large"


def test_a_failure_has_no_password() -> None:
    failure = Failure.of(3, OSError("no answer from http://me:s3cr3t@host/data"))
    assert failure.reason == "OSError: no answer from http://host/data"
    assert failure.details.endswith("OSError: no answer from http://host/data\n")


@pytest.mark.parametrize(("family", "latent"), [("vae", 4), ("gan", 4), ("flow", 64), ("parzen", None)])
def test_a_model_decodes_codes_to_what_it_samples_of_them(family: str, latent: int | None) -> None:
    described = TrialConfiguration.model_validate({**small_configuration(family), "seed": 0})
    model = TrainedModel(build_game(described), described, torch.device("cpu"))
    z = torch.randn(7, latent or 4)
    found = model.decodings(z)
    assert (found is None) == (latent is None)
    if found is not None:
        assert torch.equal(found, model.drawn({"latent": z}))
        assert not found.requires_grad


@pytest.mark.parametrize("sigma", [1e-2, 1e-3, 1e-4])
def test_a_density_at_the_points_of_a_grid_is_asked_over_their_cells(sigma: float) -> None:
    """Narrow peaks on training images have no ceiling at these images, and no merit over the cells around them."""
    given = {**small_configuration({"name": "parzen", "sigma": sigma}), "seed": 0}
    described = TrialConfiguration.model_validate(given)
    model = TrainedModel(build_game(described), described, torch.device("cpu"))
    items = load(described.dataset).train[:50]
    answer = model.log_likelihood(items)
    assert answer is not None
    bits = -float(answer[0].mean()) / (64 * math.log(2)) - math.log2(described.dataset.cell)
    assert bits > 0  # a probability of a cell is at most 1; at the points they are -1.2, -4.5 and -7.8
    assert not answer[1]


def test_an_item_is_asked_about_anywhere_in_the_cell_around_it_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Uniform, as wide as the step between two levels, and with the item in its middle."""
    described = TrialConfiguration.model_validate({**small_configuration(), "seed": 0})
    game = build_game(described)
    model = TrainedModel(game, described, torch.device("cpu"))
    one = Likelihood(lambda nets, x, noise: x.flatten(1)[:, 20], is_exact=True)
    items, cell = load(described.dataset).train, 1 / 16
    monkeypatch.setattr(model, "game", dataclasses.replace(game, likelihood=one))
    answer = model.log_likelihood(items)
    assert answer is not None
    off = (answer[0] - items.flatten(1)[:, 20]) / cell
    assert not answer[1]
    assert -0.5 <= float(off.min()) < -0.49
    assert 0.49 < float(off.max()) <= 0.5
    n = len(off)  # five standard errors of a mean and of a mean square
    assert float(off.mean()) == pytest.approx(0, abs=5 / math.sqrt(12 * n))
    assert float(off.square().mean()) == pytest.approx(1 / 12, abs=5 / math.sqrt(180 * n))
    over_cells = TrainedModel(
        dataclasses.replace(game, likelihood=dataclasses.replace(one, over_cells=True)), described, torch.device("cpu")
    )
    exact = over_cells.log_likelihood(items)
    assert exact is not None
    assert exact[1]
    assert torch.equal(exact[0], items.flatten(1)[:, 20])


NOTED = [
    ({"name": "wae", "divergence": {"name": "sinkhorn", "iterations": 1}}, "autoencoder.divergence.unconverged"),
    ({"name": "sinkhorn_generator", "divergence": {"name": "sinkhorn", "blur": 0.1, "iterations": 2}},
     "generator.divergence.unconverged"),
]  # fmt: skip


@pytest.mark.parametrize(("family", "part"), NOTED, ids=["wae", "sinkhorn_generator"])
def test_what_to_know_of_the_numbers_is_said_once_and_survives_an_interruption(
    tmp_path: Path, family: Any, part: str
) -> None:
    configuration = small_configuration(family)
    first = next(run_trial(job(tmp_path, configuration)))
    assert len(first.notes) == 1
    assert first.notes[0].startswith(f"{part}: the transport of sinkhorn had not converged")
    assert first.notes[0].endswith("(1 in epoch 1).")
    rest = list(run_trial(job(tmp_path, configuration)))
    assert [report.notes for report in rest] == [first.notes] * 3
    assert list(run_trial(job(tmp_path, configuration)))[-1].notes == first.notes  # as its outcome.json has it
    assert all(values[part] == 1 for _, values in numbers(tmp_path))


def test_where_all_converged_there_is_nothing_to_say(tmp_path: Path) -> None:
    configuration = small_configuration({"name": "wae", "divergence": "sinkhorn"}, epochs=2)
    assert [report.notes for report in run_trial(job(tmp_path, configuration))] == [[]]


def test_a_metric_has_notes_too(tmp_path: Path) -> None:
    metrics = ["fid", {"name": "sinkhorn_divergence", "iterations": 2, "n": 50}]
    configuration = small_configuration(epochs=2)
    configuration["evaluation"]["metrics"] = metrics
    (last,) = run_trial(job(tmp_path, configuration))
    assert last.scores["sinkhorn_divergence.unconverged"] == 1
    assert len(last.notes) == 1
    assert last.notes[0].startswith("sinkhorn_divergence.unconverged: the steps of the transport ended before")


@pytest.mark.parametrize("family", ["vae", "flow", "autoregressive", {"name": "wgan", "constraint": "spectral_norm"}])
@pytest.mark.parametrize("network", ["mlp", "conv", "resnet"])
def test_the_size_of_networks_is_told_without_taking_or_drawing_them(
    family: Any, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        sys.modules, "torch._dynamo", None
    )  # torch's compiler, which nobody here needs: it loads for 2 s
    configuration = TrialConfiguration.model_validate(small_configuration(family) | {"network": network})
    found = size_of_networks(configuration)
    networks = build_game(configuration).networks.values()
    tensors = {id(t): t for net in networks for t in net.state_dict(keep_vars=True).values()}
    assert found == sum(t.nbytes for t in tensors.values()) > 0


@pytest.mark.parametrize("family", ["autoregressive", "flow"])
def test_the_size_of_networks_over_points_is_told_as_well(family: str) -> None:
    configuration = TrialConfiguration.model_validate(small_configuration(family) | {"dataset": "ring"})
    networks = build_game(configuration).networks.values()
    found = sum(t.nbytes for net in networks for t in net.state_dict().values())
    assert size_of_networks(configuration) == found > 0


def test_networks_that_are_computed_from_values_have_no_outline_and_stop_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from gensweep.families.vae import VAE

    def mixes_devices(*_: Any) -> Any:
        return torch.ones(3, device="cpu") * torch.ones(3)

    configuration = TrialConfiguration.model_validate(small_configuration("vae"))
    monkeypatch.setattr(VAE, "game", mixes_devices)
    assert size_of_networks(configuration) == 0
