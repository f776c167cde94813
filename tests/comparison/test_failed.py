"""Confirmed arms of which seeds failed: the answer names them, the reason and the cure."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from gensweep.comparison.compare import compare
from gensweep.comparison.formats import formatted
from tests.written_sweep import DEFINITION, Writer

Write = Callable[..., Writer]
CUDA = "OutOfMemoryError: CUDA out of memory"


def confirmed(sweep: Writer, arm: str, tests: list[float], failed: list[str]) -> None:
    parent = sweep.trial(arm, 1.0)
    for test in tests:
        sweep.trial(arm, 1.0, parent=parent, test=test)
    for reason in failed:
        sweep.trial(arm, None, parent=parent, outcome="FAILED", reason=reason)


def test_each_arm_is_named_with_its_reason_and_the_command_that_trains_more(write: Write) -> None:
    sweep = write()
    confirmed(sweep, "vae", [2.0, 2.1, 2.2], [])
    confirmed(sweep, "wae", [1.0, 1.1, 1.05], [f"{CUDA} at step 7", f"{CUDA} at step 9"])
    confirmed(sweep, "gan", [4.0, 4.1, 4.2], ["KeyError: 'z'", CUDA, CUDA])
    found = compare([sweep.folder])
    said = found.sentence()
    assert f"2 of 5 seeds of wae failed and left out ({CUDA})." in said
    assert f"3 of 6 seeds of gan failed and left out ({CUDA}, and 1 other reason)." in said
    assert "of vae failed" not in said
    assert f"Once that is mended, `gensweep confirm {sweep.folder.argument} --seeds 9` trains as many more." in said
    assert {row["arm"]: row["seeds"] for row in found.table()} == {
        "vae": "3",
        "wae": "3, 2 failed",
        "gan": "3, 3 failed",
    }
    read = {arm["arm"]: arm["failed"] for arm in json.loads(formatted(found, "json"))["arms"]}
    assert read == {
        "vae": None, "wae": {"n": 2, "of": 5, "reasons": [CUDA]}, "gan": {"n": 3, "of": 6, "reasons": [CUDA, "KeyError: 'z'"]}
    }  # fmt: skip


def test_an_arm_all_of_whose_seeds_failed_is_named_too(write: Write) -> None:
    sweep = write()
    confirmed(sweep, "vae", [2.0, 2.1, 2.2], [])
    confirmed(sweep, "wae", [], [CUDA, CUDA])
    said = compare([sweep.folder]).sentence()
    assert "so not ranked: wae." in said
    assert f"2 of 2 seeds of wae failed and left out ({CUDA})." in said
    assert "--seeds 4`" in said


@pytest.mark.parametrize(("confirm", "option"), [({"top": 3, "seeds": 2}, " --top 3"), ("none", ""), (None, "")])
def test_the_command_reaches_as_many_configurations_as_were_confirmed(
    write: Write, confirm: object, option: str
) -> None:
    sweep = write(definition={**DEFINITION, "confirm": confirm})
    confirmed(sweep, "vae", [2.0, 2.1], [CUDA])
    assert f"`gensweep confirm {sweep.folder.argument}{option} --seeds 4`" in compare([sweep.folder]).sentence()


def test_of_two_sweeps_the_one_whose_seeds_failed_is_named(write: Write) -> None:
    one, other = write("one"), write("other", keys="other")
    confirmed(one, "vae", [2.0, 2.1], [])
    confirmed(other, "vae", [2.0, 2.1], ["a reason of\nseveral lines " + "x" * 300])
    said = compare([one.folder, other.folder]).sentence()
    assert "1 of 3 seeds of other: vae failed and left out (a reason of several lines xxx" in said
    assert "x…)." in said
    assert f"gensweep confirm {other.folder.argument} --seeds 4" in said
    assert f"gensweep confirm {one.folder.argument}" not in said
