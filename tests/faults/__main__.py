"""Every fault, the tests that bring it about with real processes and files, and what they measured.

    python -m tests.faults              those of `make test`, then the table of all on stdout
    python -m tests.faults --slow       the long ones too; the table in tests/faults/FAULTS.md is written by this
    python -m tests.faults --of A B     the same from reports of all tests, pytest --junit-xml=A -o junit_family=xunit1; of a test
                                        that is in both, B's

A row passes if every test of it does. What a test measured (exit codes, epochs trained twice, processes left) it records with
pytest's `record_property`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
_MOST_VALUES = 6
TABLE = Path(__file__).with_name("FAULTS.md")
ROWS: Mapping[str, tuple[str, ...]] = {
    "a worker is killed": (
        "executors/test_contract.py::test_a_killed_worker_is_told_once_and_its_trial_goes_on",
        "orchestration/test_driver.py::test_a_lost_worker_is_retried_from_its_folder_a_few_times_and_then_counts_as_failed",
        "orchestration/test_driver.py::test_losses_between_which_a_trial_goes_on_do_not_end_it",
    ),
    "the driver is killed, ten times at random": (
        "orchestration/test_killed_driver.py", "ledger/test_kill.py", "orchestration/test_survival_stopping.py",
        "orchestration/test_confirmed_sweeps.py::test_a_kill_in_the_middle_of_the_confirmation_changes_no_byte_of_the_verdict",
    ),
    "a raylet, Ray's control store, the driver or its parent is killed": (
        "faults/test_every_moment.py::test_whatever_of_it_is_killed_it_is_resumable", "test_parent.py",
    ),
    "every few seconds something else is killed, and the disk fills up": ("faults/test_chaos.py",),
    "Ray cannot start, or hangs while it does": (
        "executors/test_local_ray.py::test_what_keeps_ray_from_starting_is_one_line_with_the_cure",
        "executors/test_local_ray.py::test_a_start_that_hangs_is_given_up",
        "cli/test_processes.py::test_nothing_is_left_behind_where_ray_cannot_run_it",
    ),
    "MLflow's server is killed, answers late or not at all": (
        "tracking/test_background.py", "tracking/test_killed_writer.py",
        "tracking/test_store.py::test_a_server_that_never_answers_is_noticed_soon",
    ),
    "a store of MLflow is locked, gone, full or damaged while it is written": ("tracking/test_disturbed.py",),
    "the making of a store is cut short, or two make it at once": (
        "tracking/test_run_store.py::test_a_making_that_was_cut_short_is_made_again",
        "tracking/test_run_store.py::test_a_first_start_may_be_killed_at_any_time_and_two_may_come_at_once",
    ),
    "an answer of MLflow's server is lost": ("tracking/test_projection.py", "tracking/test_runs.py"),
    "PostgreSQL is killed": ("deploy/test_tracking_stack.py",),
    "the disk is full": (
        "ledger/test_disk_full.py", "test_drive.py::test_a_full_disk_under_the_ledger_is_a_stop_with_what_to_do",
        "orchestration/test_driver.py::test_what_a_person_must_mend_stops_the_sweep_and_fails_no_trial",
        "orchestration/test_room.py",
    ),
    "a checkpoint is torn, or all are": ("ledger/test_trial_folder.py",),
    "any other file is torn, flipped, gone, or a folder": (
        "fuzz/test_torn.py", "cli/test_doctoring.py", "ledger/test_events.py",
    ),
    "a loss that is not finite": (
        "orchestration/test_driver.py::test_a_divergence_between_evaluations_costs_what_it_cost",
    ),
    "the memory does not suffice, the accelerator fails, the process crashes": (
        "test_faults.py", "cli/test_short_of_memory.py", "executors/test_worker_loss.py",
        "orchestration/test_driver.py::test_each_fault_is_tried_again_as_often_as_it_may_help",
        "orchestration/test_driver.py::test_faults_of_several_kinds_are_counted_each",
    ),
    "an error in the code": (
        "orchestration/test_driver.py::test_an_error_in_the_code_is_not_retried_and_the_same_one_thrice_ends_the_sweep",
        "orchestration/test_driver.py::test_errors_are_the_same_by_their_kind_and_place_whatever_they_say",
        "test_drive.py::test_what_failed_is_taken_up_again_and_then_counts_as_if_it_never_had",
    ),
    "a kill by Ray's memory monitor": (
        "executors/test_ray_losses.py",
        "executors/test_contract.py::test_a_kill_of_rays_memory_monitor_is_a_loss_of_its_trial_and_the_others_go_on",
        "faults/test_every_moment.py::test_a_worker_that_rays_monitor_killed_for_memory_is_told_from_others_and_goes_on",
    ),
    "a search space that is wrong": ("contracts/test_refusals.py",),
    "another definition, another schema or other versions at a resume": (
        "cli/test_running.py::test_how_is_searched_may_change_where_that_is_allowed_and_the_comparison_knows_it",
        "cli/test_running.py::test_what_is_searched_cannot_be_allowed_to_change", "test_campaign.py",
    ),
    "two drivers at once": ("ledger/test_lease.py",),
    "a command that is refused": (
        "test_campaign.py::test_a_start_that_is_refused_because_another_driver_runs_changes_no_byte",
        "cli/test_running.py::test_mistakes_are_exit_2_and_leave_nothing",
    ),
    "sweep.yaml is missing": ("ledger/test_remains.py",),
    "clocks that go back or differ": ("ledger/test_clock.py",),
    "signals at every moment, once and twice": (
        "test_stopping.py", "faults/test_every_moment.py::test_before_the_first_trial_a_signal_leaves_nothing",
        "faults/test_every_moment.py::test_from_the_first_trial_to_the_last_word_a_signal_stops_it_resumably",
        "test_held_signals.py",
        "cli/test_processes.py::test_ctrl_c_is_exit_130_wherever_it_comes", "orchestration/test_survival.py",
    ),
    "resources that no node has": ("executors/test_resources.py",),
    "thousands of trials": ("benchmarks/test_driver.py",),
    "a mistake in a file of deploy/": tuple(
        f"deploy/test_{name}.py::test_a_mutation_is_caught"
        for name in ("compose", "dockerfile", "kubernetes", "ray_cluster")
    ),
    "a trial that hangs, a worker that is frozen": (
        "executors/test_worker_loss.py::test_a_hang_says_how_long_and_where", "executors/test_patience.py",
        "orchestration/test_frozen_workers.py",
    ),
    "a worker or the driver is killed in the middle of a pack": ("orchestration/test_killed_packs.py",),
    "the time budget is used up": ("orchestration/test_driver.py::test_a_time_budget_stops_resumably",),
    "a death after the last trial": (
        "test_drive.py::test_a_death_after_the_last_trial_is_made_up_for",
        "test_campaign.py::test_a_driver_that_died_after_its_last_trial_left_a_sweep_that_is_finished",
        "test_drive.py::test_a_stop_while_the_report_is_written_is_no_success_and_the_next_start_writes_the_rest",
    ),
    "a copied sweep is resumed": ("tracking/test_identity.py",),
    "a home, a folder for temporary files or a path that cannot serve": (
        "cli/test_odd_places.py", "executors/test_private_folder.py",
    ),
    "simulated sweeps, with all of it at any step": ("simulation/test_simulation.py",),
}  # fmt: skip


@dataclass
class Row:
    """What came of the tests of one fault."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    measured: dict[str, Counter[str]] = field(default_factory=dict)

    def cells(self) -> str:
        """As cells of the table."""
        outcomes = ", ".join(f"{n} {outcome}" for outcome, n in self.outcomes.items()) or "not run"
        measured = "; ".join(f"{name}: {_said(values)}" for name, values in self.measured.items())
        return f"{outcomes} | {self.seconds:.0f} s | {measured}"


