"""The switches of a process: what they are inside, and that they are as before outside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep.configuration import TrialConfiguration
from gensweep.modes import shape_of
from gensweep.packs import Pack
from gensweep.trainers import loop
from gensweep.trainers.arithmetic import WORKSPACE, deterministic, prepare, products
from gensweep.trial import Report, evaluate, trial_key
from tests.conftest import job, small_configuration

GPU, CPU = torch.device("cuda"), torch.device("cpu")


def tf32() -> tuple[str, str, str]:
    cudnn = torch.backends.cudnn
    return torch.backends.cuda.matmul.fp32_precision, cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision


def switches() -> tuple[Any, ...]:
    cudnn = torch.backends.cudnn
    return torch.are_deterministic_algorithms_enabled(), cudnn.deterministic, cudnn.benchmark, *tf32()


@pytest.mark.parametrize(("precision", "on"), [("float32", False), ("tf32", True), ("bfloat16", False)])
def test_products_are_in_tf32_where_that_is_said_and_nowhere_else(precision: Any, on: bool) -> None:
    before = tf32()
    with products(precision, GPU):
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == (on, on)
        with products("float32", GPU):  # the evaluation of a trial
            assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == (False, False)
        assert torch.backends.cudnn.allow_tf32 == on
        with products("tf32", CPU):
            assert torch.backends.cudnn.allow_tf32 == on, "a trial on the CPU changes nothing"
    assert tf32() == before


def test_what_a_program_has_set_for_itself_is_put_back() -> None:
    before = tf32()
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    torch.backends.cudnn.conv.fp32_precision = torch.backends.cudnn.rnn.fp32_precision = "ieee"
    own = tf32()
    try:
        with pytest.raises(ZeroDivisionError), products("tf32", GPU):
            _ = 1 / 0
        assert tf32() == own
    finally:
        matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        matmul.fp32_precision, cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision = before


def test_deterministic_algorithms_are_wanted_inside_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WORKSPACE, raising=False)
    before = switches()
    with deterministic(wanted=False):
        assert switches() == before
    assert WORKSPACE not in os.environ
    with deterministic(wanted=True):
        assert switches()[:3] == (True, True, False)
        assert os.environ[WORKSPACE] in (":4096:8", ":16:8"), "the two of which cuBLAS says so"
        with pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
            torch.ones(2).put_(torch.tensor([0, 0]), torch.ones(2), accumulate=False)
    assert switches() == before
    monkeypatch.setenv(WORKSPACE, ":16:8")
    prepare()
    assert os.environ[WORKSPACE] == ":16:8", "a user's own word stays"


def test_a_trial_that_says_so_trains_and_is_scored_deterministically_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = dict[str, set[bool]]()

    def noted(name: str, call: Any) -> Any:
        def wrapped(*given: Any, **more: Any) -> Any:
            seen.setdefault(name, set()).add(torch.are_deterministic_algorithms_enabled())
            return call(*given, **more)

        return wrapped

    monkeypatch.setattr(loop, "_play", noted("training", loop._play))
    monkeypatch.setattr("gensweep.trial.evaluate", noted("evaluation", evaluate))
    before = switches()
    for wanted in (True, False):
        seen.clear()
        pack = Pack(job(tmp_path / str(wanted), small_configuration(deterministic=wanted, epochs=2)))
        while pack:
            (said,) = pack.turn()
            assert isinstance(said, Report)
            assert switches() == before
        assert seen == {"training": {wanted}, "evaluation": {wanted}}


def test_training_is_in_the_trials_precision_and_scores_in_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[tuple[str, str]]()
    for module in ("loop", "pack"):
        monkeypatch.setattr(
            f"gensweep.trainers.{module}.products", lambda p, d: asked.append(("train", p)) or products(p, d)
        )
    monkeypatch.setattr("gensweep.trial.products", lambda p, d: asked.append(("evaluate", p)) or products(p, d))
    for rows in (1, 2):
        asked.clear()
        pack = Pack(job(tmp_path / str(rows), small_configuration(precision="tf32", epochs=1), shape="one", rows=rows))
        while pack:
            pack.turn()
        assert set(asked) == {("train", "tf32"), ("evaluate", "float32")}


def test_on_a_cpu_tf32_is_float32(tmp_path: Path) -> None:
    one, other = (
        list(Pack(job(tmp_path / p, small_configuration(precision=p, epochs=2, lr_schedule="constant"))).turn())[-1]
        for p in ("float32", "tf32")
    )
    assert isinstance(one, Report)
    assert isinstance(other, Report)
    assert one.scores == other.scores


def test_the_key_of_a_trial_changes_only_where_the_new_words_are_said() -> None:
    plain = TrialConfiguration.model_validate(small_configuration())
    assert "deterministic" not in plain.dump()["training"]
    said = TrialConfiguration.model_validate(small_configuration(deterministic=False, precision="float32"))
    assert trial_key(said.dump(), "") == trial_key(plain.dump(), "")
    other = TrialConfiguration.model_validate(small_configuration(deterministic=True))
    assert other.dump()["training"]["deterministic"] is True
    assert TrialConfiguration.model_validate(other.dump()) == other
    assert trial_key(other.dump(), "") != trial_key(plain.dump(), "")


def test_what_is_deterministic_joins_no_pack(tmp_path: Path) -> None:
    """How many rows a stack has is measured, and how sums are rounded depends on it."""
    shapes = [
        shape_of(TrialConfiguration.model_validate(small_configuration(**said)), "cpu")[0]
        for said in ({}, {"deterministic": True}, {"precision": "tf32"})
    ]
    assert [bool(shape) for shape in shapes] == [True, False, True]
    assert shapes[0] != shapes[2]
