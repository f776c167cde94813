"""MLflow's own pages on a store: a server that runs already, or one started here that ends with its caller, however that ends."""

from __future__ import annotations

import contextlib
import json
import math
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType
from typing import IO
from urllib.parse import urlsplit

from gensweep.credentials import redacted
from gensweep.errors import CannotRun
from gensweep.tracking.access import ROOTS, Access, new_access
from gensweep.tracking.run_store import Away, make_store
from gensweep.tracking.store import artifact_folder, artifact_roots, check_reachable, unreachable

_PAUSE = 0.1
_CONNECT_SECONDS = 5.0
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_KEEPER = Path(__file__).with_name("_keeper.py")
_SETTINGS = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_GUNICORN_OPTS": "",  # with them it would be another server
    "PYTHONSAFEPATH": "1",  # a random.py in the working folder is not Python's
    "PYTHONUNBUFFERED": "1",
}
_DEFAULTS = {  # MLflow's own also let in names that anybody can register, as 10.example.org
    "MLFLOW_SERVER_ALLOWED_HOSTS": "localhost,localhost:*,127.0.0.1,127.0.0.1:*",
    "MLFLOW_WORKERS": "1",  # for one user
}
_LAST_LINES = 8
_LIMIT = 180.0  # seconds until the first answer: uvicorn replaces workers that cannot start for ever


