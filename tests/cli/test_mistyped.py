"""Command lines that are none say what to type instead; where paths and data are told is the same for all commands."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

from gensweep.tracking import pages
from tests.cli.conftest import SPACE, Command, Ended

KNOWN = (
    "Known: best, check, compare, confirm, describe, doctor, evaluate, export, init, interpolate, list, logs, ls, new, plan, "
    "reconstruct, register, report, rerun, resume, rm, run, sample, schema, show, status, stop, submit, sync, "
    "train-extractor, traverse, ui."
)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["chek", "space.yaml"], f"there is no command 'chek'. Did you mean 'check'? {KNOWN}"),
        (["compair", "x"], f"there is no command 'compair'. Did you mean 'compare'? {KNOWN}"),
        (["train", "space.yaml"], f"there is no command 'train'. Did you mean 'run'? {KNOWN}"),
        (["generate", "x"], f"there is no command 'generate'. Did you mean 'sample'? {KNOWN}"),
        (["zzz"], f"there is no command 'zzz'. {KNOWN}"),
        (["space.yaml"], "there is no command 'space.yaml'. Write gensweep run space.yaml"),
        (["resume", "tiny", "search.samples=4"], "search.samples=4: resume takes no overrides. For more trials write gensweep "
         "resume tiny --samples 4"),
        (["resume", "tiny", "trial.latent_size=3"], "trial.latent_size=3: resume takes no overrides, for a sweep goes on as "
         "what it was begun. For another one: gensweep run FILE trial.latent_size=3 name=ANOTHER"),
        (["show", "tiny", "0", "a=1"], "show takes no overrides such as a=1. They belong to run, check and plan"),
        (["ui", "--port", "70000"],
         "Invalid value for '--port': Input should be less than or equal to 65535. See gensweep --help"),
        (["ui", "--port", "-1"], "Invalid value for '--port': Input should be greater than or equal to 0. See gensweep --help"),
        (["ui", "--port", "65536"],
         "Invalid value for '--port': Input should be less than or equal to 65535. See gensweep --help"),
        (["show", "tiny", "x"], "Invalid value for 'trial': must be a whole number. See gensweep --help"),
        (["check", "https://x.y/z.yaml"], "https://x.y/z.yaml is an address, and a file on this machine is wanted. Download it "
         "first, and name z.yaml"),
    ],
)  # fmt: skip
def test_what_to_type_instead(gensweep: Command, words: list[str], says: str) -> None:
    ended = gensweep(*words)
    assert (ended.code, ended.err) == (2, f"gensweep: {says}\n")


@pytest.mark.parametrize("command", ["show", "resume", "sync"])
@pytest.mark.parametrize("trial", ["tiny/0000", "tiny/1", "runs/tiny/0001"])
def test_a_trial_is_no_sweep(gensweep: Command, done: tuple[Path, Ended], command: str, trial: str) -> None:
    ended = gensweep(command, trial, folder=done[0])
    assert ended.code == 2
    assert (
        f"it is a trial of tiny. Name the sweep, tiny; what there is of the trial says gensweep show tiny {int(trial[-1])}"
        in (ended.err)
    )


def test_a_column_that_is_none(gensweep: Command, done: tuple[Path, Ended]) -> None:
    one = gensweep("compare", "tiny", "--by", "batch_size", folder=done[0])
    assert one.code == 2
    assert "--by: there is no column 'batch_size', for only what differs between trials has one." in one.err
    assert "Known: arm, " in one.err


@pytest.mark.parametrize("path", ["nodir2/x.db", "x.sqlite", "/data/x.db"])
def test_a_path_is_no_tracking_uri(gensweep: Command, path: str) -> None:
    ended = gensweep("run", "space.yaml", "--in-process", "--tracking-uri", path)
    assert ended.code == 2
    assert f"tracking URI '{path}' is a path. Write sqlite:///{path} for a file that holds the runs." in ended.err
    assert not Path("runs").exists()


@pytest.mark.parametrize("command", [["check"], ["plan"], ["run", "--in-process"]])
def test_missing_data_are_told_where_they_were_asked_for_by_every_command(
    gensweep: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENSWEEP_DATA", raising=False)
    own = SPACE.replace(", {dataset: ring}", "").replace("trial:", "trial:\n  dataset: {name: array, path: here.npy}")
    (tmp_path / "own.yaml").write_text(own)
    np.save(tmp_path / "here.npy", np.zeros((60, 4), np.float32))
    missing = f"{tmp_path}/nowhere.npy: no such file."
    for file, override, says in (
        ("own.yaml", ["trial.dataset.path=nowhere.npy"], "trial.dataset.path=nowhere.npy trial.dataset.path: dataset array: "
         + missing),
        ("own.yaml", ["trial.dataset={name: array, path: nowhere.npy}"], "trial.dataset={name: array, path: nowhere.npy} "
         f"trial.dataset: dataset array: {missing}"),
        ("space.yaml", ["dataset=cifar10"], "dataset=cifar10 trial.dataset: dataset cifar10: "),
        ("listed.yaml", [], "listed.yaml:2 trial.dataset: dataset cifar10: "),
    ):  # fmt: skip
        (tmp_path / "listed.yaml").write_text(SPACE.replace("ring", "cifar10"))
        ended = gensweep(*command, file, *override)
        assert ended.code == 2
        assert f"gensweep: {says}" in ended.err, ended.err
        assert not (tmp_path / "runs").exists()


def test_one_is_one_trial(gensweep: Command) -> None:
    ended = gensweep(
        "check", "space.yaml", "search.samples=1", "trial.family=vae", "early_stopping={name: asha, grace_period: 9}"
    )
    assert ended.out == (
        "space.yaml: sound. 1 trial:\n  1 x vae\nasha stops no trial of vae: grace_period is 9, and it trains for 2 epochs.\n"
    )


@pytest.mark.parametrize(("name", "is_new"), [("nothere.db", True), ("there.db", False)])
def test_ui_says_that_it_made_a_new_store(
    gensweep: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_new: bool
) -> None:
    (tmp_path / "there.db").touch()

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pages, "Pages", lambda *_, **__: nullcontext(MagicMock(url="http://there", wait=interrupted)))
    monkeypatch.setattr(pages, "running_server", lambda uri: None)
    ended = gensweep("ui", "--tracking-uri", f"sqlite:///{name}")
    assert ended.code == 0
    assert (f"there was no {tmp_path / name}: a new and empty store was made." in ended.err) == is_new
