"""What one driver leaves, and what the next makes up for: closed sweeps, stops and deaths after the last trial."""

from __future__ import annotations

import errno
import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gensweep import campaign, drive
from gensweep.campaign import Where, conduct
from gensweep.changes import failed
from gensweep.errors import Interrupted, Outcome, Stopped
from gensweep.executors.base import Work
from gensweep.ledger.stop_request import ask
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.report import figures, page
from gensweep.stopping import Request, Stops
from gensweep.tracking.projection import Projection
from gensweep.trial import Failure, Job, Report
from gensweep.verdict import Verdict
from tests.scripted_executor import Script, Scripted, completes, said, small
from tests.tracking.memory_store import MemoryStore


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """The runs, in memory; and pictures that cost nothing."""
    store = MemoryStore()
    projection = functools.partial(Projection, open_store=lambda _: store)
    for module in (campaign, drive):
        monkeypatch.setattr(module, "Projection", projection)
    monkeypatch.setattr(campaign, "check_reachable", lambda uri: None)
    monkeypatch.setattr(drive, "write_studies", lambda *_: None)
    monkeypatch.setattr(figures, "write_pictures", lambda *_, **__: {})
    monkeypatch.setattr(page, "write", lambda folder, content: (folder.path / "report" / page.NAME).write_text("page"))
    return store


@pytest.fixture
def where(tmp_path: Path, store: MemoryStore) -> Where:
    return Where(tmp_path / "runs", tracking_uri=f"sqlite:///{tmp_path}/mlflow.db", in_process=True)


@pytest.fixture
def follow(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], None]:
    return lambda script: monkeypatch.setattr(campaign, "InProcess", lambda resources: Scripted(script))


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> Stops:
    """Those of the next start."""
    stops = Stops()
    monkeypatch.setattr(campaign, "Stops", lambda: stops)
    return stops


def kinds(where: Where, name: str = "small") -> list[str]:
    return [event["event"] for event in SweepFolder.open(where.runs / name).events.read()]


def statuses(store: MemoryStore) -> set[str]:
    return {run.status for run in store.all.values()}


def test_a_sweep_that_went_well_is_closed_and_another_start_enters_nothing(
    where: Where, follow: Callable[[Script], None]
) -> None:
    follow(completes)
    assert conduct(small(), where).problem is None
    before = kinds(where)
    assert before[-2:] == ["finished", "closed"]
    assert SweepFolder.open(where.runs / "small").state().closed
    conduct(small(), where)
    assert kinds(where) == before


@pytest.mark.parametrize(("reason", "code", "kind"), [("Ctrl-C", 130, Interrupted), ("SIGTERM", 75, Stopped)])
def test_a_stop_while_the_report_is_written_is_no_success_and_the_next_start_writes_the_rest(
    where: Where, store: MemoryStore, follow: Callable[[Script], None], stops: Stops, monkeypatch: pytest.MonkeyPatch,
    reason: str, code: int, kind: type[Stopped],
) -> None:  # fmt: skip
    follow(completes)
    found = conduct(small(), where, lambda _: stops.request(Request(reason, code)))
    assert type(found.problem) is kind
    assert "every trial has ended" in str(found.problem)
    assert kinds(where)[-2:] == ["finished", "stopped"]
    assert not found.report.exists()
    state = SweepFolder.open(where.runs / "small").state()
    assert (state.finished, state.stopped, state.closed) == (True, None, False)
    monkeypatch.setattr(campaign, "Stops", Stops)
    again = conduct(small(), where)
    assert again.problem is None
    assert again.report.exists()
    assert again.sanity
    assert kinds(where)[-1] == "closed"
    assert statuses(store) == {"FINISHED"}


class Death(BaseException):
    """What no code expects."""


