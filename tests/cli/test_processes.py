"""The command line as a person meets it: real processes, real files, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SPACE = """
defaults: [base, {dataset: digits}, _self_]
name: tiny
objective: {metric: sliced_wasserstein}
search: {sampler: random, samples: 2, seed: 0}
trial:
  network: {name: mlp, hidden: [16]}
  latent_size: choice(2, 4)
  family: {one_of: [{name: vae}, {name: wae, lambda: loguniform(1, 10), divergence: mmd}]}
  training: {epochs: 2}
  evaluation: {metrics: [sliced_wasserstein], every: 1}
"""


def gensweep(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS", "GENSWEEP_RUNS")
    }
    return subprocess.run(
        [sys.executable, "-m", "gensweep", *arguments], cwd=folder, capture_output=True, text=True, timeout=240,
        env={**inherited, **environment},
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the finished sweep `tiny`."""
    folder = tmp_path_factory.mktemp("done")
    (folder / "space.yaml").write_text(SPACE)
    finished = gensweep(folder, "run", "space.yaml", "--in-process")
    assert finished.returncode == 0, finished.stderr
    assert "\x1b" not in finished.stdout + finished.stderr  # no colours into a pipe
    assert finished.stderr.count("completed at epoch 2") == 4
    assert "In MLflow: gensweep ui" in finished.stdout
    assert "0003" not in finished.stdout.split("family")[0]
    return folder


def test_running_it_again_says_that_it_is_done_and_trains_nothing(done: Path) -> None:
    before = (done / "runs/tiny/ledger/events.jsonl").read_bytes()
    again = gensweep(done, "run", "space.yaml", "--in-process")
    assert again.returncode == 0
    assert "tiny is done: all its 4 trials have ended" in again.stderr
    assert "sliced_wasserstein" in again.stdout
    assert (done / "runs/tiny/ledger/events.jsonl").read_bytes() == before


def test_another_definition_under_the_same_name_is_refused_with_the_difference(done: Path) -> None:
    refused = gensweep(done, "run", "space.yaml", "trial.training.epochs=3", "search.seed=5")
    assert refused.returncode == 2
    assert "trial.training.epochs: 2 -> 3" in refused.stderr
    assert "search.seed: 0 -> 5" in refused.stderr
    assert "name=" in refused.stderr


def test_ls_show_and_compare_read_the_folder(done: Path) -> None:
    (row,) = json.loads(gensweep(done, "ls", "--json").stdout)
    assert (row["sweep"], row["trials"], row["ended"], row["state"]) == ("tiny", 4, 4, "done")
    rows = json.loads(gensweep(done, "show", "tiny", "--json").stdout)
    assert [r["number"] for r in rows] == [0, 1, 2, 3]
    assert row["best"] == min(r["sliced_wasserstein"] for r in rows)
    one = json.loads(gensweep(done, "show", "tiny", "2", "--json").stdout)
    assert one["best"]["sliced_wasserstein"] == rows[2]["sliced_wasserstein"]
    assert [r["epoch"] for r in one["reports"]] == [1, 2]
    groups = json.loads(gensweep(done, "compare", "tiny", "--json").stdout)
    assert {g["family"] for g in groups} == {"vae", "wae"}
    missing = gensweep(done, "show", "tinny")
    assert missing.returncode == 2
    assert "Did you mean 'tiny'?" in missing.stderr
    assert gensweep(done, "show", "tiny", "9").returncode == 2


