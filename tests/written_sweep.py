"""Sweeps written as a driver writes them, without training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import Row

_2000 = 946_684_800  # in Unix time
DEFINITION = {"name": "study", "objective": {"metric": "fid", "mode": "min"}, "trial": {"latent_size": 8}}


class Writer:
    """Writes a sweep as a driver would: events under a lease, and protocol.json in the folders of the trials."""

    def __init__(self, path: Path, definition: Mapping[str, Any] = DEFINITION, keys: str = "") -> None:
        """Sweeps of the same `keys` have trials of the same keys."""
        self.folder = SweepFolder.create(path, dict(definition))
        self.keys = keys
        self.n = 0

    def trial(
        self,
        family: str,
        fid: float | None,
        *,
        arm: str = "",
        outcome: str = "COMPLETED",
        configuration: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        protocol: Mapping[str, Any] | None = None,
        scores: Mapping[str, float] | None = None,
        seconds: float = 2.0,
        evaluation_seconds: float = 0.5,
        reason: str = "",
        metric: str = "fid",
        parent: int | None = None,
        test: float | None = None,
        device: str = "",
        host: str = "",
        items: int | None = None,
        ran: tuple[int, int] | None = None,
    ) -> int:
        """A trial that was issued, reported and ended; its number. It `ran` from second to second of the year 2000."""
        number, self.n = self.n, self.n + 1
        key = hashlib.sha256(f"{self.keys} {number}".encode()).hexdigest() if self.keys else f"{number:02x}" * 32
        if parent is not None and configuration is None:
            configuration = self.folder.state().trials[parent].configuration
        configuration = {"latent_size": 8, "family": {"name": family}, "seed": 0} | dict(configuration or {})
        identity = {"number": number, "key": key, "arm": arm or family}
        if parent is not None:
            siblings = [r for r in self.folder.state().trials.values() if r.parent == parent]
            identity |= {"parent": parent, "repeat": len(siblings)}
        events: list[dict[str, Any]] = [
            {"event": "issued", **identity, "parameters": dict(parameters or {}), "configuration": configuration}
        ]
        protocol_json = b""
        best = {} if fid is None else {"fid": fid, **(scores or {})}
        if fid is not None:
            events += [
                {
                    "event": "reported",
                    "number": number,
                    "epoch": epoch,
                    "step": 10 * epoch,
                    "scores": {"fid": fid * factor},
                    "best": {"fid": fid * factor, **(scores or {})},
                    "best_epoch": epoch,
                    "seconds": seconds * epoch / 15,
                    "evaluation_seconds": evaluation_seconds * epoch / 15,
                }
                for epoch, factor in ((5, 3.0), (10, 1.5), (15, 1.0))
            ]
        if outcome:
            contents = protocol or {"n_fake": 500, "split": "validation"}
            digest = hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:8]
            protocol_json = json.dumps({metric: {**contents, "hash": digest}}).encode()
            events.append(
                {"event": "ended", "number": number, "outcome": outcome, "reason": reason, "epoch": 15, "step": 150,
                 "best": best, "best_epoch": 15 if best else None, "seconds": seconds,
                 "evaluation_seconds": evaluation_seconds, "protocol": {metric: digest}, "device": device,
                 **({"host": host} if host else {}),
                 **({} if test is None else {"test": {metric: test}}), **({} if items is None else {"items": items})}
            )  # fmt: skip
        if ran:
            times = [datetime.fromtimestamp(_2000 + second, UTC).isoformat() for second in ran]
            events = [{**event, "at": times[event["event"] != "issued"]} for event in events]
        with self.folder.hold():
            self.folder.events.append_many(events)
        folder = self.folder.trial_of(self.folder.state().trials[number])
        reported = [event for event in events if event["event"] == "reported"]
        folder.append([Row(e["epoch"], e["step"], 10**12 + e["step"], 1.0, e["scores"]) for e in reported])
        if protocol_json:
            folder.write_file("protocol.json", protocol_json)
        return number
