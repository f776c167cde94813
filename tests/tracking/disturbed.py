"""Stores of MLflow that are disturbed while a sweep is sent to them: `python -m tests.tracking.disturbed FOLDER DATABASE`.

On stdout stands, as JSON, what gensweep said in each case, and how that ended; stderr is the libraries'.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from gensweep.tracking.background import Background
from gensweep.tracking.projection import Projection
from tests.tracking.tracked_sweep import Driver, Store

Trouble = Callable[[Store], "contextlib.AbstractContextManager[object]"]
_PATIENCE = 15.0  # seconds for a word on it
_LOCKED = 2.0  # seconds of a lock, which MLflow waits for longer than that
DISK = "4m"


@contextlib.contextmanager
def locked(store: Store) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None, timeout=30)) as database:
        database.execute("begin exclusive")
        yield


@contextlib.contextmanager
def aside(store: Store) -> Iterator[None]:
    """What is in its place is put there inside; the store comes back."""
    kept = store.path.with_name("kept")
    store.path.rename(kept)
    yield
    shutil.rmtree(store.path) if store.path.is_dir() else store.path.unlink(missing_ok=True)
    kept.rename(store.path)


@contextlib.contextmanager
def gone(store: Store) -> Iterator[None]:
    with aside(store):
        yield


@contextlib.contextmanager
def damaged(store: Store) -> Iterator[None]:
    data = store.path.read_bytes()
    store.path.write_bytes(b"no database" * (len(data) // 11))
    yield
    store.path.write_bytes(data)


@contextlib.contextmanager
def a_folder(store: Store) -> Iterator[None]:
    with aside(store):
        store.path.mkdir()
        yield


@contextlib.contextmanager
def without_a_table(store: Store) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as database:
        database.execute("alter table runs rename to lost")
        yield
        database.execute("alter table lost rename to runs")


@contextlib.contextmanager
def full(store: Store) -> Iterator[None]:
    ballast = store.path.with_name("ballast")
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    yield
    ballast.unlink()


CASES: dict[str, Trouble] = {
    "locked": locked, "gone": gone, "damaged": damaged, "a folder": a_folder, "without a table": without_a_table,
}  # fmt: skip
ON_A_DISK: dict[str, Trouble] = {"full": full}


class Nonsense(BaseHTTPRequestHandler):
    """A server, of something else than MLflow."""

    def do_GET(self) -> None:
        self.send_response(500)
        self.end_headers()
        self.wfile.write(b"<html>Traceback (most recent call last): nonsense</html>")

    def log_message(self, *_: object) -> None:
        pass


def case(name: str, store: Store, place: Path, trouble: Trouble) -> dict[str, object]:
    """What is said while a sweep is sent, trouble comes, and goes again."""
    driver, said = Driver(place / "runs" / "study"), list[str]()
    background = Background(Projection(driver.folder, store.uri), every=0.05, say=said.append)
    background.start()
    background.opened.wait(60)
    driver.issue(0)
    driver.rows(0, range(1, 3))
    with trouble(store):
        driver.rows(0, range(3, 5))
        deadline = time.monotonic() + (_LOCKED if trouble is locked else _PATIENCE)
        while not said and time.monotonic() < deadline:
            time.sleep(0.05)
        in_between = len(said)
        time.sleep(0.5)  # nothing is repeated
    driver.end(0)
    done = background.close(final=True, limit=20).is_done
    driver.lease.release()
    points = sum(len(store.metrics(run_id)) for run_id, _ in store.runs().values())
    return {"said": said, "in between": in_between, "done": done, "points": points}


def never_there(place: Path, uri: str) -> dict[str, object]:
    """What is said of a store that cannot be opened."""
    driver, said = Driver(place / "runs" / "study"), list[str]()
    background = Background(
        Projection(driver.folder, uri), every=0.05, say=said.append, refused=lambda error: said.append(str(error))
    )
    background.start()
    background.opened.wait(60)
    background.close(final=True, limit=1)
    driver.lease.release()
    return {"said": said}


def main() -> None:
    """The command."""
    place, database = Path(sys.argv[1]), Path(sys.argv[2])
    told: dict[str, object] = {}
    for name, trouble in {**CASES, **ON_A_DISK}.items():
        print(f"== {name}", file=sys.stderr, flush=True)
        folder = place / name / "store"
        folder.mkdir(parents=True)
        if name in ON_A_DISK:
            mounted = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
            if subprocess.run(mounted, capture_output=True, check=False).returncode:
                continue
        try:
            told[name] = case(name, Store(shutil.copy(database, folder / "mlflow.db")), place / name, trouble)
        finally:
            if name in ON_A_DISK:
                subprocess.run(["umount", "-l", str(folder)], check=True)
    server = HTTPServer(("127.0.0.1", 0), Nonsense)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, uri in (
        ("another server", f"http://127.0.0.1:{server.server_port}"), ("no server", "http://127.0.0.1:1"),
        ("a damaged file", f"sqlite:///{place / 'damaged.db'}"),
    ):  # fmt: skip
        print(f"== {name}", file=sys.stderr, flush=True)
        (place / "damaged.db").write_bytes(b"SQLite format 3\0" + b"no database" * 1000)
        told[name] = never_there(place / name, uri)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
