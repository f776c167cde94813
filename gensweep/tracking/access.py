"""Who may see the pages: a user with a password of one start, in a folder that only its owner can enter."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gensweep.tracking.store import sqlite_uri

USER = "gensweep"
ENTRY = "/enter"  # the path of a link that holds the password
VIEW = "view"  # what the link says besides: the key of the view that it opens on
ROOTS = "GENSWEEP_ARTIFACT_ROOTS"  # the variable that says from which folders artifacts are served, as JSON
APPS = {True: "gensweep-private", False: "gensweep-unlocked"}  # by whether a password is asked for

# MLflow looks for its apps among what is installed. These are seen by this one server: its PYTHONPATH begins with the folder.
_METADATA = "Metadata-Version: 2.1\nName: gensweep-pages\nVersion: 0\n"
_ENTRY_POINTS = f"""[mlflow.app]
{APPS[True]} = gensweep.tracking.mlflow_app:private
{APPS[False]} = gensweep.tracking.mlflow_app:unlocked
"""
_CONFIG = """[mlflow]
default_permission = NO_PERMISSIONS
database_uri = {users}
admin_username = {user}
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 3600
"""
_OF_THE_USER = ("MLFLOW_AUTH_ADMIN_USERNAME", "MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_AUTH_CONFIG_PATH")


@dataclass(frozen=True)
class Access:
    """The private folder of one server, and the password that it asks for, if any."""

    folder: Path
    password: str | None

    @property
    def app(self) -> str:
        """The name of the server's app."""
        return APPS[self.password is not None]

    @property
    def password_file(self) -> Path:
        """The file that holds the password, and nothing else."""
        return self.folder / "password"

    @property
    def user(self) -> tuple[str, str] | None:
        """The user and the password that the server asks for, if any."""
        return None if self.password is None else (USER, self.password)

    def how_to_enter(self, url: str, *, on_terminal: bool, view: str | None = None) -> str:
        """Who is let in, and how. The password is said on a terminal only: what else stderr is may have other readers.

        The link opens on the view of this key, by default on that of the newest sweep.
        """
        if self.password is None:
            return (
                "It asks for no password: every account of this machine can read, change and delete the runs, and "
                "write files among theirs. MLflow's assistant, which runs programs, and its gateway are closed."
            )
        file = shlex.quote(str(self.password_file))
        programs = f"For programs: MLFLOW_TRACKING_USERNAME={USER} MLFLOW_TRACKING_PASSWORD=$(cat {file})"
        if not on_terminal:
            return f"Log in as {USER}; the password, until this ends, is in {self.password_file}. {programs}"
        link = url.replace("://", f"://{USER}:{self.password}@") + ENTRY + (f"?{VIEW}={view}" if view else "")
        return f"Open {link}\nor log in as {USER} with the password {self.password}, until this ends. {programs}"

    def environment(self) -> dict[str, str]:
        """The environment of the server."""
        own = {name: value for name, value in os.environ.items() if name not in _OF_THE_USER}
        path = [str(self.folder), *filter(None, [own.get("PYTHONPATH")]), str(Path(__file__).parents[2])]
        own["PYTHONPATH"] = os.pathsep.join(path)
        if self.password is not None:
            own["MLFLOW_AUTH_CONFIG_PATH"] = str(self.folder / "basic_auth.ini")
            own["MLFLOW_FLASK_SERVER_SECRET_KEY"] = secrets.token_urlsafe(32)
            own["MLFLOW_BASIC_AUTH_FAIL_CLOSED"] = "true"
        return own


@contextlib.contextmanager
def new_access(*, locked: bool = True) -> Iterator[Access]:
    """A folder that is removed at the end, with a new password in it, where one is to be asked for."""
    with tempfile.TemporaryDirectory(prefix="gensweep-ui-") as name:
        access = Access(Path(name), secrets.token_urlsafe(24) if locked else None)
        installed = access.folder / "gensweep_pages-0.dist-info"
        installed.mkdir()
        _write(installed / "METADATA", _METADATA)
        _write(installed / "entry_points.txt", _ENTRY_POINTS)
        if access.password is not None:
            _write(access.password_file, f"{access.password}\n")
            _write(users := access.folder / "users.db", "")
            address = sqlite_uri(users).replace("%", "%%")  # MLflow interpolates
            _write(access.folder / "basic_auth.ini", _CONFIG.format(users=address, user=USER, password=access.password))
        yield access


def _write(path: Path, text: str) -> None:
    with open(path, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
