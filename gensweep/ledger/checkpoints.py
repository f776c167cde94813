"""Checkpoints that prove themselves: written whole, verified by digest, the newest two and the best kept."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gensweep.errors import DamagedSweep
from gensweep.ledger.durable import fsync_directory, make_directory, write_new
from gensweep.ledger.foreign import document, json_of
from gensweep.ledger.lease import Fence

SCHEMA = 1
MANIFEST = "manifest.json"
_STEP = re.compile(r"(?:\.old-)?step-(\d+)")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint: the training step after which it was taken, and its files."""

    step: int
    path: Path
    _digests: dict[str, str] = field(repr=False)

    @property
    def files(self) -> list[str]:
        """The names of its files."""
        return list(self._digests)

    def read(self, name: str) -> bytes:
        """The bytes of one of its files, verified again.

        Raises:
            DamagedSweep: the file changed since the checkpoint was found.
        """
        data = (self.path / name).read_bytes()
        if _digest(data) != self._digests[name]:
            raise DamagedSweep(f"{self.path / name}: changed after it was verified. Start again: an older one is used.")
        return data


def at(path: Path) -> Checkpoint | None:
    """The checkpoint in the folder `path`, if every byte is as it was written. Nothing is moved."""
    return _verify(path)


class Checkpoints:
    """The checkpoints of one trial. They are ordered by step, never by a clock."""

    def __init__(self, directory: Path, fence: Fence | None = None) -> None:
        self.directory = directory
        self._fence = fence
        self._verified: set[int] = set()

    def save(self, step: int, files: Mapping[str, bytes], *, best: bool) -> None:
        """Write a checkpoint durably, as the best one too if it is; then delete those that are no longer needed.

        Raises:
            Fenced: another driver took the sweep.
            OSError: as it came; every earlier checkpoint stays readable.
        """
        self._check_fence()
        make_directory(self.directory)
        self._clear()
        if best:
            # First the best: a crash in between repeats the step and saves it again, and never forgets a best one.
            self._publish("best", step, files)
        self._publish(f"step-{step:06d}", step, files)
        self._verified.add(step)
        self._prune()

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that verifies; torn ones before it are moved aside to torn-<n>-step-<step>."""
        for path in self._steps():
            checkpoint = _verify(path)
            if checkpoint is not None:
                if self._fence is not None:  # who goes on from it; who was killed may not have made its name durable
                    fsync_directory(self.directory)
                self._verified.add(checkpoint.step)
                return checkpoint
            self._set_aside(path)
        return None

    def best(self) -> Checkpoint | None:
        """The checkpoint at the best epoch so far, or None if there is none that verifies."""
        names = ("best", ".old-best", "best")  # again, because a writer may swap them between two looks
        return next((found for name in names if (found := _verify(self.directory / name))), None)

    def adopt(self, name: str, source: Checkpoint) -> None:
        """Copy a verified checkpoint of another trial here, durably, under a name of its own.

        Raises:
            DamagedSweep: it changed since it was verified.
        """
        self._check_fence()
        make_directory(self.directory)
        self._publish(name, source.step, {file: source.read(file) for file in source.files})

    def named(self, name: str) -> Checkpoint | None:
        """The checkpoint that was adopted under this name, or None if it is not there or does not verify."""
        return _verify(self.directory / name)

    def keep_best(self) -> None:
        """Delete all but the best, for a trial that has ended; all stay where no best one verifies."""
        self._check_fence()
        if _verify(self.directory / "best") is None:
            return
        for path in _children(self.directory):
            if path.name != "best" and not path.name.startswith("torn-"):
                _discard(path)

    def torn(self) -> list[str]:
        """The names of the checkpoints that were moved aside."""
        return sorted(path.name for path in self.directory.glob("torn-*"))

    def _publish(self, name: str, step: int, files: Mapping[str, bytes]) -> None:
        temporary, target = self.directory / f".tmp-{name}-{os.getpid()}", self.directory / name
        shutil.rmtree(temporary, ignore_errors=True)  # of a killed process: in a container numbers begin anew
        try:
            _write(temporary, step, files)
            self._check_fence()  # again: an orphan may have been writing for minutes
            self._swap(temporary, target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _swap(self, temporary: Path, target: Path) -> None:
        """Put a directory in place of another. At every moment the old one or the new one is whole."""
        old = target.with_name(f".old-{target.name}")
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
            os.rename(target, old)
        os.rename(temporary, target)
        fsync_directory(self.directory)
        shutil.rmtree(old, ignore_errors=True)

    def _steps(self) -> list[Path]:
        """The checkpoints by falling step; one that was being replaced comes after its replacement."""
        found = [(match, path) for path in _children(self.directory) if (match := _STEP.fullmatch(path.name))]
        return [
            path for match, path in sorted(found, key=lambda pair: (-int(pair[0][1]), pair[1].name.startswith(".")))
        ]

    def _prune(self) -> None:
        """Keep the newest two that verify; what is torn stays for `newest` to set aside."""
        whole = 0
        for path in self._steps():
            step = int(_STEP.fullmatch(path.name)[1])  # type: ignore[index]
            if whole >= 2:
                _discard(path)
            elif step in self._verified or _verify(path) is not None:
                self._verified.add(step)
                whole += 1

    def _set_aside(self, path: Path) -> None:
        self._check_fence()
        taken = [int(name.split("-")[1]) for name in self.torn() if name.split("-")[1].isdecimal()]
        aside = path.with_name(f"torn-{max(taken, default=0) + 1}-{path.name.removeprefix('.old-')}")
        with contextlib.suppress(FileNotFoundError):  # pruned by its writer while we looked
            os.rename(path, aside)
            fsync_directory(self.directory)
            _log.warning("%s: this checkpoint is torn; moved aside to %s, an older one is used", path, aside.name)

    def _clear(self) -> None:
        """Delete what a killed process left behind, and put back what it was just replacing."""
        for path in _children(self.directory):
            target = path.with_name(path.name.removeprefix(".old-"))
            if path != target and not target.exists():
                os.rename(path, target)
            elif path != target or path.name.startswith((".tmp-", ".gone-")):
                shutil.rmtree(path, ignore_errors=True)

    def _check_fence(self) -> None:
        if self._fence is not None:
            self._fence.check()


def _write(directory: Path, step: int, files: Mapping[str, bytes]) -> None:
    directory.mkdir()
    entries: dict[str, Any] = {}
    for name, data in files.items():
        if Path(name).name != name or name == MANIFEST:
            raise ValueError(f"a checkpoint's file needs a plain name other than {MANIFEST}, not {name!r}")
        write_new(directory / name, data)
        entries[name] = {"sha256": _digest(data), "size": len(data)}
    manifest = {"schema": SCHEMA, "step": step, "files": entries}
    write_new(directory / MANIFEST, json.dumps(manifest | {"sha256": _digest(_canonical(manifest))}, indent=1).encode())
    fsync_directory(directory)


def _verify(directory: Path) -> Checkpoint | None:
    """The checkpoint if every byte is as it was written, else None.

    Raises:
        DamagedSweep: a newer gensweep wrote it; moving it aside would lose work.
    """
    try:
        if directory.is_symlink():
            return None
        manifest = json_of(document(directory / MANIFEST))
        if manifest["schema"] > SCHEMA:
            raise DamagedSweep(
                f"{directory / MANIFEST}: its schema is {manifest['schema']}, and this gensweep knows up to {SCHEMA}: "
                "use a newer gensweep."
            )
        own = manifest.pop("sha256")
        if own != _digest(_canonical(manifest)) or not all(
            _whole(directory, *item) for item in manifest["files"].items()
        ):
            return None
        if type(manifest["step"]) is not int or manifest["step"] < 0:
            return None
        return Checkpoint(
            manifest["step"], directory, {name: entry["sha256"] for name, entry in manifest["files"].items()}
        )
    except (ValueError, TypeError, KeyError, AttributeError, FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.EIO:  # a bad block is damage; a lack of rights or of file handles is not
            return None
        raise


def _whole(directory: Path, name: str, entry: Mapping[str, Any]) -> bool:
    path = directory / name
    if Path(name).name != name or path.is_symlink() or not path.is_file():
        return False
    if not path.stat().st_size == entry["size"] <= _largest():
        return False
    with path.open("rb") as file:
        return bool(hashlib.file_digest(file, "sha256").hexdigest() == entry["sha256"])


def _largest() -> int:
    """The bytes of the largest file that can be restored here, where it is in memory twice. A hole of a file takes no room."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _discard(path: Path) -> None:
    # Renamed first: a kill while deleting must not leave what looks like a torn checkpoint.
    gone = path if path.name.startswith(".gone-") else path.with_name(f".gone-{path.name}")
    with contextlib.suppress(OSError):
        os.rename(path, gone)
    shutil.rmtree(gone, ignore_errors=True)


def _children(directory: Path) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError):
        yield from list(directory.iterdir())


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
