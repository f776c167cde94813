"""Files below one URL, through fsspec: each call is tried until it comes to something or the store was away for too long."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import fsspec

from gensweep.credentials import redacted
from gensweep.errors import CannotRun, ConfigError, StoreAway
from gensweep.ledger.stored import no_store

T = TypeVar("T")
PATIENCE = 600.0  # seconds for which a store may be away
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between tries
_THREADS = 8
_LOCAL = ("file", "local")
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
_OURS = (TypeError, AttributeError, NameError, NotImplementedError, ImportError)  # which no waiting mends


def _nothing() -> None:
    pass


class Store:
    """A folder at a URL. Names are relative to it, with slashes.

    `waiting` is called before each further try, and may end the waiting with an error of its own.

    Raises:
        ConfigError: nothing knows the protocol.
        CannotRun: the package for it is not installed here.
    """

    def __init__(self, url: str, waiting: Callable[[], None] = _nothing, patience: float = PATIENCE) -> None:
        self.url = url
        self._files, self._root = _opened(url)
        self._waiting, self._patience = waiting, patience
        protocol = self._files.protocol
        self._is_local = bool({protocol} & set(_LOCAL) if isinstance(protocol, str) else set(protocol) & set(_LOCAL))

    def put(self, files: Mapping[str, Path | bytes]) -> None:
        """Write new files. Each is there in its full size when this returns.

        Raises:
            StoreAway: the store took them not, for as long as its patience lasts.
        """
        self._each([partial(self._persistent, partial(self._put, name, data)) for name, data in files.items()])

    def get(self, name: str, to: Path) -> None:
        """Read a file into one of this machine, whatever it holds.

        Raises:
            FileNotFoundError: there is none.
            StoreAway: as of `put`.
        """
        self._persistent(partial(self._files.get_file, self._path(name), str(to)), missing=True)

    def get_many(self, files: Mapping[str, Path]) -> None:
        """Read several at once; one that is not there is left out."""
        self._each([partial(self._get_if_there, name, to) for name, to in files.items()])

    def read(self, name: str) -> bytes:
        """The content of a small file; raises as `get`."""
        return bytes(self._persistent(partial(self._files.cat_file, self._path(name)), missing=True))

    def names(self, folder: str = "") -> dict[str, int]:
        """The files below a folder, with their sizes; none where there is no such folder."""
        path = self._path(folder) if folder else self._root
        nothing: dict[str, Any] = {}
        found = self._persistent(partial(self._files.find, path, detail=True), missing=True, otherwise=nothing)
        start = len(self._root) + 1
        return {name[start:]: int(about.get("size") or 0) for name, about in found.items() if name[start:]}

    def remove(self, names: Iterable[str]) -> None:
        """Delete files; those that are gone are gone.

        Raises:
            StoreAway: as of `put`.
        """
        self._each([partial(self._persistent, partial(self._remove, name)) for name in names])

    def discard(self, names: Iterable[str]) -> None:
        """Delete files that nothing names any more; what cannot be deleted now stays."""
        for name in names:
            with suppress(Exception):
                self._remove(name)

    def remove_all(self) -> None:
        """Delete everything in it."""
        while found := self.names():
            self.remove(found)
        if self._is_local:
            with suppress(OSError):
                self._files.rm(self._root, recursive=True)

    def probe(self) -> str | None:
        """Why it cannot be used from here, with the cure; None where a file was written, read, listed and deleted. One try."""
        name, data = f".gensweep-{secrets.token_hex(8)}", secrets.token_hex(16).encode()
        try:
            self._put(name, data)
            found = bytes(self._files.cat_file(self._path(name)))
            is_listed = self._path(name) in self._files.find(self._root)
            self._remove(name)
        except Exception as error:  # a library says it in any way
            return f"cannot write, read and delete at {redacted(self.url)} ({_told(error)}). {_cure(error)}"
        if found != data or not is_listed:
            return f"{redacted(self.url)} does not give back what was just written there. Name a store that does."
        return None

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _put(self, name: str, data: Path | bytes) -> None:
        path = self._path(name)
        if self._is_local:
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        if isinstance(data, bytes):
            size = len(data)
            self._files.pipe_file(path, data)
        else:
            size = data.stat().st_size
            self._files.put_file(str(data), path)
        if (there := self._files.info(path)["size"]) != size:
            raise OSError(f"{there} of {size} bytes arrived")

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._files.rm_file(self._path(name))

    def _get_if_there(self, name: str, to: Path) -> None:
        with suppress(FileNotFoundError):
            self.get(name, to)

    def _persistent(self, call: Callable[[], T], *, missing: bool = False, otherwise: T | None = None) -> T:
        """What the call gives. `missing`: that a file is not there is an answer, and given as `otherwise` where that is set."""
        began, n = time.monotonic(), 0
        while True:
            try:
                return call()
            except _OURS:
                raise
            except Exception as error:
                if missing and isinstance(error, FileNotFoundError):
                    if otherwise is not None:
                        return otherwise
                    raise
                if time.monotonic() - began > self._patience:
                    raise StoreAway(_why_away(self.url, self._patience, error)) from error
            time.sleep(_PAUSES[min(n, len(_PAUSES) - 1)])
            n += 1
            self._waiting()

    def _each(self, calls: list[Callable[[], Any]]) -> None:
        if len(calls) < 2:
            for call in calls:
                call()
            return
        with ThreadPoolExecutor(min(_THREADS, len(calls))) as pool:
            for future in [pool.submit(call) for call in calls]:
                future.result()


def _opened(url: str) -> tuple[Any, str]:
    scheme = url.partition("://")[0]
    try:
        files, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        extra = _EXTRAS.get(scheme)
        cure = f"pip install 'gensweep[{extra}]'" if extra else "Install it"
        raise CannotRun(
            f"{redacted(url)}: the package for {scheme}:// is not installed here ({_told(error)}). {cure}, here and on every "
            "node."
        ) from error
    except ValueError as error:
        known = ", ".join(
            sorted(name for name in fsspec.available_protocols() if name.isalnum() and not no_store(name))
        )
        raise ConfigError(f"{redacted(url)}: {_told(error)}. Known protocols that can store: {known}.") from error
    return files, str(root).rstrip("/")


def _told(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return redacted(lines[0] if lines else type(error).__name__).rstrip(".")


def _cure(error: BaseException) -> str:
    kind = type(error).__name__
    if isinstance(error, FileNotFoundError):
        return "Make the bucket, or name one that is there."
    if isinstance(error, PermissionError) or "Credentials" in kind:
        return (
            "Give this account the right to read, write, list and delete there, in the environment or the files of the user "
            "(AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws)."
        )
    if isinstance(error, NotImplementedError):
        return "Name a store that can be written."
    return "See whether it is up and reached from here (AWS_ENDPOINT_URL names the server of an S3 store of your own)."


def _why_away(url: str, patience: float, error: BaseException) -> str:
    return f"{redacted(url)} was away for {patience:.0f} s ({_told(error)})"
