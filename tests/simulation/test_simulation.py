"""Whole sweeps with trouble at every step come to what they come to undisturbed; and a driver with a mistake does not."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.simulation import mutations, schedule
from tests.simulation.__main__ import findings, main, replay
from tests.simulation.mutations import Mutation
from tests.simulation.schedule import Finding, simulate
from tests.simulation.sweeps import SWEEPS
from tests.simulation.world import KINDS, Died

ENOUGH = 300  # seeds, in which each mistake of a driver shows


@pytest.fixture(autouse=True)
def _without_warnings() -> Iterator[None]:
    """Of torn checkpoints, which are what is simulated."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def simulations(seeds: range) -> tuple[list[str], Counter[str], Counter[int | None]]:
    """What broke, with the commands that replay it; what went wrong, and how the drivers ended."""
    broken, trouble, ends = list[str](), Counter[str](), Counter[int | None]()
    for seed in seeds:
        finding = simulate(seed)
        trouble += finding.trouble
        ends.update(finding.ends)
        if finding.broken:
            broken.append(f"seed {seed}: {finding.broken:.500}\npython -m tests.simulation -n 1 --seed {seed}")
    return broken, trouble, ends


@pytest.mark.parametrize("first", range(0, 300, 100))
def test_sweeps_in_trouble_come_to_what_they_come_to_undisturbed(first: int) -> None:
    broken, trouble, ends = simulations(range(first, first + 100))
    assert not broken, "\n".join(broken)
    assert set(trouble) >= {
        *KINDS,
        "worker lost",
        "nodes",
        "told by its parent",
        "asked to stop",
        "--retry-failed",
    }  # all of it
    assert set(ends) | {1} == {None, 0, 1, 3, 4, 75, 130}  # 1: the same error in three trials in a row


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1_000, 11_000, 1_000))
def test_ten_thousand_more(first: int) -> None:
    broken, _, _ = simulations(range(first, first + 1_000))
    assert not broken, "\n".join(broken)


@pytest.mark.slow
@pytest.mark.parametrize("mutation", mutations.OF_THE_DRIVER, ids=lambda mutation: mutation.what)
def test_a_driver_with_a_mistake_is_found_out(mutation: Mutation) -> None:
    undisturbed_once()
    with mutation.made():
        assert any(simulate(seed).broken for seed in range(ENOUGH))


@pytest.mark.parametrize(
    "mutation", [*mutations.OF_THE_DRIVER, *mutations.FOUND_BY_THE_SIMULATOR], ids=lambda mutation: mutation.what
)
def test_each_can_be_made_in_the_code_as_it_is(mutation: Mutation) -> None:
    with mutation.made():
        pass


def undisturbed_once() -> None:
    """With every mistake left out: what a mutated sweep is measured by."""
    for number in range(SWEEPS):
        assert simulate(given={"sweep": [number]}).broken is None


def test_a_seed_gives_the_same_again_and_so_do_its_choices() -> None:
    first, again = simulate(11), simulate(11)
    replayed = simulate(given=first.choices)
    assert sum(first.trouble.values()) > 1
    assert (first.choices, first.trouble, first.ends) == (again.choices, again.trouble, again.ends)
    assert (first.choices, first.trouble, first.ends) == (replayed.choices, replayed.trouble, replayed.ends)


def test_a_failure_is_told_with_the_commands_that_replay_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(seed: int | None = None, given: object = None) -> Finding:
        return Finding({"trouble": [3, 1, 2]}, Counter(kill=1), "Broken: a row is lost" if seed in (5, None) else None)

    monkeypatch.setattr("tests.simulation.__main__.simulate", fails)
    assert main(["-n", "3", "--seed", "4"]) == 1
    said = capsys.readouterr().out
    assert "seed 5: Broken: a row is lost" in said
    assert "python -m tests.simulation -n 1 --seed 5" in said
    assert replay({}) in said  # the shortest of what always fails
    assert "3 simulated sweeps" in said
    assert "kill 3" in said
    assert main(["-n", "1", "--seed", "7"]) == 0


def test_several_processes_find_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.simulation.__main__._TOO_FEW", 2)
    one, two = ([(seed, found.choices, found.ends) for seed, found in findings(range(40, 44), jobs)] for jobs in (1, 2))
    assert [seed for seed, *_ in two] == [40, 41, 42, 43]
    assert one == two


def test_what_broke_is_a_finding_and_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def compared(*_: object, **__: object) -> None:
        raise schedule.Broken("results.csv is another one")

    monkeypatch.setattr(schedule, "_compare", compared)
    assert simulate(3).broken == "Broken: results.csv is another one"


def test_a_death_that_nobody_noticed_is_a_finding_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no Exception, and in a process of several it would end that one, for which the others wait."""

    def died(*_: object, **__: object) -> None:
        raise Died

    monkeypatch.setattr(schedule, "_compare", died)
    assert simulate(3).broken == "Died: "