def _said(values: Counter[str]) -> str:
    """Each value, the most frequent first, with how often where several tests measured it."""
    return " | ".join(f"{value} ({n} x)" if n > 1 else value for value, n in values.most_common(_MOST_VALUES)).replace(
        "|", "/"
    ) + ("" if len(values) <= _MOST_VALUES else f" / {len(values) - _MOST_VALUES} others")


def run(*, slow: bool) -> list[ElementTree.Element]:
    """Run the tests of every row, each once; what came of each."""
    wanted = list(dict.fromkeys(f"tests/{test}" for tests in ROWS.values() for test in tests))
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.xml"
        options = ["-q", "-p", "no:xdist", f"--junit-xml={report}", "-o", "junit_family=xunit1"]
        subprocess.run(
            [sys.executable, "-m", "pytest", *options, *([] if slow else ["-m", "not slow"]), *wanted],
            cwd=ROOT,
            check=False,
        )
        return cases_of(report)


def cases_of(report: Path) -> list[ElementTree.Element]:
    """What came of each test of a report."""
    return list(ElementTree.parse(report).getroot().iter("testcase"))


def together(reports: Iterable[Path]) -> list[ElementTree.Element]:
    """The tests of all reports; one that is in several counts as the last of them has it."""
    cases = [case for report in reports for case in cases_of(report)]
    return list({(case.get("classname"), case.get("name")): case for case in cases}.values())


def _row(tests: tuple[str, ...], cases: list[ElementTree.Element]) -> Row:
    row = Row()
    for case in cases:
        place = f"{case.get('classname', '').removeprefix('tests.').replace('.', '/')}.py::{case.get('name', '')}"
        if any(place == test or place.startswith((f"{test}::", f"{test}[")) for test in tests):
            row.outcomes[_outcome(case)] += 1
            row.seconds += float(case.get("time", 0))
            for name, value in _measured(case):
                row.measured.setdefault(name, Counter())[value] += 1
    return row


def _outcome(case: ElementTree.Element) -> str:
    found = {child.tag for child in case}
    return "failed" if found & {"failure", "error"} else "skipped" if "skipped" in found else "passed"


def _measured(case: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for one in case.iter("property"):
        yield one.get("name", ""), one.get("value", "")


def main() -> int:
    """The command; the exit code is 1 where a test fails or a row has none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slow", action="store_true", help="the long ones too, and write the table into FAULTS.md")
    parser.add_argument("--of", nargs="+", type=Path, help="instead of running them", metavar="REPORT.xml")
    given = parser.parse_args()
    cases = together(given.of) if given.of else run(slow=given.slow)
    found = {fault: _row(tests, cases) for fault, tests in ROWS.items()}
    whole = given.slow or bool(given.of)
    lines = ["| fault | tests | time | measured |", "|---|---|---|---|"]
    text = "\n".join([*lines, *(f"| {fault} | {row.cells()} |" for fault, row in found.items())])
    print(text)
    if whole:
        how = "--of`, from reports of all tests" if given.of else "--slow`"
        TABLE.write_text(f"# Faults\n\nWritten by `python -m tests.faults {how}.\n\n{text}\n")
    return int(any(row.outcomes["failed"] or (whole and not row.outcomes["passed"]) for row in found.values()))


if __name__ == "__main__":
    sys.exit(main())
