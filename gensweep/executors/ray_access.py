"""Who reaches the Ray that is started or joined here: its token, and the interfaces on which its processes listen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ray._private import ray_constants

from gensweep.credentials import redacted
from gensweep.errors import CannotRun
from gensweep.executors.private_folder import PrivateFolder

_MODE, _TOKEN, _TOKEN_FILE = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
_EVERYWHERE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # Ray's own: what it says of other systems, it does on Linux too
_OTHERS = 0o077


def warnings(address: str | None) -> list[str]:
    """What a user must know who has opened Ray to others; a line each."""
    said = []
    if _mode() in ("disabled", ""):
        said.append(f"{_MODE}={_mode()}: {_unguarded(address)}. Unset it, and Ray asks for a token.")
    file = _token_file()
    if file and file.exists() and (open_to := file.stat().st_mode & _OTHERS):
        said.append(
            f"{_TOKEN_FILE}: others may open {file} (mode {file.stat().st_mode & 0o777:o}), and who reads the token runs "
            f"code as you. chmod {file.stat().st_mode & 0o777 & ~open_to:o} {file}"
        )
    return said


def provide_token(folder: PrivateFolder) -> None:
    """Have a Ray that starts here use the token of its folder, but where the user has one.

    Ray itself would write one into the user's home, for all to read.

    Raises:
        CannotRun: the file that the user names holds none.
    """
    if _mode() != "token" or os.environ.get(_TOKEN):
        return
    file = _token_file()
    if file is None:
        os.environ[_TOKEN_FILE] = str(folder.token)
        return
    try:
        reason = None if file.read_text().strip() else "it is empty"
    except (OSError, UnicodeDecodeError) as error:
        reason = str(getattr(error, "strerror", None) or "it is not text")
    if reason:
        raise CannotRun(
            f"{_TOKEN_FILE}: {file} holds no token ({reason}). Unset it, and each sweep has one of its own; or make the file: "
            f"(umask 077; openssl rand -hex 32 > {file})"
        )


def withdraw_token(folder: PrivateFolder) -> None:
    """Forget the token of a folder that goes."""
    if os.environ.get(_TOKEN_FILE) == str(folder.token):
        del os.environ[_TOKEN_FILE]


@contextmanager
def on_loopback() -> Iterator[None]:
    """A Ray that is started meanwhile listens on 127.0.0.1 only, in all its processes, but where the user wants otherwise.

    It is what Ray does on macOS. On Linux it takes the machine's address, and a node that has any other address than the
    loopback's listens on all interfaces.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = _is_reachable()
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _unguarded(address: str | None) -> str:
    if address is not None:
        return f"everybody who reaches the ports of the cluster at {redacted(address)} can run code on it"
    if _is_reachable():
        return "as long as this sweep runs, everybody who reaches a port of this machine can run code as you"
    return "as long as this sweep runs, every account of this machine can run code as you"


def _is_reachable() -> bool:
    return os.environ.get(_EVERYWHERE) == "1"


def _mode() -> str:
    return os.environ.get(_MODE, "").lower()


def _token_file() -> Path | None:
    named = os.environ.get(_TOKEN_FILE)
    return Path(named) if named else None  # as Ray reads it, without ~
