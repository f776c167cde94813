"""The simulated disk: what a power cut leaves, and that a process that dies leaves everything."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation.disk import Disk

KEEPS: Callable[[int], int] = lambda n: 0  # noqa: E731 - of what was not synced
LOSES: Callable[[int], int] = lambda n: n - 1  # noqa: E731


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk(lambda *_: None, lambda n: n, lambda: "a process")
    for (place, name), function in made.functions().items():
        monkeypatch.setattr(place, name, function)
    return made


def write(path: Path, data: bytes, *, syncs: bool = False) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, data)
    if syncs:
        os.fsync(descriptor)
    os.close(descriptor)


def sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_what_is_synced_with_its_name_stays(disk: Disk) -> None:
    root = Path(disk.root)
    write(root / "a", b"1", syncs=True)
    sync(root)
    write(root / "b", b"2", syncs=True)  # its name is not
    write(root / "a", b"3")
    disk.cut_power(LOSES)
    assert tree(root) == {"a": b"1"}


def test_what_is_not_synced_may_stay(disk: Disk) -> None:
    root = Path(disk.root)
    (root / "sub").mkdir()
    write(root / "sub" / "a", b"1")
    disk.cut_power(KEEPS)
    assert tree(root) == {"sub/a": b"1"}


def test_names_are_kept_in_the_order_in_which_they_came(disk: Disk) -> None:
    root = Path(disk.root)
    write(root / "new", b"2", syncs=True)
    write(root / "old", b"1", syncs=True)
    sync(root)
    os.rename(root / "old", root / "older")
    os.replace(root / "new", root / "old")
    disk.cut_power(lambda n: 1 if n == 3 else 0)  # the last of two is lost
    assert tree(root) == {"new": b"2", "older": b"1"}


def test_a_write_may_be_torn_or_be_zeros(disk: Disk) -> None:
    root = Path(disk.root)
    for content, answers in ((b"abcd", [1, 4, 0]), (b"\0\0\0\0\0\0\0\0", [1, 0, 1])):
        write(root / "a", b"", syncs=True)
        sync(root)
        write(root / "a", b"abcdefgh")
        given = iter(answers)
        disk.cut_power(lambda n, given=given: next(given))
        assert tree(root) == {"a": content}
        os.unlink(root / "a")


def test_a_folder_that_was_deleted_may_come_back(disk: Disk) -> None:
    root = Path(disk.root)
    (root / "sub").mkdir()
    write(root / "sub" / "a", b"1", syncs=True)
    sync(root / "sub")
    sync(root)
    shutil.rmtree(root / "sub")
    assert tree(root) == {}
    disk.cut_power(LOSES)
    assert tree(root) == {"sub/a": b"1"}


def test_a_file_that_was_cut_and_appended_to(disk: Disk) -> None:
    root = Path(disk.root)
    write(root / "a", b"12345", syncs=True)
    sync(root)
    descriptor = os.open(root / "a", os.O_WRONLY | os.O_APPEND)
    os.ftruncate(descriptor, 2)
    os.write(descriptor, b"xy")
    assert (root / "a").read_bytes() == b"12xy"
    os.close(descriptor)
    disk.cut_power(lambda n: 2)  # the write is lost, and the cut is not
    assert tree(root) == {"a": b"12"}


def test_what_a_dead_process_had_open_is_closed_and_all_that_it_wrote_is_there(disk: Disk) -> None:
    root = Path(disk.root)
    descriptor = os.open(root / "a", os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, b"1")
    assert disk.die("another process") == []
    assert disk.die("a process") == [descriptor]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    assert tree(root) == {"a": b"1"}


def test_other_folders_are_the_real_ones(disk: Disk, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", b"1")
    disk.cut_power(LOSES)
    assert (tmp_path / "elsewhere").read_bytes() == b"1"


def both(disk: Disk, tmp_path: Path, does: Callable[[Path], object]) -> tuple[object, object]:
    """What is done on this disk, and what on a real one."""
    found = []
    for root in (Path(disk.root), tmp_path):
        (root / "sub" / "below").mkdir(parents=True)
        write(root / "a", b"1")
        write(root / "b", b"22")
        try:
            found.append(does(root))
        except OSError as error:
            found.append(type(error))
    return found[0], found[1]


ASKED: dict[str, Callable[[Path], object]] = {
    "a name that is not there": lambda root: (root / "no").read_bytes(),
    "a name below a file": lambda root: (root / "a" / "b").stat(),
    "a new file that is there": lambda root: os.open(root / "a", os.O_CREAT | os.O_EXCL | os.O_WRONLY),
    "a file in a folder that is not there": lambda root: os.open(root / "no" / "a", os.O_CREAT | os.O_WRONLY),
    "a folder to write in as a file": lambda root: os.open(root / "sub", os.O_WRONLY),
    "a file as a folder": lambda root: os.open(root / "a", os.O_RDONLY | os.O_DIRECTORY),
    "a folder that is there": lambda root: (root / "sub").mkdir(),
    "a folder that is not empty": lambda root: (root / "sub").rmdir(),
    "a folder, deleted as a file": lambda root: (root / "sub").unlink(),
    "a file over a folder": lambda root: os.replace(root / "a", root / "sub"),
    "a folder over a file": lambda root: os.replace(root / "sub", root / "a"),
    "a file over a file": lambda root: (os.replace(root / "a", root / "b"), (root / "b").read_bytes())[1],
    "the names": lambda root: sorted(path.name for path in root.iterdir()),
    "a pattern": lambda root: sorted(str(path.relative_to(root)) for path in root.glob("*/b*")),
    "the kinds": lambda root: [(root / name).is_dir() for name in ("a", "sub", "no")],
    "a text": lambda root: (root / "a").read_text(),
    "a size": lambda root: (root / "b").stat().st_size,
    "a closed file": lambda root: os.fstat(closed(root / "a")),
}  # fmt: skip


def closed(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


@pytest.mark.parametrize("what", ASKED)
def test_it_answers_as_a_real_one(disk: Disk, tmp_path: Path, what: str) -> None:
    mine, real = both(disk, tmp_path, ASKED[what])
    assert mine == real


def test_a_lock_keeps_others_out_until_its_file_is_closed_or_its_process_dies(disk: Disk) -> None:
    path = Path(disk.root) / "lock"
    first, second = (os.open(path, os.O_RDWR | os.O_CREAT) for _ in range(2))
    fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(BlockingIOError):
        fcntl.flock(second, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.close(first)
    fcntl.flock(second, fcntl.LOCK_SH | fcntl.LOCK_NB)
    third = os.open(path, os.O_RDONLY)
    fcntl.flock(third, fcntl.LOCK_SH | fcntl.LOCK_NB)
    with pytest.raises(BlockingIOError):
        fcntl.flock(third, fcntl.LOCK_EX | fcntl.LOCK_NB)
    disk.die("a process")
    fcntl.flock(third, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_file_is_the_same_one_after_a_power_cut_and_another_one_after_a_replacement(disk: Disk) -> None:
    root = Path(disk.root)
    for name in ("a", "new"):
        write(root / name, b"1", syncs=True)
    sync(root)
    before = os.stat(root / "a")
    disk.cut_power(LOSES)
    assert os.path.samestat(before, os.stat(root / "a"))
    os.replace(root / "new", root / "a")
    assert not os.path.samestat(before, os.stat(root / "a"))
