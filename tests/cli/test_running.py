"""run, resume, check and plan: what they print, and their exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from gensweep import campaign
from gensweep.datasets._files import FileSet
from gensweep.datasets.base import load
from gensweep.errors import CannotRun
from gensweep.executors.base import Work
from gensweep.progress import tell_once
from gensweep.trial import Failure, Job, Report
from tests.cli.conftest import Command, Ended
from tests.scripted_executor import Script, Scripted, completes, said

COMMANDS = [("check", ()), ("plan", ()), ("run", ("--in-process",))]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], Scripted]:
    def follow(script: Script) -> Scripted:
        executor = Scripted(script)
        monkeypatch.setattr(campaign, "InProcess", lambda resources: executor)
        return executor

    return follow


def test_a_sweep_ends_with_its_tables_and_its_answer(done: tuple[Path, Ended]) -> None:
    folder, ended = done
    assert ended.code == 0, ended.err
    assert "\x1b" not in ended.out + ended.err  # no colours into a file
    assert ended.err.count("completed at epoch 2") == 4
    trials, groups, costs, answer, meaning = ended.out.split("\n\n")[:5]
    assert trials.split("\n")[0].split() == [
        "number", "arm", "sliced_wasserstein", "epoch", "outcome", "seconds", "parameters"
    ]  # fmt: skip
    scores = [float(line.split()[2]) for line in trials.split("\n")[1:]]
    assert scores == sorted(scores)
    assert len(scores) == 4
    assert {line.split()[1] for line in trials.split("\n")[1:]} == {"vae", "wae"}
    assert all("latent_size=" in line for line in trials.split("\n")[1:])
    assert sum("lambda=" in line for line in trials.split("\n")[1:]) == 2
    assert groups.startswith("arm ")
    assert [line.split("  ")[0] for line in costs.split("\n")] == [
        "arm",
        *(line.split()[0] for line in groups.split("\n")[1:]),
    ]
    assert (
        re.findall(r"  2 trials, [\d.]+ s +– .* ([\d,]+) +[\d.]+ s", costs) == ["39,936"] * 2
    )  # two trials of two epochs of 156 batches of 64
    assert [line.split("  ")[0] for line in meaning.split("\n")] == [
        "row", "floor", "training items", "memoriser", "class means", "PCA Gaussian", "uniform noise"
    ]  # fmt: skip
    assert answer.startswith("Not confirmed: ")
    assert "Best sliced wasserstein so far, on the validation split: " in answer
    assert "\nReport: runs/tiny/report/report.html\n" in ended.out
    assert (folder / "runs/tiny/report/comparison.md").exists()
    assert ended.out.endswith("In MLflow: gensweep ui\n")


def test_running_it_again_says_that_it_is_done_and_prints_it_again(done: tuple[Path, Ended], gensweep: Command) -> None:
    folder, first = done
    before = (folder / "runs/tiny/ledger/events.jsonl").read_bytes()
    again = gensweep("run", "space.yaml", "--in-process", folder=folder)
    assert again.code == 0
    assert "tiny is done: all its 4 trials have ended. For more: gensweep resume tiny --samples N" in again.err
    assert again.out == first.out
    changed = gensweep("run", "space.yaml", "trial.training.epochs=77", "--in-process", folder=folder)
    assert (changed.code, "is done" in changed.err) == (2, False)
    assert "another definition:\n  trial.training.epochs: " in changed.err
    assert (folder / "runs/tiny/ledger/events.jsonl").read_bytes() == before


def test_how_is_searched_may_change_where_that_is_allowed_and_the_comparison_knows_it(
    gensweep: Command, scripted: Callable[[Script], Scripted]
) -> None:
    scripted(completes)
    asked = ("run", "space.yaml", "name=changed", "--in-process")
    assert gensweep(*asked).code == 0
    more = (*asked, "search.samples=4", "search.seed=9", "search.sampler=tpe")
    refused = gensweep(*more)
    assert refused.code == 2
    said = re.search(r"or search on in the new way: (--allow-changed) (\S+)", refused.err)
    assert said is not None, refused.err
    assert gensweep(*more, "--allow-changed", "search.seed").code == 2  # the sampler is not allowed
    ended = gensweep(*more, *said.groups())
    assert ended.code == 0, ended.err
    shown = gensweep("compare", "changed", "-f", "markdown")
    assert "no random draws" in shown.out
    back = gensweep(
        "run", "space.yaml", "name=changed", "--in-process", "search.samples=5", "--allow-changed", "search"
    )
    assert back.code == 0, back.err
    assert "no random draws" in gensweep("compare", "changed", "-f", "markdown").out  # some were not


@pytest.mark.parametrize("keys", ["trial.seed", "objective", "search.seed,compare", "", "name"])
def test_what_is_searched_cannot_be_allowed_to_change(gensweep: Command, keys: str) -> None:
    refused = gensweep("run", "space.yaml", "--in-process", "--allow-changed", keys)
    assert refused.code == 2
    assert "cannot be allowed" in refused.err


def test_the_option_for_mlflow_is_repeated_where_it_was_given(gensweep: Command, scripted: Callable[[Script], Scripted],
                                                              store: str, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    scripted(completes)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    ended = gensweep("run", "space.yaml", "name=told", "--in-process", "--tracking-uri", store)
    assert ended.out.endswith(f"In MLflow: gensweep ui --tracking-uri {store}\n")


def test_a_store_in_the_folder_of_sweeps_is_named_where_that_is_another(
    gensweep: Command,
    scripted: Callable[[Script], Scripted],
    store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted(completes)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)  # root may write anywhere
    for runs, option in [("my runs", " --runs 'my runs'"), ("runs", "")]:
        (tmp_path / runs).mkdir()
        shutil.copy(store.removeprefix("sqlite:///"), tmp_path / runs / "mlflow.db")
        ended = gensweep("run", "space.yaml", "--in-process", "--runs", runs)
        assert ended.code == 0, ended.err
        assert ended.out.endswith(f"In MLflow: gensweep ui{option}\n")
        assert f"opening MLflow at sqlite:///{tmp_path}/{runs}/mlflow.db" in ended.err
    assert not (tmp_path / "mlflow.db").exists()


def test_more_samples_continue_a_finished_sweep(done: tuple[Path, Ended], tmp_path: Path, gensweep: Command) -> None:
    shutil.copytree(done[0] / "runs", tmp_path / "runs")
    more = gensweep("resume", "tiny", "--samples", "3", "--in-process")
    assert more.code == 0, more.err
    assert more.err.count("completed") == 1  # vae has no more configurations
    assert "[5/5] 0004 wae completed" in more.err
    assert "is done" not in more.err
    fewer = gensweep("resume", "tiny", "--samples", "1")
    assert fewer.code == 2
    assert fewer.err.endswith("--samples 1: tiny has 3 for each arm, and only more can be asked for.\n")


def test_a_sweep_goes_on_from_any_folder_with_the_files_that_it_began_with(
    gensweep: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("study", "elsewhere"):
        (tmp_path / folder).mkdir()
    np.save(tmp_path / "study/points.npy", np.random.default_rng(0).normal(size=(400, 2)).astype("float32"))
    lines = "trial:\n  dataset: {name: array, path: points.npy}"
    space = (tmp_path / "space.yaml").read_text().replace(", {dataset: ring}", "").replace("trial:", lines)
    (tmp_path / "study/space.yaml").write_text(space)
    common = ("trial.family=vae", "name=moved", "--in-process", "--runs", str(tmp_path / "runs"))
    began = gensweep("run", "space.yaml", "search.samples=1", *common, folder=tmp_path / "study")
    assert began.code == 0, began.err
    stored = (tmp_path / "runs/moved/sweep.yaml").read_text()
    assert f"path: {tmp_path}/study/points.npy" in stored
    again = gensweep("run", "../study/space.yaml", "search.samples=1", *common, folder=tmp_path / "elsewhere")
    assert (again.code, "moved is done" in again.err) == (0, True), again.err
    more = gensweep(
        "resume", "moved", "--samples", "2", "--in-process", "--runs", "../runs", folder=tmp_path / "elsewhere"
    )
    assert (more.code, "[2/2] 0001 vae completed" in more.err) == (0, True), more.err
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "moved" in gensweep("ls", "--runs", "~/runs", folder=tmp_path / "elsewhere").out
    scored = gensweep("evaluate", "--sanity", "--reference", "array,path=../study/points.npy", "--metrics",
                      "sliced_wasserstein", folder=tmp_path / "elsewhere")  # fmt: skip
    assert scored.code == 0, scored.err


def test_an_extractor_that_is_not_here_is_a_mistake(gensweep: Command, tmp_path: Path) -> None:
    metrics = "trial.evaluation.metrics=[sliced_wasserstein,{name: fid, extractor: 'file:none.pt2'}]"
    for command in ("check", "plan", "run"):
        refused = gensweep(command, "space.yaml", metrics)
        assert refused.code == 2
        assert f"extractor file: {tmp_path}/none.pt2: no such file" in refused.err
        assert [path.name for path in tmp_path.iterdir()] == ["space.yaml"]


def test_failed_trials_are_exit_3_after_the_table(gensweep: Command, scripted: Callable[[Script], Scripted]) -> None:
    def fails(job: Job, work: Work) -> Iterator[Report | Failure]:
        yield Failure(job.number, "ValueError: no", "details") if job.number == 1 else said(job, 1.0)

    scripted(fails)
    ended = gensweep("run", "space.yaml", "name=failing", "--in-process")
    assert ended.code == 3
    assert ended.out.split("\n")[4].split()[:6] == ["1", "wae", "-", "0", "FAILED", "0"]
    assert "memoriser" in ended.out
    assert "1 trial failed and left out." in " ".join(ended.out.split())
    assert "gensweep: 1 of 4 trials failed, the first: trial 1: ValueError: no" in ended.err
    assert gensweep("resume", "failing", "--in-process").code == 3


def test_no_usable_trial_is_exit_1_after_the_table_and_diverged_trials_are_counted(gensweep: Command) -> None:
    options = ["trial.family=vae", "trial.family.likelihood=gaussian", "trial.training.optimizer={name: sgd, lr: 1e12}"]
    ended = gensweep("run", "space.yaml", "name=lost", *options, "--in-process")
    assert ended.code == 1, ended.err
    assert "gensweep: lost: no trial has a score: diverged: " in ended.err
    assert ended.err.count("diverged at epoch 0") == 2
    assert ended.out.count("DIVERGED") == 2
    assert "Report:" not in ended.out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_a_stop_has_its_own_exit_code_and_no_table(
    gensweep: Command, scripted: Callable[[Script], Scripted], number: int, code: int
) -> None:
    def stops(job: Job, work: Work) -> Iterator[Report]:
        work.request_stop("Ctrl-C" if number == signal.SIGINT else "SIGTERM", code)
        yield said(job, 1.0, None)

    scripted(stops)
    ended = gensweep("run", "space.yaml", f"name=stopped-{code}", "--in-process")
    assert ended.code == code
    assert f"Continue with: gensweep resume stopped-{code}\n" in ended.err
    assert ended.out == ""


def test_another_definition_under_the_same_name_is_refused_with_the_difference(
    done: tuple[Path, Ended], gensweep: Command
) -> None:
    refused = gensweep("run", "space.yaml", "trial.training.epochs=3", "search.seed=5", folder=done[0])
    assert refused.code == 2
    assert "trial.training.epochs: 2 -> 3" in refused.err
    assert "search.seed: 0 -> 5" in refused.err
    assert "name=" in refused.err


@pytest.mark.parametrize(
    ("words", "write"),
    [
        (["--trial.latent_size=4"], "trial.latent_size=4"),
        (["-trial.latent_size=4"], "trial.latent_size=4"),
        (["--trial.latent_size"], "trial.latent_size=VALUE"),
        (["--latent-size=4"], "trial.latent_size=4"),
        (["--samples", "4"], "search.samples=4"),
        (["--epochs=3", "search.samples=2"], "trial.training.epochs=3"),
        (["--seed", "3"], "search.seed=3 or trial.seed=3"),
    ],
)
def test_an_override_with_the_dashes_of_an_option_is_told_without(
    gensweep: Command, words: list[str], write: str
) -> None:
    refused = gensweep("check", "space.yaml", *words)
    assert refused.code == 2
    assert f"Overrides have no dashes: write {write}. See gensweep --help\n" in refused.err


def test_data_that_are_missing_are_told_in_the_file_that_asks_for_them(
    gensweep: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileSet, "find", lambda self, path: None)
    text = (tmp_path / "space.yaml").read_text()
    (tmp_path / "mnist.yaml").write_text(text.replace("dataset: ring", "dataset: mnist"))
    refused = gensweep("check", "mnist.yaml")
    assert refused.code == 2
    line = text[: text.index("defaults:")].count("\n") + 1
    assert refused.err.startswith(f"gensweep: mnist.yaml:{line} trial.dataset: dataset mnist: its 4 files ")


@pytest.mark.parametrize("words", [["--verbose"], ["-n"], ["-D", "x=1"], ["--config-name=x"]])
def test_another_option_is_just_not_there(gensweep: Command, words: list[str]) -> None:
    refused = gensweep("check", "space.yaml", *words)
    assert refused.code == 2
    assert "No such option" in refused.err


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("trial.latent_size=0", "trial.latent_size: 0 is not allowed: must be 1 or more"),
        ("trial.family={name: wae, lambda: -1}", "trial.family.lambda: -1 is not allowed"),
    ],
)
@pytest.mark.parametrize("command", ["run", "check", "plan"])
def test_mistakes_are_exit_2_and_leave_nothing(
    gensweep: Command, tmp_path: Path, command: str, argument: str, says: str
) -> None:
    refused = gensweep(command, "space.yaml", argument)
    assert refused.code == 2
    assert says in refused.err
    assert refused.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["space.yaml"]


@pytest.mark.parametrize("command", ["check", "plan", "run"])
def test_data_that_are_not_here_are_a_mistake(gensweep: Command, tmp_path: Path, command: str) -> None:
    refused = gensweep(command, "space.yaml", "trial.dataset={name: image_folder, path: none, size: 8}")
    assert refused.code == 2
    assert "none" in refused.err
    assert [path.name for path in tmp_path.iterdir()] == ["space.yaml"]


def test_data_that_are_damaged_are_a_mistake_before_anything_is_written(gensweep: Command, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for i in range(20):
        (tmp_path / "images" / f"{i}.png").write_bytes(b"no image")
    dataset = "trial.dataset={name: image_folder, path: images, size: 8}"
    refused = gensweep("run", "space.yaml", dataset, "trial.training.batch_size=2", "--in-process")
    assert refused.code == 2
    assert "20 images cannot be read:\nimages/0.png: not an image" in refused.err
    assert refused.err.endswith("and 10 more\nRemove, replace or convert them.\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "space.yaml"]


def test_a_folder_that_cannot_be_written_is_exit_4(gensweep: Command) -> None:
    refused = gensweep("run", "space.yaml", "--in-process", "--runs", "/proc/nowhere")
    assert (refused.code, "cannot be written" in refused.err) == (4, True)


def test_a_damaged_ledger_is_exit_5(done: tuple[Path, Ended], tmp_path: Path, gensweep: Command) -> None:
    shutil.copytree(done[0] / "runs", tmp_path / "runs")
    log = tmp_path / "runs/tiny/ledger/events.jsonl"
    log.write_text(log.read_text().replace('"issued"', '"isued"', 1))
    for command in (["show", "tiny"], ["ls"], ["resume", "tiny", "--in-process"], ["compare", "tiny"]):
        assert gensweep(*command).code == 5


@pytest.mark.parametrize("command", [["plan", "space.yaml"], ["run", "space.yaml", "--dry-run"]])
def test_plan_prices_without_starting(gensweep: Command, tmp_path: Path, command: list[str]) -> None:
    planned = gensweep(*command, "search.samples=10")
    assert planned.code == 0, planned.err
    assert "vae: 2 trials; searched: latent_size choice(2, 4)\n" in planned.out
    assert "wae: 10 trials; searched: " in planned.out
    assert "loguniform(1, 10)" in planned.out
    assert "\n12 trials, about " in planned.out
    assert "(none)" in planned.out
    assert "Nothing was started.\nNothing will be confirmed, so there will be no verdict" in planned.out
    assert re.search(r"^Here (each trial process gets|trials train on the CPU, as)", planned.out, re.MULTILINE)
    assert not (tmp_path / "runs").exists()


def test_the_price_of_a_trial_grows_with_its_epochs(gensweep: Command) -> None:
    def training(epochs: int) -> float:
        options = ["trial.family=vae", "search.samples=10", f"trial.training.epochs={epochs}", "resources.pack=off"]
        planned = gensweep("plan", "space.yaml", *options)
        (row,) = [line.split() for line in planned.out.splitlines() if line.startswith("vae ")]
        return float(row[3])

    assert training(2000) > 50 * training(2)


def test_check_says_what_would_be_compared(gensweep: Command) -> None:
    checked = gensweep("check", "space.yaml", "search.samples=4")
    assert checked.code == 0, checked.err
    assert checked.out == (
        "space.yaml: sound. 6 trials:\n  2 x vae\n  4 x wae\nvae has only 2 configurations: 2 trials instead of 4.\n"
    )


def test_check_says_what_an_arm_does_not_search(gensweep: Command) -> None:
    checked = gensweep("check", "space.yaml", "trial.family={one_of: [{name: vae}, {name: flow}]}")
    assert checked.out.splitlines()[1:] == [
        "  2 x vae", "  1 x flow", "flow has no latent_size: not searched there.",
        "flow has only 1 configuration: 1 trial instead of 2.",
    ]  # fmt: skip


def test_check_and_plan_open_the_data_as_run_does(tmp_path: Path, gensweep: Command) -> None:
    values = np.random.default_rng(0).normal(size=(80, 3))
    values[17] = np.nan
    np.save(tmp_path / "own.npy", values)
    own = ("trial.dataset={name: array, path: own.npy}", "trial.training.batch_size=8")
    ended = [gensweep(command, "space.yaml", *own, *more) for command, more in COMMANDS]
    for one in ended:
        assert (one.code, one.out) == (2, "")
        assert "item 17 has a value that is not finite. Remove such items from the file." in one.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("command", "scale", "n"),
    [(("check",), "none", 1), (("check",), "minmax", 0), (("run", "--in-process"), "none", 1)],
)
def test_check_and_run_say_before_anything_starts_that_data_are_at_no_scale(
    tmp_path: Path, gensweep: Command, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], scale: str, n: int
) -> None:
    def before_it_starts(*_: object) -> None:
        raise CannotRun("enough")

    monkeypatch.setattr(campaign, "_refuse_unfit", before_it_starts)
    np.save(tmp_path / "own.npy", np.random.default_rng(0).random((80, 3)) * 999)
    tell_once.cache_clear()
    load.cache_clear()
    own = (f"trial.dataset={{name: array, path: own.npy, scale: {scale}}}", "trial.training.batch_size=8")
    ended = gensweep(command[0], "space.yaml", *own, *command[1:])
    assert ended.err.count("add scale: standardise to the dataset") == n
    assert (ended.code, "enough" in ended.err) == ((4, True) if command[0] == "run" else (0, False))


def test_what_check_did_not_open_is_said(tmp_path: Path, gensweep: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "own.npy", np.full((80, 3), np.nan))
    monkeypatch.setattr("gensweep.datasets.array._QUICK", 0)
    ended = gensweep("check", "space.yaml", "trial.dataset={name: array, path: own.npy}", "trial.training.batch_size=8")
    assert ended.code == 0
    assert ended.out.splitlines()[-1].startswith("Not opened by check: ")


@pytest.mark.parametrize(("scale", "shape"), [("standardise", (200, 4)), ("minmax", (200, 1, 8, 8))])
def test_bytes_as_floats_train_once_they_are_scaled(
    tmp_path: Path, gensweep: Command, scale: str, shape: tuple[int, ...]
) -> None:
    np.save(tmp_path / "own.npy", np.random.default_rng(0).random(shape) * 255)
    own = (
        f"trial.dataset={{name: array, path: own.npy, scale: {scale}}}",
        "trial.training={epochs: 2, batch_size: 16}",
    )
    ended = gensweep(
        "run", "space.yaml", *own, "--in-process", "name=scaled", "trial.latent_size=2", "search.samples=1"
    )
    assert ended.code == 0, ended.err
    assert ended.err.count(" completed at epoch 2") == 2


def test_what_a_sweep_found_is_confirmed_later_and_then_deeper(gensweep: Command, tmp_path: Path) -> None:
    assert gensweep("run", "space.yaml", "--in-process", "trial.family=vae", "search.samples=1").code == 0
    confirmed = gensweep("confirm", "tiny", "--in-process", "--seeds", "2")
    assert (confirmed.code, "[3/3]" in confirmed.err) == (0, True), confirmed.err
    shown = json.loads(gensweep("show", "tiny", "2", "--json").out)
    assert shown["confirms"] == 0
    assert shown["test"]["sliced_wasserstein"] != shown["best"]["sliced_wasserstein"]
    assert set(shown["protocol"]) == {"sliced_wasserstein", "test.sliced_wasserstein"}
    found = json.loads((tmp_path / shown["folder"] / "protocol.json").read_text())
    assert {name: content["split"] for name, content in found.items()} == {
        "sliced_wasserstein": "validation", "test.sliced_wasserstein": "test"
    }  # fmt: skip
    header, *rows = (tmp_path / "runs/tiny/results.csv").read_text().splitlines()
    assert {"parent", "test.sliced_wasserstein"} <= set(header.split(","))
    assert len(rows) == 3
    again = gensweep("confirm", "tiny", "--in-process", "--seeds", "2")
    assert (again.code, "tiny is done: all its 3 trials have ended" in again.err) == (0, True)
    fewer = gensweep("confirm", "tiny", "--in-process", "--seeds", "3", "--top", "2")
    assert (fewer.code, "[4/4]" in fewer.err) == (0, True)  # one configuration is all that it has
    refused = gensweep("confirm", "tiny", "--in-process", "--seeds", "2")
    assert (refused.code, "confirm.seeds: 3 -> 2 (only more can be asked for)" in refused.err) == (2, True)
