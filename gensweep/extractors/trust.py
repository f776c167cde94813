"""Which files of code the user has said to trust: by their hash, in the user's own memory and never in a sweep's folder.

A sweep's folder may be a stranger's, and so may what it says of trust. Only a search-space file that the user names
(`trust: true` beside the extractor) and the command line (`--trust FILE`) are asked; what they say is kept here, so that
`resume`, `sync` and workers know it. GENSWEEP_TRUSTED has the hashes too, for workers that have another home.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

from gensweep.errors import ConfigError
from gensweep.home import cache_folder

VARIABLE = "GENSWEEP_TRUSTED"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_REMEMBERED = re.compile(rf"^({_DIGEST.pattern})  ", re.MULTILINE)  # a path, which follows, may look like one too


def trust(file: Path) -> None:
    """Remember that the content of `file` may be opened although it may run code.

    Raises:
        ConfigError: it cannot be read.
    """
    if file.expanduser().is_fifo():  # to which nobody may ever write
        raise ConfigError(f"{file}: is a pipe and no file, so that it cannot be trusted.")
    try:
        with file.expanduser().open("rb") as data:
            digest = hashlib.file_digest(data, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}), so that it cannot be trusted.") from error
    remember(digest, file)


def remember(digest: str, what: Path) -> None:
    """Remember that what has this SHA-256, a file or a folder of code, may run."""
    if digest in trusted():
        return
    os.environ[VARIABLE] = ",".join(sorted({*_said(), digest}))
    try:
        _memory().parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(_memory(), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600), "w") as memory:
            memory.write(f"{digest}  {str(what.absolute())!r}\n")
    except OSError:
        return  # this command and its workers know it; a later one is told again


def trusted() -> set[str]:
    """The SHA-256 of every file, and of every folder of plug-ins, that is trusted."""
    return {*_said(), *_REMEMBERED.findall(_remembered())}


def _said() -> set[str]:
    return {word for word in os.environ.get(VARIABLE, "").split(",") if _DIGEST.fullmatch(word)}


def _memory() -> Path:
    return cache_folder() / "trusted"


def _remembered() -> str:
    """What the memory holds; nothing where others may have written it."""
    try:
        with open(os.open(_memory(), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)) as memory:
            found = os.fstat(memory.fileno())
            ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
            return memory.read() if ours else ""
    except (OSError, ValueError):
        return ""