class Ended(Exception):
    """A signal asked for the end of the pages; `code` is the exit code that a shell expects of it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


class Ending:
    """Whether a signal asked for the end. It is raised where that breaks nothing, not in the middle of whatever runs."""

    def __init__(self) -> None:
        self.number: int | None = None

    def refuse(self) -> None:
        """Raise Ended, or KeyboardInterrupt after Ctrl-C, where a signal came."""
        if self.number == signal.SIGINT:
            raise KeyboardInterrupt
        if self.number is not None:
            raise Ended(self.number)


def ui_command(uri: str, port: int, app: str) -> list[str]:
    """The command that serves MLflow's pages of a store on its stdin, a socket that `listen` made on the port.

    The store itself is in `ui_environment`.
    """
    # stdin, because MLflow passes no other open file on to uvicorn
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", app, "--uvicorn-opts", "--fd 0"]
    if (folder := artifact_folder(uri)) is not None:
        command += ["--default-artifact-root", folder]
    destination = artifact_roots(uri)[0].as_uri()
    return [*command, "--artifacts-destination", destination, "--host", "127.0.0.1", "--port", str(port)]


def ui_environment(uri: str, access: Access, more: Sequence[Path] = ()) -> dict[str, str]:
    """What that command reads besides: the URI is no argument of it, because everybody can list those.

    Of artifacts it serves those in the store's folders and in `more`.
    """
    roots = [*artifact_roots(uri), *(folder.resolve() for folder in more)]
    own = {"MLFLOW_BACKEND_STORE_URI": uri, ROOTS: json.dumps([str(root) for root in roots])}
    return {**_DEFAULTS, **access.environment(), **_SETTINGS, **own}


def listen(port: int) -> socket.socket:
    """A socket that listens on this machine only: from here on no other account can have the port.

    Raises:
        CannotRun: something else has it, or it is none.
    """
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # asyncio sets it only where it made the socket itself; without it each answer may wait for the one before
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or error
        raise CannotRun(f"port {port} cannot be had ({why}). Choose another one with --port.") from error
    return listener


def running_server(uri: str) -> str | None:
    """The address of the pages of a server that runs already; None where a store has none.

    Raises:
        CannotRun: nobody answers there.
    """
    if not uri.startswith(("http:", "https:")):
        return None
    parts = urlsplit(uri)
    place = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection(place, timeout=_CONNECT_SECONDS):
            return redacted(uri)
    except OSError as error:
        raise unreachable(uri, f"{place[0]}:{place[1]}: {error.strerror or error}") from error


class Pages:
    """A server of MLflow's pages for a database, as a context: leaving it ends the server and all that it started.

    It is left by Ended or KeyboardInterrupt once `ending` has noted a signal.

    The port is this process's from the beginning: who took it while MLflow starts would be sent the password.

    Raises, on entering:
        CannotRun: something else listens on `port`, the store cannot be used, or the server ended before it answered.
    """

    def __init__(
        self,
        uri: str,
        port: int = 5000,
        *,
        locked: bool = True,
        artifacts: Sequence[Path] = (),
        ending: Ending | None = None,
    ) -> None:
        self.uri, self.port = uri, port
        self._ending = ending or Ending()
        self._locked, self._artifacts = locked, artifacts
        self.url = f"http://127.0.0.1:{port}"
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._is_up = False

    def __enter__(self) -> Pages:
        check_reachable(self.uri)
        try:
            make_store(self.uri)
        except Away as error:
            raise unreachable(self.uri, str(error)) from error
        with contextlib.ExitStack() as begun:
            listener = begun.enter_context(listen(self.port))
            self.access = begun.enter_context(new_access(locked=self._locked))
            begun.callback(self._end, self._start(listener.fileno()))
            deadline = time.monotonic() + _LIMIT
            while not self._answers(deadline):
                self._refuse_ended(deadline)
                time.sleep(_PAUSE)
            self._begun = begun.pop_all()
        self._is_up = True
        return self

    def __exit__(self, *_: object) -> None:
        self._begun.close()

    def _start(self, listener: int) -> IO[str]:
        """Start the server on a socket that listens; it ends when what this returns is closed."""
        # In a session of its own, so that Ctrl-C reaches this process alone. The keeper ends the server once nobody holds
        # the other end of its stdin: this process closed it, or died of whatever. Then it removes the folder too.
        command = ui_command(self.uri, self.port, self.access.app)
        self._keeper = subprocess.Popen(
            [sys.executable, str(_KEEPER), str(self.access.folder), str(listener), *command],
            env=ui_environment(self.uri, self.access, self._artifacts), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True, pass_fds=[listener],
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, name="gensweep-pages", daemon=True)
        self._reader.start()
        assert self._keeper.stdin is not None, "it is a pipe"
        return self._keeper.stdin

    def _end(self, stdin: IO[str]) -> None:
        stdin.close()
        self._keeper.wait()
        self._reader.join()

    def wait(self) -> None:
        """Until the server ends, which it should not do by itself.

        Raises:
            CannotRun: with its last lines.
        """
        while True:
            self._refuse_ended()
            time.sleep(_PAUSE)

    def _answers(self, deadline: float) -> bool:
        """Whether the server answers, for which this waits while it starts: a connection alone waits in the socket."""
        asking = HTTPConnection("127.0.0.1", self.port, timeout=_CONNECT_SECONDS)
        with contextlib.closing(asking), contextlib.suppress(OSError, HTTPException):
            asking.request("GET", "/health")
            while not select.select([asking.sock], [], [], _PAUSE)[0]:
                self._refuse_ended(deadline)
            return bool(asking.getresponse().status)
        return False

    def _refuse_ended(self, deadline: float = math.inf) -> None:
        self._ending.refuse()
        if time.monotonic() > deadline:
            raise CannotRun(self._with_last_lines(f"does not answer within {_LIMIT:g} s"))
        if (code := self._keeper.poll()) is not None:
            self._reader.join()
            raise CannotRun(self._with_last_lines(f"ended by itself, with exit code {code}"))

    def _with_last_lines(self, what: str) -> str:
        return "\n".join([f"MLflow's server for {redacted(self.uri)} {what}. Its last lines:", *self._lines])

    def _read(self) -> None:
        """Pass on what the server says, once it is up: until then only its last lines may matter."""
        assert self._keeper.stdout is not None, "it is a pipe"
        for line in self._keeper.stdout:
            shown = redacted(line.rstrip("\n"), self.uri)
            self._lines.append(shown)
            if self._is_up:
                print(shown, file=sys.stderr, flush=True)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """Meanwhile Ctrl-C, SIGTERM and SIGHUP are noted; Ctrl-C too where it was ignored, as in the background of a script."""
    ending = Ending()

    def end(number: int, _frame: FrameType | None) -> None:
        ending.number = ending.number or number

    before = {number: signal.signal(number, end) for number in _ENDING}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
