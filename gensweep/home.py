"""Where files go that outlive a run: the user's home, or what takes its place where there is none that can be written.

In a container a process may run under a number that has no name and no home, or with a home that is read-only.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import stat
import tempfile
from pathlib import Path

from gensweep.credentials import redacted
from gensweep.errors import CannotRun, ConfigError

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(?=.)")
_OF_RUNS = ("--runs", "runs", "GENSWEEP_RUNS")


def home() -> Path | None:
    """The user's home, as $HOME or the list of users says it; None where neither does."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def expanded(path: str | Path, given_in: str) -> Path:
    """A path as it was given, with the home in the place of `~`; `given_in` names the variable or option, for the message.

    Raises:
        ConfigError: it is a URL.
        CannotRun: there is no such home.
    """
    if why := no_path(str(path), is_of_runs=given_in in _OF_RUNS):
        url = _URL.sub(_whole, str(path), count=1)  # a Path has taken a slash
        raise ConfigError(f"{given_in}={redacted(url)}: {why}")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        whose = Path(path).parts[0]
        raise CannotRun(
            f"{given_in}={path}: {whose} is nobody's home here ({'no such user' if whose != '~' else _why_homeless()}). "
            f"Write the path in full{' or set HOME' if whose == '~' else ''}."
        ) from error


def is_in_a_job() -> bool:
    """Whether this is a job of a Ray cluster, whose working folder is Ray's to choose, and mostly to throw away."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ


def is_thrown_away(path: Path) -> bool:
    """Whether a path lies in the copy of a folder that Ray made for a job, and removes again."""
    return any(part.startswith("_ray_pkg_") for part in path.resolve().parts)


def no_path(text: str, *, is_of_runs: bool = False) -> str | None:
    """Why a text is a URL, be it one of which a Path has already taken a slash, and no path; None where it may be one."""
    if (found := _URL.match(text)) is None:
        return None
    if found[1] == "file":
        return f"is a URL, and a path is needed: /{text[found.end() :]}"
    if is_of_runs:
        return (
            "is a URL, and a place for files is needed that can be locked and renamed. Name one that is mounted (for a cluster, "
            "on every node, as NFS is); or keep the ledger in a folder of this machine, which needs no option, and trials' "
            f"folders at the URL: --artifacts {redacted(_URL.sub(_whole, text, count=1))}"
        )
    return (
        "is a URL, and a place for files is needed that can be locked and renamed. Name one that is mounted (for a cluster, "
        "on every node, as NFS is), and copy to the other or from it."
    )


def _whole(found: re.Match[str]) -> str:
    """The beginning of a URL with both of its slashes."""
    return f"{found[1]}://"


def _why_homeless() -> str:
    return f"HOME is not set, and user id {os.getuid()} is not in the list of users"


def has_writable_home() -> bool:
    """Whether new files can be made in the user's home."""
    found = home()
    return found is not None and os.access(found, os.W_OK | os.X_OK)


def cache_folder() -> Path:
    """GENSWEEP_CACHE, or ~/.cache/gensweep; where that cannot be made, a folder of this user alone for temporary files."""
    if chosen := os.environ.get("GENSWEEP_CACHE"):
        return expanded(chosen, "GENSWEEP_CACHE")
    if (found := home()) is not None:
        folder = there = found / ".cache" / "gensweep"
        while not there.exists():
            there = there.parent
        if there == folder or os.access(there, os.W_OK | os.X_OK):
            return folder
    return _own_temporary(f"gensweep-{os.getuid()}")


def _own_temporary(name: str) -> Path:
    """The same folder for all processes of this user; another one for this process where somebody else took the name."""
    folder = Path(tempfile.gettempdir()) / name
    with contextlib.suppress(FileExistsError):  # a file, or a link that leads nowhere
        folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder if is_ours else _of_this_process()


@functools.cache
def _of_this_process() -> Path:
    return Path(tempfile.mkdtemp(prefix="gensweep-"))
