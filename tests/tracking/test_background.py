from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from memory_store import MemoryStore
from mlflow_server import Server
from tracked_sweep import Driver, Store

from gensweep.errors import DamagedSweep
from gensweep.tracking.background import Background
from gensweep.tracking.projection import Progress, Projection


@pytest.fixture
def server(store: Store) -> Iterator[Server]:
    server = Server(store)
    server.start()
    yield server
    server.kill()


def wait_for(condition: object, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back_has_every_row_once(
    driver: Driver, store: Store, server: Server, record_property: Callable[[str, object], None]
) -> None:
    said: list[str] = []
    background = Background(Projection(driver.folder, server.url), every=0.05, say=said.append)
    background.start()
    trained = 0.0
    for number in range(12):
        if number == 4:
            wait_for(lambda: len(store.runs()) >= 2)
            server.kill()  # in the middle of whatever it is doing
        if number == 8:
            wait_for(lambda: said)
        began = time.monotonic()
        driver.issue(number)
        driver.rows(number, range(1, 5))
        driver.end(number)
        trained += time.monotonic() - began
        time.sleep(0.05)
    server.start()
    progress = background.close(final=True, limit=60)
    assert progress.is_done
    assert trained < 3, "the training path waited for the server"
    assert any("Training goes on" in line for line in said)
    assert len(said) <= 2, said
    runs = store.runs()
    assert len(runs) == 12
    for run_id, status in runs.values():
        assert status == "FINISHED"
        assert len(store.metrics(run_id)) == 4 * 3 + 4
    ((active,),) = store.ask("select count(*) from runs where lifecycle_stage = 'active'")  # with the sweep's own
    points = [len(store.metrics(run_id)) for run_id, _ in runs.values()]
    assert active == 12 + 1
    record_property("trials missing, doubled", f"{12 - len(runs)}, {active - 1 - len(runs)}")
    record_property(
        "points lost, doubled", f"{sum(max(0, 16 - n) for n in points)}, {sum(max(0, n - 16) for n in points)}"
    )
    assert store.runs("sweep")["study"][1] == "FINISHED"
    picture = f"{server.url}/get-artifact?path=samples/epoch-0004.png&run_uuid={runs['3 wae/mmd'][0]}"
    assert urllib.request.urlopen(picture, timeout=10).read() == b"\x89PNG"


def test_what_is_left_is_said_with_the_command_that_sends_it(driver: Driver, store: Store) -> None:
    said: list[str] = []
    background = Background(Projection(driver.folder, store.uri), every=60, say=said.append)
    background.start()
    assert background.opened.wait(60)
    driver.issue(0)
    store.path.write_bytes(b"the disk broke" * 100)
    progress = background.close(final=True, limit=1)
    assert not progress.is_done
    assert "gensweep sync study" in said[-1]


def test_a_mistake_of_ours_does_not_stop_training(
    driver: Driver, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    background = Background(Projection(driver.folder, store.uri), every=0.05, say=said.append)
    background.start()
    assert background.opened.wait(60)
    monkeypatch.setattr(Projection, "_pass", lambda *_: 1 / 0)
    wait_for(lambda: said)
    assert "ZeroDivisionError" in said[0]
    monkeypatch.undo()
    assert background.close(final=True).is_done


def test_a_store_that_cannot_be_opened_is_told_once_and_nothing_waits(driver: Driver, store: Store) -> None:
    store.path.write_bytes(b"SQLite format 3\x00" + b"no database" * 100)
    told: list[str] = []
    background = Background(Projection(driver.folder, store.uri), every=0.05, refused=lambda e: told.append(str(e)))
    background.start()
    assert background.opened.wait(60)
    wait_for(lambda: told)
    assert background.error is not None
    assert "cannot be used" in told[0]
    progress = background.close(final=True)
    assert progress == Progress(0, 0, str(background.error), {})
    assert not progress.is_done
    assert len(told) == 1


def test_a_store_that_keeps_it_waiting_is_left_with_a_word_on_what_to_do(driver: Driver) -> None:
    answers, said = threading.Event(), list[str]()

    def slow(_uri: str) -> MemoryStore:
        answers.wait(60)
        return MemoryStore()

    background = Background(Projection(driver.folder, "memory://here", open_store=slow), say=said.append)
    background.start()
    try:
        progress = background.close(final=True, limit=0.05)
    finally:
        answers.set()
        background.opened.wait(60)
    assert progress == Progress(0, 0, "the store is still busy with an earlier request", {})
    (line,) = said
    assert "lacks some of 0 trials (the store is still busy" in line
    assert "gensweep sync study" in line


@pytest.mark.parametrize("left_out", [None, "not sent to MLflow, because they are links: it.png"])
def test_what_was_left_out_and_refused_is_said_at_the_end(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, left_out: str | None
) -> None:
    said: list[str] = []
    background = Background(
        Projection(driver.folder, "memory://here", open_store=lambda _: MemoryStore()), say=said.append
    )
    done = Progress(2, 0, None, {"0001": "too long"}, left_out)
    monkeypatch.setattr(background.projection, "close", lambda **_given: done)
    assert background.close(final=True) == done
    assert said == [*([left_out] if left_out else []), "MLflow refused trial 0001: too long"]


@pytest.mark.parametrize("hurries", [False, True])
def test_models_come_last_and_who_hurries_waits_for_none(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, hurries: bool
) -> None:
    said, asked = list[str](), list[bool]()
    background = Background(
        Projection(driver.folder, "memory://here", open_store=lambda _: MemoryStore()), say=said.append
    )

    def send(is_over: Callable[[], bool]) -> list[str]:
        if hurries:
            background.hurry()
        asked.append(is_over())
        return ["the model of wae: it is too large"]

    monkeypatch.setattr(background.projection, "send_models", send)
    background.start()
    assert background.opened.wait(60)
    monkeypatch.setattr("gensweep.tracking.background.HURRY", -1.0)
    assert background.close(final=True).is_done
    assert asked == [hurries]
    assert said == ["not sent to MLflow: the model of wae: it is too large"]


def test_it_waits_with_opening_for_what_it_is_told_to_wait_for(driver: Driver, store: Store) -> None:
    first = threading.Event()
    background = Background(Projection(driver.folder, store.uri), every=0.05)
    background.start(after=first)
    assert not background.opened.wait(0.5)
    first.set()
    assert background.opened.wait(60)
    assert background.close(final=True).is_done
    waiting = Background(Projection(driver.folder, store.uri), every=0.05)
    waiting.start(after=threading.Event())
    assert waiting.close(final=True).is_done  # the end is not waited for


def test_a_folder_that_is_damaged_is_not_waited_for(
    driver: Driver, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the fuzzer: a server may come back, and what a file says stays."""
    background, tries = Background(Projection(driver.folder, store.uri), every=60), []

    def damaged(**_given: object) -> Progress:
        tries.append(1)
        raise DamagedSweep("results.jsonl:1: not a row of results")

    monkeypatch.setattr(background.projection, "close", damaged)
    progress = background.close(final=True, limit=3600)
    assert len(tries) == 1
    assert "not a row of results" in str(progress.problem)
