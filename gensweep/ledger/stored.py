"""Where the folders of a sweep's trials are kept: which URL may say so, and where in it those of one sweep lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gensweep.credentials import redacted
from gensweep.errors import ConfigError

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_ID = re.compile(r"[0-9a-f]{32}")
_OF_ONE_PROCESS = ("memory", "local-memory", "pyscript")
# protocols of fsspec at which nothing is written, and what wraps another one
_READ = (
    *("data", "dvc", "gist", "git", "github", "http", "https", "jlab", "jupyter", "libarchive", "reference"),
    *("tar", "wandb", "zip"),
)
_WRAPPING = ("asynclocal", "asyncwrapper", "blockcache", "cached", "dask", "dir", "filecache", "generic", "simplecache")
EXAMPLE = "s3://bucket/prefix"


@dataclass(frozen=True)
class Stored:
    """The URL that a user named, and the folder below it that is the sweep's of this id alone."""

    url: str
    sweep_id: str

    @classmethod
    def said_by(cls, event: Mapping[str, Any]) -> Stored:
        """What an event `stored` says.

        Raises:
            ValueError: it names no URL, or no sweep.
        """
        url, sweep_id = event.get("url"), event.get("sweep_id")
        if not isinstance(url, str) or mistake(url) or not isinstance(sweep_id, str) or not _ID.fullmatch(sweep_id):
            raise ValueError(f"the ledger says that its trials are kept at {url!r:.80}, which is no such place")
        return cls(url, sweep_id)

    def event(self) -> dict[str, Any]:
        """What the ledger enters."""
        return {"event": "stored", "url": self.url, "sweep_id": self.sweep_id}

    @property
    def place(self) -> str:
        """The URL of everything that is kept of this sweep, and of no other."""
        return f"{self.url}/gensweep-{self.sweep_id}"

    def trial(self, folder_name: str) -> str:
        """The URL of a trial."""
        return f"{self.place}/trials/{folder_name}"


def checked(url: str) -> str:
    """The URL as it is noted: without slashes at its end.

    Raises:
        ConfigError: it is none at which trials' folders can be kept.
    """
    if why := mistake(url):
        raise ConfigError(f"--artifacts {redacted(url)}: {why}")
    return url.rstrip("/")


def no_store(protocol: str) -> str | None:
    """Why nothing can be kept by a protocol of fsspec, whoever asks; None where it can, as far as its name says."""
    name = protocol.lower()
    if name in _OF_ONE_PROCESS:
        return "is seen by one process alone"
    if name in _READ:
        return "is no place where files can be written, replaced and deleted"
    return "is no place, but wraps another one" if name in _WRAPPING else None


def mistake(url: str) -> str | None:
    """Why trials' folders cannot be kept at a URL, with the cure; None where they may be."""
    if (found := _URL.fullmatch(url)) is None:
        cure = (
            f"write file://{url}"
            if url.startswith("/")
            else f"write one in full, as {EXAMPLE} or file:///shared/folder"
        )
        return f"is no URL; {cure}."
    scheme, rest = found[1], found[2]
    if not url.isprintable() or "::" in url or set("?#") & set(rest):
        return f"holds what the URL of a folder does not; write it as {EXAMPLE}, and settings in the environment."
    if redacted(url) != url or "@" in rest.partition("/")[0]:
        return (
            "holds a user or a password, and it is noted in the sweep's ledger and shown. Leave them out: every node takes "
            "its own from its environment or the files of the user there (AWS_ACCESS_KEY_ID, ~/.aws)."
        )
    if why := no_store(scheme):
        return f"{scheme}:// {why}. Name a store that every node reaches and may write to, as {EXAMPLE}."
    if scheme in ("file", "local") and not rest.startswith("/"):
        return f"a folder is named in full: {scheme}:///shared/{rest.lstrip('/')}"
    return None if rest.strip("/") else f"names no bucket and no folder; write it as {EXAMPLE}."
