"""What leaves a sweep's folder for a store is in it: a link in a stranger's folder names a file of the reader."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from memory_store import MemoryStore
from tracked_sweep import Driver

from gensweep.errors import DamagedSweep
from gensweep.tracking.attached import Attached
from gensweep.tracking.background import Background
from gensweep.tracking.projection import Projection

Remember = Callable[..., Projection]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "key.png").write_text("the victim's")
    return folder / "key.png"


@pytest.fixture
def driver(driver: Driver) -> Driver:
    """With one trial that ended and has a picture."""
    driver.issue(0)
    driver.rows(0, range(1, 3))
    driver.end(0)
    return driver


def sent(memory: MemoryStore) -> dict[str, bytes]:
    return {name: data for run in memory.all.values() for name, data in run.files.items()}


@pytest.mark.parametrize(
    "where",
    ["trial/samples/a.png", "report/a.md", "dangling"],
)  # fmt: skip
def test_links_are_left_out_and_named(
    driver: Driver, memory: MemoryStore, remember: Remember, secret: Path, where: str
) -> None:
    (trial,) = (driver.folder.path / "trials").iterdir()
    name = "samples/gone.png" if where == "dangling" else where.removeprefix("trial/")
    base = trial if where.startswith("trial/") or where == "dangling" else driver.folder.path
    link = base / name
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    target = secret if link.suffix else secret.parent
    link.symlink_to("nowhere" if where == "dangling" else target)
    progress = remember().close(final=True)
    assert progress.is_done
    assert b"the victim's" not in sent(memory).values()
    assert "samples/epoch-0002.png" in sent(memory)  # what is its own is there
    left_out = str(link.relative_to(driver.folder.path))
    assert left_out in str(progress.left_out)
    assert "links" in str(progress.left_out)


@pytest.mark.parametrize("where", ["trial/reconstructions", "environment.json", "results.csv", "report"])
def test_where_the_ledger_stands_a_link_is_refused_and_nothing_sent(
    driver: Driver, memory: MemoryStore, remember: Remember, secret: Path, where: str
) -> None:
    (trial,) = (driver.folder.path / "trials").iterdir()
    link = trial / "reconstructions" if where.startswith("trial/") else driver.folder.path / where
    link.unlink(missing_ok=True)
    link.symlink_to(secret if link.suffix else secret.parent)
    with pytest.raises(DamagedSweep, match="is a link, and links in a sweep's folder are not followed"):
        remember().close(final=True)
    assert b"the victim's" not in sent(memory).values()


def test_a_link_that_stays_inside_is_left_out_too(driver: Driver, memory: MemoryStore, remember: Remember) -> None:
    (trial,) = (driver.folder.path / "trials").iterdir()
    (trial / "samples" / "same.png").symlink_to("epoch-0002.png")
    progress = remember().close(final=True)
    assert "samples/same.png" not in sent(memory)
    assert "samples/same.png" in str(progress.left_out)


def test_a_pipe_is_not_waited_for(driver: Driver, remember: Remember) -> None:
    (trial,) = (driver.folder.path / "trials").iterdir()
    os.mkfifo(trial / "samples" / "pipe.png")
    progress = remember().close(final=True)
    assert "samples/pipe.png" in str(progress.left_out)


def test_a_hole_of_a_file_is_not_copied(driver: Driver, memory: MemoryStore, remember: Remember) -> None:
    (trial,) = (driver.folder.path / "trials").iterdir()
    (trial / "samples" / "hole.png").touch()
    os.truncate(trial / "samples" / "hole.png", 2**40)
    progress = remember().close(final=True)
    assert "samples/hole.png" in str(progress.left_out)


def test_a_sweep_behind_a_link_of_the_users_is_whole(
    driver: Driver, memory: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(driver.folder.path)
    monkeypatch.chdir(tmp_path)
    for folder in (Path("link"), tmp_path / "link", driver.folder.path):
        attached = Attached(folder)
        (trial,) = (folder / "trials").iterdir()
        assert [path.name for path in attached.of_a_trial(trial)] == ["epoch-0002.png"]
        assert "sweep.yaml" in {path.name for path in attached.of_the_sweep()}
        assert attached.sentence() is None


def test_many_links_are_one_sentence(driver: Driver, secret: Path) -> None:
    (trial,) = (driver.folder.path / "trials").iterdir()
    for n in range(30):
        (trial / "samples" / f"{n:02}\x1b[2J.png").symlink_to(secret)
    attached = Attached(driver.folder.path)
    assert len(list(attached.of_a_trial(trial))) == 1
    sentence = str(attached.sentence())
    assert "and 27 more" in sentence
    assert "\x1b" not in sentence


def test_what_is_left_out_is_said_at_the_end(driver: Driver, memory: MemoryStore, secret: Path) -> None:
    (driver.folder.path / "environment.json").unlink(missing_ok=True)
    (driver.folder.path / "results.csv").symlink_to(secret)
    said: list[str] = []
    background = Background(Projection(driver.folder, "memory://here", open_store=lambda _: memory), say=said.append)
    background.start()
    background.close(final=True)
    assert any("results.csv" in line for line in said)


@pytest.mark.parametrize(("links", "end"), [(3, "02.png in "), (4, "02.png and 1 more in ")])
def test_as_many_links_as_are_shown_are_all(driver: Driver, secret: Path, links: int, end: str) -> None:
    (trial,) = (driver.folder.path / "trials").iterdir()
    for n in range(links):
        (trial / "samples" / f"{n:02}.png").symlink_to(secret)
    attached = Attached(driver.folder.path)
    list(attached.of_a_trial(trial))
    assert end in str(attached.sentence())
    assert ("more" in str(attached.sentence())) is (links == 4)


def gallery(memory: MemoryStore) -> dict[str, bytes]:
    """What the sweep's run has of it."""
    (run,) = memory.runs("sweep").values()
    return {name: data for name, data in run.files.items() if name.startswith("gallery/")}


def test_the_sweeps_run_has_the_newest_pictures_of_each_arms_best(
    driver: Driver, memory: MemoryStore, remember: Remember
) -> None:
    trial = driver.issue(1)
    for name in ("samples/epoch-0001.png", "samples/epoch-0002.png", "reconstructions/epoch-0002.png"):
        trial.write_file(name, name.encode())
    driver.end(1, fid=20.0)  # better than that of trial 0
    remember().close(final=True)
    place = "gallery/wae, trial 1"
    assert gallery(memory) == {
        f"{place}/samples/epoch-0002.png": b"samples/epoch-0002.png",
        f"{place}/reconstructions/epoch-0002.png": b"reconstructions/epoch-0002.png",
    }


def test_a_gallery_has_no_huge_picture_no_link_and_not_every_arm(
    driver: Driver, memory: MemoryStore, remember: Remember, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gensweep.tracking.attached._LARGEST_PICTURE", 5)
    trial = driver.issue(1)
    trial.write_file("samples/epoch-0001.png", b"123456")
    trial.write_file("reconstructions/epoch-0001.png", b"12345")
    driver.end(1, fid=20.0)
    remember().close(final=True)
    assert list(gallery(memory)) == ["gallery/wae, trial 1/reconstructions/epoch-0001.png"]
    (trial.path / "reconstructions" / "epoch-0002.png").symlink_to(secret)
    remember().close(final=True)
    assert b"the victim's" not in gallery(memory).values()
    memory.runs("sweep")["study"].files.clear()
    monkeypatch.setattr("gensweep.tracking.attached._MOST", 0)
    remember().close(final=True)
    assert gallery(memory) == {}
