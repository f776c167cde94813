"""The table of trained against target, made from sweeps as a driver writes them."""

from __future__ import annotations

import csv
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gensweep.configuration import TrialConfiguration
from gensweep.studies.ground_truth import GroundTruth, ground_truth
from tests.written_sweep import Writer

HALVES = {"name": "gaussian_mixture", "weights": [0.5, 0.5], "means": [-5, 5], "covariances": [0.09, 0.09]}
DEFINITION = {"name": "truth", "objective": {"metric": "gaussian_fit", "mode": "min"}, "trial": {}}


def configuration(family: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A trial on the f-GAN paper's mixture with an affine decoder."""
    node = {
        "dataset": "gaussian_mixture", "network": "affine", "latent_size": 1, "family": family,
        "training": {"epochs": 15}, "evaluation": {"metrics": ["gaussian_fit"]},
    } | changes  # fmt: skip
    return TrialConfiguration.model_validate(node).dump()


def written(writer: Writer, family: dict[str, Any], at: tuple[float, float] | None, **changes: Any) -> None:
    """A trial of `family` that ended at the Gaussian `at`, or that diverged."""
    with writer.folder.hold():
        n, append = writer.n, writer.folder.events.append
        identity = {"number": n, "key": f"{n:064x}", "family": family["name"], "parameters": {}, "attempt": 1}
        append({"event": "issued", **identity, "configuration": configuration(family, **changes)})
        ended: dict[str, Any] = {"event": "ended", "number": n, "outcome": "COMPLETED", "reason": "", "epoch": 15,
                                 "step": 150, "best": {}, "best_epoch": 5, "seconds": 2.0, "protocol": {}}  # fmt: skip
        if at is None:
            ended |= {"outcome": "DIVERGED", "reason": "loss became nan"}
        else:
            scores = {"gaussian_fit": 0.0, "gaussian_fit.mean": at[0], "gaussian_fit.deviation": at[1]}
            early = {"gaussian_fit": 0.0, "gaussian_fit.mean": 9.0, "gaussian_fit.deviation": 9.0}
            append({"event": "reported", "number": n, "epoch": 5, "step": 50, "scores": early})
            append({"event": "reported", "number": n, "epoch": 15, "step": 150, "scores": scores})
            ended["best"] = early  # the best by the objective need not be the last
        append(ended)
    writer.n += 1


def table(write: Callable[..., Writer], *trials: tuple[Any, ...], **changes: Any) -> GroundTruth | None:
    writer = write("truth", DEFINITION)
    for family, at in trials:
        written(writer, family, at, **changes)
    return ground_truth(writer.folder.state())


def repeated(
    write: Callable[..., Writer], family: dict[str, Any], *ends: tuple[float, float] | None, **changes: Any
) -> GroundTruth | None:
    """The table of one setting with seeds 0, 1, ..., which ended there."""
    writer = write("truth", DEFINITION)
    for seed, at in enumerate(ends):
        written(writer, family, at, seed=seed, **changes)
    return ground_truth(writer.folder.state())


def test_each_family_is_held_to_its_own_target_where_it_ended(write) -> None:
    truth = table(
        write,
        ({"name": "gan", "loss": "non_saturating"}, (1.75, 1.57)),
        ({"name": "gan", "loss": "minimax"}, (1.75, 1.57)),
        ({"name": "f_gan", "f": "alpha", "alpha": 2.0}, (0.5663, 1.9268)),  # half of Pearson
    )
    assert truth is not None
    rows = {fit.objective: fit for fit in truth.fits}
    assert rows["non_saturating"].target == pytest.approx((1.7431, 1.5646), abs=1e-3)
    assert rows["non_saturating"].is_within
    assert rows["jensen_shannon"].differences == pytest.approx((0.4375, -0.1825), abs=1e-3)
    assert not rows["jensen_shannon"].is_within
    assert rows["pearson"].differences == pytest.approx((0, 0), abs=1e-3)
    assert truth.sentence().startswith("Ground truth: 2 of 3")
    assert "jensen_shannon (trial 1)" in truth.sentence()


def test_another_mixture_has_other_targets_and_bounds(write) -> None:
    """Twice the data, twice the target and the bounds."""
    doubled = {"name": "gaussian_mixture", "means": [-2, 4], "covariances": [0.25, 8]}
    truth = table(write, ({"name": "wgan"}, (2.2, 3.75)), dataset=doubled)
    assert truth is not None
    (fit,) = truth.fits
    assert fit.target == pytest.approx((2.157, 3.7686), abs=2e-3)
    assert fit.bounds == pytest.approx((0.06, 0.08), abs=1e-4)
    assert fit.is_within


def test_the_sobolev_game_has_two_rows_and_says_why_one_is_off(write) -> None:
    truth = table(write, ({"name": "sobolev_gan"}, (1.0215, 1.7566)))
    assert truth is not None
    within = {fit.objective: fit.is_within for fit in truth.fits}
    assert within == {"sobolev_fixed_point": True, "sobolev": False}
    assert "sobolev_fixed_point" in truth.footnotes()[0]
    assert [row["*"] for row in truth.table()] == ["[1]", ""]  # in the order of the objectives


def test_one_of_two_equally_good_optima_is_the_target_and_a_worse_one_is_named(write) -> None:
    family = {"name": "f_gan", "f": "reverse_kl"}
    truth = table(write, (family, (5.01, 0.3)), (family, (-5.01, 0.3)), dataset=HALVES)
    assert truth is not None
    assert all(fit.is_within and not fit.note for fit in truth.fits)


def test_a_game_may_rest_at_either_of_two_places(write) -> None:
    truth = table(write, ({"name": "fisher_gan"}, (5.01, 0.3)), ({"name": "fisher_gan"}, (-5.01, 0.3)), dataset=HALVES)
    assert truth is not None
    rests = [fit for fit in truth.fits if fit.objective == "fisher_fixed_point"]
    assert [fit.target[0] for fit in rests] == pytest.approx([5, -5], abs=1e-4)
    assert all(fit.is_within and not fit.note for fit in rests)


def test_seeds_of_one_setting_are_one_row_of_mean_spread_and_worst(write) -> None:
    family = {"name": "f_gan", "f": "kl"}  # the target is (1.01, 1.8304)
    truth = repeated(write, family, (1.01, 1.83), (1.0, 1.8), (1.05, 1.86))
    assert truth is not None
    (row,) = (row.row() for row in truth.rows)
    assert (row["mu"], row["sigma"]) == pytest.approx((1.02, 1.83))
    assert (row["sd_mu"], row["sd_sigma"]) == pytest.approx((math.sqrt(0.0014 / 2), 0.03))
    assert row["worst_mu"] == pytest.approx(0.04, abs=1e-3)
    assert row["worst_sigma"] == pytest.approx(-0.0304, abs=1e-3)  # the sign is kept
    assert (row["trials"], row["seeds"], row["within"], row["seconds"]) == ("0 1 2", 3, 2, 6.0)
    assert truth.sentence().startswith("Ground truth: 2 of 3 trained")
    assert "; not: kl (trial 2)." in truth.sentence()


def test_one_seed_has_no_spread_and_is_the_worst(write, tmp_path) -> None:
    truth = repeated(write, {"name": "f_gan", "f": "kl"}, (1.02, 1.83))
    assert truth is not None
    (row,) = truth.table()
    assert [row[column] for column in ("sd_mu", "sd_sigma", "worst_mu", "seeds", "within")] == [
        "-", "-", "+0.0100", "1", "1",
    ]  # fmt: skip
    assert row["mu"] == "1.0200"
    truth.write(tmp_path / "report")
    page = (tmp_path / "report" / "ground_truth.md").read_text().splitlines()
    header = "| objective | family | trials | target_mu | mu | sd_mu | worst_mu |"
    assert any(line.startswith(header) for line in page)


def test_settings_that_differ_by_more_than_the_seed_are_rows_of_their_own(write) -> None:
    writer = write("truth", DEFINITION)
    for epochs, seed in ((15, 0), (15, 1), (30, 0)):
        written(writer, {"name": "f_gan", "f": "kl"}, (1.01, 1.83), seed=seed, training={"epochs": epochs})
    truth = ground_truth(writer.folder.state())
    assert truth is not None
    assert [row.row()["trials"] for row in truth.rows] == ["0 1", "2"]


def test_two_families_with_one_objective_are_two_rows(write) -> None:
    truth = table(write, ({"name": "gan", "loss": "minimax"}, (1.31, 1.75)), ({"name": "f_gan"}, (1.31, 1.75)))
    assert truth is not None
    assert [(row.row()["objective"], row.row()["family"]) for row in truth.rows] == [
        ("jensen_shannon", "gan"), ("jensen_shannon", "f_gan"),
    ]  # fmt: skip


def test_a_seed_that_diverged_is_counted_and_named_and_leaves_the_mean_to_the_others(write) -> None:
    truth = repeated(write, {"name": "f_gan", "f": "kl"}, (1.0, 1.83), None, (1.02, 1.83))
    assert truth is not None
    (row,) = (row.row() for row in truth.rows)
    assert (row["mu"], row["seeds"], row["within"]) == (pytest.approx(1.01), 3, 2)
    assert row["sd_mu"] == pytest.approx(0.02 / math.sqrt(2))
    assert truth.footnotes() == ["[1] trial 1: diverged: loss became nan"]


def test_seeds_that_went_to_two_equally_good_optima_are_not_averaged(write) -> None:
    truth = repeated(
        write, {"name": "f_gan", "f": "reverse_kl"}, (5.01, 0.3), (-5.01, 0.3), (4.99, 0.3), dataset=HALVES
    )
    assert truth is not None
    rows = [row.row() for row in truth.rows]
    assert [(row["trials"], row["seeds"], row["within"]) for row in rows] == [("0 2", 2, 2), ("1", 1, 1)]
    assert [row["mu"] for row in rows] == pytest.approx([5, -5.01])


def test_seeds_without_a_target_are_one_row_that_counts_none(write, tmp_path) -> None:
    truth = repeated(write, {"name": "f_gan", "f": "total_variation"}, (0.0, 5.0), (0.1, 5.0), dataset=HALVES)
    assert truth is not None
    (row,) = truth.table()
    assert [row[column] for column in ("trials", "target_mu", "mu", "worst_mu", "seeds", "within")] == [
        "0 1", "-", "0.0500", "-", "2", "-",
    ]  # fmt: skip
    assert truth.sentence().endswith("; without a target: total_variation (trials 0, 1).")
    truth.write(tmp_path / "report")
    with (tmp_path / "report" / "ground_truth.csv").open() as file:
        (line,) = csv.DictReader(file)
    assert (line["seeds"], line["within"]) == ("2", "")  # not 0: there is nothing to be within of


def test_what_holds_for_every_seed_is_said_once_and_what_for_some_with_their_numbers(write) -> None:
    truth = repeated(write, {"name": "sobolev_gan"}, (1.02, 1.757), (1.021, 1.757), None)
    assert truth is not None
    first, second = truth.footnotes()
    assert first.startswith("[1] trials 0, 1: no family minimises this")
    assert "trial 2: diverged: loss became nan; no family minimises this" in first
    assert second == "[2] trial 2: diverged: loss became nan"


def test_where_no_gaussian_is_best_the_table_says_so_and_counts_none(write, tmp_path) -> None:
    """By total variation every Gaussian above one half is as good; by the others on the same data there is a best one."""
    families = ({"name": "f_gan", "f": "total_variation"}, {"name": "f_gan", "f": "kl"})
    truth = table(write, *((family, (0.0, 5.0)) for family in families), dataset=HALVES)
    assert truth is not None
    rows = {row["objective"]: row for row in truth.table()}
    assert [rows["total_variation"][column] for column in ("target_mu", "target_sigma", "within")] == ["-", "-", "-"]
    assert "no target" in truth.footnotes()[0]
    assert rows["kl"]["within"] == "1"
    assert "1 of 1 trained" in truth.sentence()
    assert truth.sentence().endswith("; without a target: total_variation (trial 0).")
    truth.write(tmp_path / "report")
    assert "no target" in (tmp_path / "report" / "ground_truth.csv").read_text()


@pytest.mark.parametrize("divergence", ["sliced_wasserstein", "max_sliced_wasserstein", "exact_transport"])
def test_a_wae_has_a_row_of_its_lambda_and_one_of_the_limit(write, divergence) -> None:
    """lambda / recon_scale counts: 10 and 2 are 5, whose best deviation is 1.8183 by the root of c s^2 + (5 - Var) s = 5 c."""
    family = {"name": "wae", "lambda": 10, "recon_scale": 2, "divergence": divergence}
    truth = table(write, (family, (1.01, 1.8183)), latent_size=1)
    assert truth is not None
    rows = {fit.objective: fit for fit in truth.fits}
    assert set(rows) == {"relaxed_wasserstein_2", "wasserstein_2"}
    assert rows["relaxed_wasserstein_2"].differences == pytest.approx((0, 0), abs=2e-4)
    assert rows["wasserstein_2"].target == pytest.approx((1.01, 1.7705), abs=1e-3)
    assert "here it is 5" in rows["wasserstein_2"].note
    assert ("narrower" in rows["relaxed_wasserstein_2"].note) is (divergence == "exact_transport")


@pytest.mark.parametrize(
    ("family", "latent_size"),
    [({"name": "wae", "divergence": "mmd"}, 1), ({"name": "wae", "divergence": "sliced_wasserstein"}, 2)],
    ids=["another divergence", "slices of two codes"],
)
def test_of_a_wae_whose_divergence_is_not_that_of_transport_only_the_limit_is_known(write, family, latent_size) -> None:
    truth = table(write, (family, (1.01, 1.77)), latent_size=latent_size)
    assert truth is not None
    (fit,) = truth.fits
    assert fit.objective == "wasserstein_2"
    assert "reached as lambda grows; here it is 10" in fit.note


def test_a_trial_at_a_local_optimum_is_told_so(write) -> None:
    truth = table(write, ({"name": "f_gan", "f": "reverse_kl"}, (-0.95, 0.31)))
    assert truth is not None
    assert not truth.fits[0].is_within
    assert "(-0.9582, 0.3085)" in truth.fits[0].note


def test_a_trial_that_diverged_is_a_row_that_says_so(write, tmp_path) -> None:
    truth = table(write, ({"name": "f_gan", "f": "pearson"}, None))
    assert truth is not None
    assert not truth.fits[0].is_within
    assert truth.table()[0]["mu"] == "-"
    assert "diverged: loss became nan" in truth.footnotes()[0]
    truth.write(tmp_path / "report")
    with (tmp_path / "report" / "ground_truth.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["target_mu"]) == pytest.approx(0.5663, abs=1e-3)
    assert "diverged" in (tmp_path / "report" / "ground_truth.md").read_text()


@pytest.mark.parametrize(
    "changes",
    [
        {"network": "mlp"},
        {"evaluation": {"metrics": ["wasserstein"]}},
        {
            "dataset": {"name": "gaussian_mixture", "means": [[0, 0], [1, 1]]},
            "evaluation": {"metrics": ["wasserstein"]},
        },
    ],
)
def test_where_the_model_is_no_gaussian_on_a_line_there_is_no_table(write, changes) -> None:
    assert table(write, ({"name": "wgan"}, (1.0, 1.8)), **changes) is None


@pytest.mark.parametrize(
    "family",
    [
        {"name": "f_gan", "f": "kl", "generator": "ascend"},
        {"name": "vae"},
        {"name": "wae", "lambda": 0, "divergence": "sliced_wasserstein"},
    ],
)
def test_a_model_without_a_named_objective_has_no_row(write, family) -> None:
    """The other generator has other fixed points; a VAE's means are not its model; without lambda a WAE may do anything."""
    assert table(write, (family, (1.0, 1.8))) is None


@pytest.mark.slow
def test_a_sweep_that_ran_leaves_its_table_in_the_report_and_prints_it(tmp_path, empty_database) -> None:
    """Through the command, on a mixture given by overrides; two passes, so nothing is asked of the fit."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    command = [
        sys.executable, "-m", "gensweep", "run", "search_spaces/ground_truth.yaml", "--in-process", "-o", str(tmp_path),
        "--tracking-uri", f"sqlite:///{tmp_path}/mlflow.db", "name=other", "trial.dataset.means=[-2,1]",
        "trial.dataset.n_train=5120", "trial.training.epochs=2",
        "trial.family={name:vae,likelihood:gaussian,variance:0.5,samples:observation}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "other" / "report" / "ground_truth.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["objective"], row["trials"], row["seeds"]) == ("kl", "0 1 2", "3")
    assert float(row["sd_mu"]) > 0  # the seeds are not one
    assert float(row["target_mu"]) == pytest.approx(0.33 * -2 + 0.67, abs=1e-3)
    assert "target_sigma" in done.stdout
    assert "Ground truth:" in done.stdout


@pytest.mark.parametrize(("means", "says"), [([-2, 1], True), ([-1, 1], False)])
def test_an_optimum_that_no_batch_shows_says_so(write, means: list[float], says: bool) -> None:
    """Neyman's, with components of variance 1/2 and 1: far apart the best Gaussian is too wide."""
    family = {"name": "f_gan", "f": "alpha", "alpha": -1.0}
    data = {"name": "gaussian_mixture", "weights": [0.5, 0.5], "means": means, "covariances": [0.5, 1]}
    truth = table(write, (family, (0.05, 1.2)), dataset=data)
    assert truth is not None
    assert truth.fits[0].objective == "neyman"
    assert ("no finite variance" in " ".join(truth.footnotes())) == says