def test_more_samples_continue_a_finished_sweep(done: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(done / "runs", tmp_path / "runs")
    more = gensweep(tmp_path, "resume", "tiny", "--samples", "3", "--in-process")
    assert more.returncode == 0, more.stderr
    assert more.stderr.count("completed") == 2
    fewer = gensweep(tmp_path, "resume", "tiny", "--samples", "1")
    assert fewer.returncode == 2
    assert "only more can be asked for" in fewer.stderr


def test_sync_fills_another_store(done: Path, tmp_path: Path) -> None:
    import mlflow

    uri = f"sqlite:///{tmp_path / 'other.db'}"
    synchronised = gensweep(done, "sync", "tiny", "--tracking-uri", uri)
    assert synchronised.returncode == 0, synchronised.stderr
    assert "4 trials are in" in synchronised.stdout
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("gensweep")
    assert experiment is not None
    assert len(client.search_runs([experiment.experiment_id])) == 5


def test_a_divergence_in_one_new_file_is_used_from_yaml_with_no_other_change(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    (plugin / "mean_gap-1.0.dist-info").mkdir(parents=True)
    (plugin / "mean_gap-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: mean-gap\nVersion: 1.0\n")
    (plugin / "mean_gap-1.0.dist-info" / "entry_points.txt").write_text(
        "[gensweep.divergences]\nmean_gap = mean_gap:MeanGap\n"
    )
    (plugin / "mean_gap.py").write_text(
        "from __future__ import annotations\n"
        "from typing import Literal\n"
        "import torch\n"
        "from gensweep.divergences.base import Divergence\n"
        "class MeanGap(Divergence):\n"
        '    """The squared distance of the means."""\n'
        '    name: Literal["mean_gap"] = "mean_gap"\n'
        "    power: int = 2\n"
        "    def penalty(self, x, y, nets, noise, knobs):\n"
        "        return (x.mean(0) - y.mean(0)).abs().pow(self.power).sum()\n"
    )
    (tmp_path / "space.yaml").write_text(SPACE)
    path = os.pathsep.join([str(plugin), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]).rstrip(os.pathsep)
    listed = gensweep(tmp_path, "list", "divergences", "--json", PYTHONPATH=path)
    assert {"name": "mean_gap", "what": "The squared distance of the means."} in json.loads(listed.stdout)
    options = (
        "trial.family=wae",
        "trial.family.divergence={name: mean_gap, power: 4}",
        "search.samples=1",
        "name=plug",
    )
    ran = gensweep(tmp_path, "run", "space.yaml", *options, PYTHONPATH=path)  # on Ray: its workers find it too
    assert ran.returncode == 0, ran.stderr
    assert json.loads(gensweep(tmp_path, "show", "plug", "0", "--json").stdout)["configuration"]["family"]["divergence"] == {
        "name": "mean_gap", "power": 4,
    }  # fmt: skip
    wrong = gensweep(tmp_path, "check", "space.yaml", "trial.family=wae",
                     "trial.family.divergence={name: mean_gap, powr: 4}", PYTHONPATH=path)  # fmt: skip
    assert wrong.returncode == 2
    assert "unknown field 'powr' of mean_gap. Did you mean 'power'?" in wrong.stderr


def test_nothing_is_left_behind_by_what_is_refused(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    for arguments, code, says in [
        (["trial.latent_size=0"], 2, "trial.latent_size: 0 is not allowed: must be 1 or more"),
        (["trial.family=wae", "trial.family.lambda=-1"], 2, "trial.family.lambda: -1 is not allowed"),
        (["--address", "127.0.0.1:1"], 4, "no Ray cluster can be joined there"),
        (["--tracking-uri", "http://127.0.0.1:1"], 4, "Start the server there"),
        (["resources.gpu=99"], 4, "no node has that"),
        (["--runs", "/proc/nowhere"], 4, "cannot be written"),
    ]:
        refused = gensweep(tmp_path, "run", "space.yaml", *arguments)
        assert (refused.returncode, says in refused.stderr) == (code, True), (arguments, refused.stderr)
        assert "Traceback" not in refused.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["space.yaml"]


def test_no_usable_trial_is_exit_1_and_diverged_trials_are_counted(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    options = ["trial.family=vae", "trial.family.likelihood=gaussian", "trial.training.optimizer={name: sgd, lr: 1e12}"]
    ended = gensweep(tmp_path, "run", "space.yaml", *options, "--in-process")
    assert ended.returncode == 1, ended.stderr
    assert "no trial has a score: diverged: " in ended.stderr
    assert ended.stderr.count("diverged at epoch 0") == 2


def test_plan_prices_without_starting(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    planned = gensweep(tmp_path, "plan", "space.yaml", "search.samples=10")
    assert planned.returncode == 0, planned.stderr
    assert "20 trials" in planned.stdout
    assert "wae: 10 trials; searched: " in planned.stdout
    assert "loguniform(1, 10)" in planned.stdout
    assert "Nothing was started." in planned.stdout
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "command", ["run", "check", "plan", "resume", "ls", "show", "compare", "ui", "sync", "list", "schema"]
)
def test_every_command_has_help_with_an_example(command: str) -> None:
    shown = gensweep(Path.cwd(), command, "--help")
    assert shown.returncode == 0
    assert f"gensweep {command}" in shown.stdout.split("Example")[1]


def test_wrong_usage_is_exit_2_with_a_suggestion() -> None:
    assert gensweep(Path.cwd(), "frobnicate").returncode == 2
    wrong = gensweep(Path.cwd(), "list", "divergance")
    assert wrong.returncode == 2
    assert "Did you mean 'divergences'?" in wrong.stderr
    assert json.loads(gensweep(Path.cwd(), "schema").stdout)["$schema"].endswith("2020-12/schema")
