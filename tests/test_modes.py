"""How trials of a shape train here: what is measured and remembered, and what is left to the trials to say."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep import modes
from gensweep.divergences.mmd import MMD
from gensweep.modes import Costs, Mode, mode_of, remembered
from gensweep.packs import Pack
from gensweep.trial import Failure, Job, Report
from tests.conftest import job, small_configuration

WAE = {"name": "wae", "divergence": {"name": "mmd"}}


@pytest.fixture(autouse=True)
def _always_timed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(modes, "_WORTH_TIMING", 1)
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))


def open_job(path: Path, **more: Any) -> Job:
    """A trial whose mode is left open but for what is named."""
    return job(path, small_configuration(WAE, epochs=2), **{"shape": "one", "rows": None, "compile": "off", **more})


def told(pack: Pack) -> list[Report | Failure]:
    said = []
    while pack:
        said += pack.turn()
    return said


@pytest.mark.parametrize("rows", [None, 8])
def test_a_loss_that_cannot_be_stacked_trains_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int | None
) -> None:
    whole = MMD.penalty
    monkeypatch.setattr(MMD, "penalty", lambda self, x, *rest: whole(self, x, *rest) * (1.0 if x.sum().item() else 0.0))
    asked = open_job(tmp_path, rows=rows, compile="auto")
    reports = told(Pack(asked))
    assert [said.mode for said in reports if isinstance(said, Report)] == ["alone"]
    assert list(remembered(asked).eager) == [1]
    assert Pack(open_job(tmp_path / "next", compile="auto")).mode == Mode()


def test_a_mistake_in_a_loss_is_the_failure_of_its_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> torch.Tensor:
        raise RuntimeError("a mistake of the user's")

    monkeypatch.setattr(MMD, "penalty", fails)
    (said,) = told(Pack(open_job(tmp_path)))
    assert isinstance(said, Failure)
    assert said.reason == "RuntimeError: a mistake of the user's"
    assert remembered(open_job(tmp_path)) == Costs()


@pytest.mark.parametrize("mode", [Mode(), Mode(8), Mode(8, is_compiled=True), Mode(4, latent_size=16)])
def test_a_mode_is_what_its_text_says(mode: Mode) -> None:
    assert Mode.said(str(mode)) == mode


def test_no_stack_has_more_rows_than_there_are_trials(tmp_path: Path) -> None:
    assert mode_of(open_job(tmp_path, at_once=1)) == Mode()
    assert list(remembered(open_job(tmp_path, at_once=1)).eager) == [1]
    mode_of(open_job(tmp_path, at_once=3))
    assert list(remembered(open_job(tmp_path, at_once=3)).eager) == [1, 3]
    mode_of(open_job(tmp_path))  # what was measured of few says nothing of many
    assert list(remembered(open_job(tmp_path)).eager) == [1, 8]


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "[" * 100_000, '{"eager": {"8": 1e-9}}',
        *(
            json.dumps({**asdict(Costs()), **wrong})
            for wrong in (
                {"eager": {1: float("nan")}}, {"eager": {1: 1.0, 10**7: 1e-9}}, {"eager": {1: 1.0, 0: 1e-9}},
                {"eager": {1: -1.0}}, {"eager": {8: 1.0}}, {"eager": {1: 10**400}}, {"compiled": {8: 1e-9}},
                {"eager": {1: 1.0}, "compiling": float("-inf")},
            )
        ),
    ],
)  # fmt: skip
def test_what_is_damaged_is_measured_again(tmp_path: Path, text: str) -> None:
    asked = open_job(tmp_path)
    file = modes._file(asked, torch.device("cpu"))
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert remembered(asked) == Costs()


def test_what_a_user_wants_compiled_and_cannot_be_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)  # as Dynamo does where it gives up
    said = told(Pack(open_job(tmp_path, compile="on")))
    assert [one.notes for one in said if isinstance(one, Report)] == [
        ["compile: its step was not compiled, and trained eagerly (torch ran it without compiling it)."]
    ]
    monkeypatch.setattr(modes, "_WORTH_TIMING", 10**9)
    asked = open_job(tmp_path / "few", compile="on", rows=None, at_once=2)
    assert mode_of(asked).is_compiled


def test_what_was_measured_in_a_part_of_a_gpu_says_nothing_of_a_whole_one(tmp_path: Path) -> None:
    here = torch.device("cpu")
    files = [modes._file(open_job(tmp_path, gpu=gpu), here) for gpu in (0.0, 1.0, 0.5, 0.25)]
    assert files[0] == files[1], "what is remembered from before there were parts is still found"
    assert len(set(files)) == 3