@pytest.mark.parametrize("at", ["judge", "Background.close"])
def test_a_death_after_the_last_trial_is_made_up_for(
    where: Where, store: MemoryStore, follow: Callable[[Script], None], monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def dies(*_: Any, **__: Any) -> None:
        raise Death

    follow(completes)
    with monkeypatch.context() as once:
        once.setattr(f"gensweep.drive.{at}", dies)
        with pytest.raises(Death):
            conduct(small(), where)
    assert kinds(where)[-1] == "finished"
    (where.runs / "small" / "results.csv").unlink(missing_ok=True)
    found = conduct(small(), where)
    assert found.problem is None
    assert found.report.exists()
    assert (where.runs / "small" / "results.csv").read_text().count("\n") == 5
    assert kinds(where)[-1] == "closed"
    assert statuses(store) == {"FINISHED"}
    assert len(store.all) == 5


def test_an_error_in_the_middle_is_in_the_ledger_and_comes_out_as_itself(
    where: Where, follow: Callable[[Script], None]
) -> None:
    def breaks(job: Job, work: Work) -> Iterator[Report]:
        if job.number == 1:
            raise RuntimeError("nobody foresaw this")
        yield said(job, 1.0)

    follow(breaks)
    with pytest.raises(RuntimeError, match="nobody foresaw this"):
        conduct(small(), where)
    last = SweepFolder.open(where.runs / "small").events.last()
    assert last is not None
    assert (last["event"], last["reason"], last["code"]) == ("stopped", "RuntimeError: nobody foresaw this", 1)


def test_a_stop_before_anything_was_begun_leaves_nothing(
    where: Where, follow: Callable[[Script], None], stops: Stops
) -> None:
    follow(completes)
    stops.request(Request("SIGHUP", 75))
    with pytest.raises(Stopped, match="SIGHUP: nothing was begun"):
        conduct(small(), where)
    assert not where.runs.exists()


def test_a_request_from_another_thread_stops_the_trials(
    where: Where, follow: Callable[[Script], None], stops: Stops
) -> None:
    def asks(job: Job, work: Work) -> Iterator[Report]:
        yield said(job, 2.0, None)
        stops.request(Request("SIGUSR1", 75))
        yield said(job, 1.0)

    follow(asks)
    found: Verdict = conduct(small(), where)
    assert isinstance(found.problem, Stopped)
    assert kinds(where)[-1] == "stopped"
    assert found.state.stopped == "SIGUSR1"


def test_a_request_that_another_command_leaves_in_the_folder_stops_the_trials(
    where: Where, follow: Callable[[Script], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "_LOOKS", 0.01)

    def waits(job: Job, work: Work) -> Iterator[Report]:
        ask(where.runs / "small", at_once=False)
        while not work.is_stopping:
            time.sleep(0.01)
        yield said(job, 2.0, None)

    follow(waits)
    found = conduct(small(), where)
    assert isinstance(found.problem, Stopped)
    assert found.problem.exit_code == 75
    assert str(found.state.stopped).startswith("gensweep stop on ")
    follow(completes)
    assert conduct(small(), where).problem is None  # the request was not for this start


def test_one_that_asks_for_now_ends_the_process_at_once_with_a_word(
    where: Where, follow: Callable[[Script], None], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drive, "_LOOKS", 0.01)
    left: list[int] = []
    monkeypatch.setattr(Stops, "leave", lambda self, code: left.append(code))

    def waits(job: Job, work: Work) -> Iterator[Report]:
        ask(where.runs / "small", at_once=True)
        while not left:
            time.sleep(0.01)
        yield said(job, 2.0, None)

    follow(waits)
    conduct(small(), where)
    assert left[0] == 75
    assert "gensweep resume small goes on from there" in capfd.readouterr().err


def test_a_full_disk_under_the_ledger_is_a_stop_with_what_to_do(
    where: Where,
    follow: Callable[[Script], None],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    follow(completes)
    monkeypatch.setattr("gensweep.ledger.events.append_at", full)
    with pytest.raises(Stopped, match=r"No space left on device; .* are free there.*gensweep resume small") as raised:
        conduct(small(), where)
    assert raised.value.exit_code == 75
    record_property("exit codes", raised.value.exit_code)


def full(*_: Any, **__: Any) -> int:
    raise OSError(errno.ENOSPC, "No space left on device", "events.jsonl")


def test_what_failed_is_taken_up_again_and_then_counts_as_if_it_never_had(
    where: Where, follow: Callable[[Script], None]
) -> None:
    def some_fail(job: Job, work: Work) -> Iterator[Report | Failure]:
        yield Failure(job.number, "ValueError: no", "") if job.number in (1, 2) else said(job, 5.0 - job.number)

    follow(some_fail)
    folder = conduct(small(), where).folder
    assert failed(folder, "all") == [1, 2]
    follow(completes)
    found = conduct(small(), where, retry=failed(folder, "2"))
    assert [record.outcome for record in found.state.trials.values()] == [
        Outcome.COMPLETED, Outcome.FAILED, Outcome.COMPLETED, Outcome.COMPLETED
    ]  # fmt: skip
    assert kinds(where).count("retried") == 1
    assert kinds(where)[-1] == "closed"
    found = conduct(small(), where, retry=failed(folder, "all"))
    assert found.problem is None
    again = SweepFolder.open(where.runs / "small").state()
    assert again.closed
    assert again.arms == found.state.arms
    assert [arm.n_live for arm in again.arms.values()] == [0, 0]
