"""Where numbers come from: what a page says of machines, protocols, commands and failures."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest

from gensweep.comparison.collect import trials
from gensweep.comparison.confirmation import confirmation
from gensweep.report import facts
from tests.report.conftest import issue
from tests.written_sweep import Writer


def test_versions_name_the_libraries_and_not_the_machine(study: Writer) -> None:
    rows = {row["what"]: row["is"] for row in facts.versions(study.folder).rows}
    assert {"gensweep", "python", "versions.torch", "versions.optuna"} <= rows.keys()
    assert "hostname" not in rows


def test_a_page_without_an_environment_has_no_versions(study: Writer) -> None:
    (study.folder.path / "environment.json").unlink()
    assert facts.versions(study.folder).rows == []


def test_a_protocol_is_a_table_and_two_of_a_metric_are_two_columns(study: Writer) -> None:
    (table,) = facts.protocols(trials(study.folder))
    assert table.title == "Protocol of fid"
    assert {"field": "n_fake"}.items() <= table.rows[0].items()
    assert table.notes == []
    issue(study, "vae", 3.0, protocol={"n_fake": 9, "split": "validation"})
    (table,) = facts.protocols(trials(study.folder))
    assert len(table.columns) == 3
    assert sorted(value for key, value in table.rows[0].items() if key != "field") == ["500", "9"]
    assert "never ranked together" in table.notes[0]


def test_a_protocol_that_is_gone_or_no_mapping_is_left_out(study: Writer) -> None:
    for n, file in enumerate(study.folder.path.glob("trials/*/protocol.json")):
        file.write_text("[1]" if n % 2 else "no JSON")
    assert facts.protocols(trials(study.folder)) == []


def test_commands_are_what_a_shell_takes(study: Writer, write: Callable[..., Writer]) -> None:
    table = trials(study.folder)
    lines = dict(facts.commands(study.folder, table, confirmation(table)))
    assert f"gensweep show study 1 --runs {study.folder.path.parent}" in lines.values()  # the best arm's trial
    strange = write("a; rm -rf b")
    lines = dict(facts.commands(strange.folder, trials(strange.folder), None))
    assert shlex.split(lines["go on with it"])[:3] == ["gensweep", "resume", "a; rm -rf b"]
    assert not [text for text in lines.values() if "evaluate" in text]  # there is no trial


def test_a_definition_shows_no_password(write: Callable[..., Writer]) -> None:
    sweep = write("secret", {"name": "secret", "objective": {"metric": "fid"}, "trial": "https://me:pa55word@host/x"})
    assert "pa55word" not in facts.definition(sweep.folder)
    assert "host" in facts.definition(sweep.folder)


def test_failures_say_how_many_of_which_arm_and_which(study: Writer) -> None:
    for n in range(9):
        issue(study, "vae", None, outcome="FAILED", reason=f"worker {n} was lost")
    ended, groups = facts.failures(trials(study.folder))
    assert {"arm": "vae", "completed": "5", "diverged": "1", "failed": "9"} in ended.rows
    assert groups.rows[0]["which"] == "12, 13, 14, 15, 16, 17, 18, 19, and 1 more"
    assert groups.rows[0]["arms"] == "vae 9"
    assert groups.rows[1]["outcome"] == "diverged"


def test_all_trials_are_there_the_best_first_and_a_very_long_table_is_cut(
    study: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = facts.all_trials(trials(study.folder))
    assert len(whole.rows) == 12
    assert (whole.rows[0]["number"], whole.rows[0]["fid"]) == ("1", "12")
    monkeypatch.setattr(facts, "_ALL", 5)
    cut = facts.all_trials(trials(study.folder))
    assert len(cut.rows) == 5
    assert cut.notes == ["7 trials more: gensweep show study."]
