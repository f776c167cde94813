"""Which sweep a folder holds: the id in its ledger, and the place where it was given, by which a copy notices that it is one."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where a sweep lies: the host, the folder and its inode, a number that a folder keeps when it is renamed."""

    host: str
    folder: str
    inode: str

    @classmethod
    def of(cls, sweep: Path) -> Place:
        """The place of the folder `sweep`."""
        return cls(socket.gethostname(), str(sweep.resolve()), str(os.stat(sweep).st_ino))


@dataclass(frozen=True)
class Identity:
    """The id of a sweep, which no other one has, and where its driver was when it entered that."""

    sweep_id: str
    place: Place

    @classmethod
    def new(cls, place: Place) -> Identity:
        """Of a sweep that begins here."""
        return cls(uuid.uuid4().hex, place)

    @classmethod
    def said_by(cls, event: Mapping[str, Any]) -> Identity:
        """What an event `identified` says; KeyError where it lacks something."""
        return cls(event["sweep_id"], Place(event["host"], event["folder"], event["inode"]))

    def event(self) -> dict[str, Any]:
        """What the ledger enters."""
        return {"event": "identified", "sweep_id": self.sweep_id, **asdict(self.place)}

    def at(self, here: Place) -> Identity:
        """That of the sweep at `here`, which holds this one in its ledger: the same, or a new one for a copy.

        A folder is the same one as long as it has its inode, wherever it was renamed or mounted to, on whatever host. Another
        inode is a copy of it, unless it came from this host and nothing is left where it was: then it was moved to another
        disk. Of a copy from another host nobody here knows whether the first one is still there: it counts as a copy, which
        costs new runs in MLflow and never somebody else's.
        """
        if here.inode == self.place.inode or (here.host == self.place.host and not self._is_there()):
            return Identity(self.sweep_id, here)
        return Identity.new(here)

    def _is_there(self) -> bool:
        """Whether the folder that has this id is where it was."""
        try:
            return str(os.stat(self.place.folder).st_ino) == self.place.inode
        except OSError:
            return False
