"""What may be asked of a sweep that was begun, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gensweep.changes import changeable, continued, failed, refuse_another, refuse_another_schema
from gensweep.configuration import Confirm
from gensweep.errors import ConfigError, DamagedSweep
from gensweep.ledger import environment
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.trial import TRIAL_SCHEMA
from tests.scripted_executor import small

SEED = {"sampler": "random", "samples": 2, "seed": 1}


def begun(path: Path, outcomes: Sequence[str] = ("COMPLETED", "FAILED"), **sections: Any) -> SweepFolder:
    """A sweep of two arms whose first trials ended so."""
    folder = SweepFolder.create(path / "small", small(**sections).definition())
    with folder.hold():
        for number, outcome in enumerate(outcomes):
            folder.events.append({"event": "issued", "number": number, "key": f"{number:064x}", "arm": "vae",
                                  "position": number, "parameters": {}, "configuration": {}})  # fmt: skip
            folder.events.append({"event": "ended", "number": number, "outcome": outcome, "reason": "so"})
    return SweepFolder.open(folder.path)


def test_more_samples_are_a_number_or_how_many_more(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    for asked, samples in ((None, 2), ("2", 2), ("+0", 2), ("5", 5), ("+5", 7)):
        assert continued(folder, asked).search.samples == samples
    for wrong in ("1", "x", "", "-3", "++1", "1.5", "9" * 12):
        with pytest.raises(ConfigError, match=f"--samples {re.escape(wrong)}: "):
            continued(folder, wrong)


def test_more_may_be_confirmed_and_not_less(tmp_path: Path) -> None:
    folder = begun(tmp_path, confirm={"top": 2, "seeds": 4})
    assert continued(folder, confirm=Confirm(top=3, seeds=4)).confirm == Confirm(top=3, seeds=4)
    with pytest.raises(ConfigError, match=r"confirm\.seeds: 4 -> 3"):
        continued(folder, confirm=Confirm(top=2, seeds=3))


def test_the_definition_of_another_sweep_is_not_gone_on_with(tmp_path: Path) -> None:
    moved = begun(tmp_path).path.rename(tmp_path / "other")
    with pytest.raises(DamagedSweep, match="is the definition of 'small', and stands in the folder of 'other'"):
        continued(SweepFolder.open(moved))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("0", "trial 0 that failed. Failed: 1"),
        ("1,x", "trial x"),
        ("", "trial "),
        ("1,9", "trial 9"),
        ("-1", "trial -1"),
    ],
)
def test_only_what_failed_can_be_tried_again(tmp_path: Path, asked: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        failed(begun(tmp_path), asked)


def test_what_failed_is_named_or_all_of_it(tmp_path: Path) -> None:
    folder = begun(tmp_path, ("FAILED", "COMPLETED", "FAILED"))
    assert failed(folder, "all") == failed(folder, "2, 0,2") == [0, 2]


def test_where_nothing_failed_nothing_can_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="None failed"):
        failed(begun(tmp_path, ("COMPLETED",)), "all")


def test_only_how_is_searched_can_be_allowed_to_change() -> None:
    assert changeable("search.seed, early_stopping") == ["search.seed", "early_stopping"]
    for wrong in ("trial", "trial.seed", "objective.metric", "name", "", "search,", "searches"):
        with pytest.raises(ConfigError, match="Allowed are search and early_stopping"):
            changeable(wrong)


def test_another_definition_is_refused_with_what_differs_unless_that_is_allowed(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    refuse_another(small(), folder.path, ())
    other = small(search=SEED, early_stopping={"name": "asha"})
    with pytest.raises(ConfigError, match=r"search\.seed: 0 -> 1") as refused:
        refuse_another(other, folder.path, ("early_stopping",))
    assert str(refused.value).endswith("or search on in the new way: --allow-changed search.seed")
    refuse_another(other, folder.path, ("early_stopping", "search"))
    with pytest.raises(ConfigError, match=r"trial\.seed: 0 -> 5") as refused:
        refuse_another(small(trial={"seed": 5}), folder.path, ("search",))
    assert "--allow-changed" not in str(refused.value)


def test_what_issued_no_trial_may_be_anything(tmp_path: Path) -> None:
    refuse_another(small(trial={"seed": 5}), begun(tmp_path, ()).path, ())
    refuse_another(small(), tmp_path / "nothing", ())


def test_trials_of_another_schema_are_not_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = begun(tmp_path).state()
    for known in (None, TRIAL_SCHEMA):
        state.trial_schema = known
        refuse_another_schema(state, tmp_path)
    state.trial_schema = TRIAL_SCHEMA - 1
    with pytest.raises(ConfigError, match=f"are of schema {TRIAL_SCHEMA - 1}, and this gensweep trains"):
        refuse_another_schema(state, tmp_path)
    assert capsys.readouterr().err == ""
    refuse_another_schema(SweepState(versions={**environment.versions(), "torch": "1.0"}), tmp_path)
    assert "goes on with other versions: torch 1.0 -> " in capsys.readouterr().err
