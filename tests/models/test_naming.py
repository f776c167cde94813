"""How models are named, and who is the winner."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from gensweep.comparison.collect import trials
from gensweep.comparison.confirmation import confirmation
from gensweep.errors import ConfigError, NoUsableTrial
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.models.naming import named
from gensweep.models.winner import best_of_arm, ranked, winner
from tests.written_sweep import Writer


def test_a_sweep_is_its_winner_the_confirmed_trial_of_the_arm_that_is_first(used: Path) -> None:
    found = confirmation(trials(SweepFolder.open(used / "used")))
    assert found is not None
    first = found.verdict.arm
    assert first is not None
    expected = f"used/{found.number(first)}"
    for what in (
        "used",
        "used@best",
        str(used / "used"),
        f"{used}/used/",
        f"used/{first}",
        f"{used}/used/{first}@best",
    ):
        model = named(what, used)
        assert model.name == expected
        assert f"arm {first} " in model.why
        assert "confirmed sliced_wasserstein on the test split" in model.why
    for arm in ("vae", "gan"):
        assert named(f"used/{arm}", used).name == f"used/{found.number(arm)}"


def test_a_trial_is_named_by_its_number_or_its_folder(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = next((used / "used" / "trials").glob("0003-*"))
    monkeypatch.chdir(used)
    paths = (str(trial), str(trial / "checkpoints" / "best"), f"used/trials/{trial.name}")
    for what in ("used/3", "used/0003", "used/3@best", *paths):
        found = named(what, Path())
        assert found.trial.resolve() == trial.resolve()
        assert found.why == ""
        assert found.sweep is not None
        assert found.sweep.name == "used"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("usd", r"no sweep in .*, and no such file or folder\. Accepted: a trial \(NAME/NUMBER\).*Did you mean 'used'"),
        ("usd/3", "there is no sweep 'usd' in .* Did you mean 'used'"),
        ("used/99", "used has no trial 99. It has 14 trials, from 0 on"),
        ("used/" + "9" * 5000, "used has no trial 99999999999999999999. It has"),
        ("used/vea", "neither a trial nor an arm 'vea'.*Did you mean 'vae'.*Known: autoencoder, flow, gan, vae"),
        ("used/-1", "neither a trial nor an arm '-1'"),
        ("used@worst", "no such file or folder"),
        ("", "no such file or folder"),
        ("@best", "no such file or folder"),
        ("..", "no such file or folder"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is_near(used: Path, what: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.compile(said, re.DOTALL)):
        named(what, used)


def test_a_trial_whose_folder_is_gone_says_so(used: Path, tmp_path: Path) -> None:
    shutil.copytree(used / "used", tmp_path / "used")
    shutil.rmtree(next((tmp_path / "used" / "trials").glob("0003-*")))
    with pytest.raises(ConfigError, match=r"used/3: its folder .* is not here"):
        named("used/3", tmp_path)


def test_without_confirmation_it_is_the_best_on_validation_of_those_trained_to_their_end(tmp_path: Path) -> None:
    sweep = Writer(tmp_path / "study")
    sweep.trial("vae", 3.0)
    sweep.trial("wae", 2.0)
    sweep.trial("wae", 1.0, outcome="PRUNED")
    sweep.trial("gan", 0.5, outcome="DIVERGED")
    sweep.trial("gan", 0.25, outcome="FAILED")
    sweep.trial("vae", 0.125, outcome="")
    choice = winner(sweep.folder)
    assert choice.number == 1
    assert (
        choice.why
        == f"the best fid on the validation split, 2; nothing is confirmed: gensweep confirm study --runs {tmp_path} does that"
    )
    assert best_of_arm(sweep.folder, "vae").number == 0
    assert [row["number"] for row in ranked(trials(sweep.folder))] == [1, 0, 2]
    with pytest.raises(NoUsableTrial, match="study: no such trial has a fid, and arm gan is not confirmed"):
        best_of_arm(sweep.folder, "gan")


def test_trials_that_were_stopped_early_stand_for_a_sweep_that_has_no_others(tmp_path: Path) -> None:
    sweep = Writer(tmp_path / "study")
    sweep.trial("vae", 3.0, outcome="PRUNED")
    assert "split, 3; stopped early, at epoch 15; nothing is confirmed" in winner(sweep.folder).why


def test_more_is_better_where_the_objective_says_so(tmp_path: Path) -> None:
    sweep = Writer(tmp_path / "study", {"name": "study", "objective": {"metric": "fid", "mode": "max"}, "trial": {}})
    for score in (1.0, 3.0, 2.0):
        sweep.trial("vae", score)
    assert winner(sweep.folder).number == 1


CONFIRMED = {  # the test scores of two arms, and what is said of the first
    "is best by": ([1.0, 1.1, 1.05, 1.02], [9.0, 9.1, 9.05, 9.02]),
    "is first, though not distinguished from all others, by": ([1.0, 4.0, 2.0], [1.1, 4.1, 2.1]),
}


@pytest.mark.parametrize("words", CONFIRMED)
def test_the_confirmed_arm_wins_whatever_validation_said(tmp_path: Path, words: str) -> None:
    sweep = Writer(tmp_path / "study")
    for family, chosen, tested in (("vae", 5.0, CONFIRMED[words][0]), ("wae", 0.5, CONFIRMED[words][1])):
        parent = sweep.trial(family, chosen)
        for score in tested:
            sweep.trial(family, chosen, parent=parent, test=score)
    choice = winner(sweep.folder)
    assert choice.number == 0
    assert choice.why == f"arm vae {words} confirmed fid on the test split"
    assert best_of_arm(sweep.folder, "wae").why.endswith(
        "arm wae was confirmed with it, by confirmed fid on the test split"
    )


def test_confirmations_of_one_arm_alone_or_of_seeds_that_all_diverged_say_so(tmp_path: Path) -> None:
    one = Writer(tmp_path / "one")
    parent = one.trial("vae", 5.0)
    one.trial("wae", 1.0)
    for score in (2.0, 3.0):
        one.trial("vae", 5.0, parent=parent, test=score)
    assert winner(one.folder).why == (
        "arm vae is the only one that is ranked by confirmed fid on the test split; not confirmed so far: wae"
    )
    lost = Writer(tmp_path / "lost")
    parent = lost.trial("vae", 5.0)
    lost.trial("wae", 1.0)
    for _ in range(2):
        lost.trial("vae", None, parent=parent, outcome="DIVERGED")
    assert winner(lost.folder).number == 1
    assert winner(lost.folder).why.startswith(
        "the best fid on the validation split, 1; no arm has two confirmed seeds with a score: gensweep confirm lost"
    )


def test_a_sweep_without_a_score_has_no_winner(tmp_path: Path) -> None:
    empty = Writer(tmp_path / "empty")
    with pytest.raises(NoUsableTrial, match="empty has no trial so far"):
        winner(empty.folder)
    empty.trial("vae", None, outcome="FAILED")
    with pytest.raises(NoUsableTrial):
        winner(empty.folder)
