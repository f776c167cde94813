"""A sweep's ledger as its driver writes it, and a SQLite store read without MLflow."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path
from typing import Any

from gensweep.ledger.lease import Lease
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import Row, TrialFolder

START = 1_700_000_000_000
CONFIGURATION = {
    "dataset": {"name": "digits"},
    "network": {"name": "mlp", "hidden": [16, 16]},
    "latent_size": 8,
    "family": {"name": "wae", "lambda": 10.0, "divergence": {"name": "mmd", "kernel": "imq"}},
    "seed": 0,
}


class Driver:
    """A sweep's driver without training: it writes the ledger as one would."""

    def __init__(self, path: Path, mode: str = "min") -> None:
        objective = {"metric": "fid", "mode": mode}
        self.folder = SweepFolder.create(path, {"name": path.name, "objective": objective, "trial": {"latent_size": 8}})
        self.lease: Lease = self.folder.hold()
        self.folder.events.append({"event": "started"})

    def issue(self, number: int, **parameters: Any) -> TrialFolder:
        key = f"{number:02x}" * 32
        self.folder.events.append(
            {"event": "issued", "number": number, "key": key, "arm": "wae", "position": number,
             "parameters": parameters, "configuration": CONFIGURATION}
        )  # fmt: skip
        return self.folder.trial(number, "wae", key)

    def copy(self, number: int, epoch: int, source: int, changed: list[str], **parameters: Any) -> None:
        """Population-based training: the trial takes the weights of `source` and goes on with other parameters."""
        self.folder.events.append(
            {"event": "copied", "number": number, "epoch": epoch, "source": source, "source_step": 10 * epoch,
             "parameters": parameters, "changed": changed, "configuration": {**CONFIGURATION, **parameters}}
        )  # fmt: skip

    def rows(self, number: int, epochs: range, **values: float) -> None:
        record = self.folder.state().trials[number]
        trial = self.folder.trial_of(record)
        trial.append([row(number, epoch, **values) for epoch in epochs])
        trial.write_file(f"samples/epoch-{epochs[-1]:04d}.png", b"\x89PNG")
        self.folder.events.append(
            {
                "event": "reported",
                "number": number,
                "epoch": epochs[-1],
                "step": 10 * epochs[-1],
                "scores": {"fid": 30.0},
            }
        )

    def end(self, number: int, outcome: str = "COMPLETED", reason: str = "", fid: float = 30.0) -> None:
        self.folder.events.append(
            {"event": "ended", "number": number, "outcome": outcome, "reason": reason, "epoch": 4, "step": 40,
             "best": {"fid": fid}, "best_epoch": 3, "seconds": 4.5, "evaluation_seconds": 1.5,
             "protocol": {"fid": "1a2b3c4d"}}
        )  # fmt: skip


def row(number: int, epoch: int, **values: float) -> Row:
    time = START + 1000 * number + 10 * epoch
    return Row(epoch, 10 * epoch, time, 1.0, {"loss.model": 3.0 / epoch, "fid": 30.0 + epoch, **values})


class Store:
    """A SQLite store, read without MLflow."""

    def __init__(self, path: Path) -> None:
        self.path, self.uri = path, f"sqlite:///{path}"

    def ask(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.path, timeout=10)
        try:
            return connection.execute(query, arguments).fetchall()
        finally:
            connection.close()

    def runs(self, kind: str = "trial") -> dict[str, tuple[str, str]]:
        """Name -> run id and status, of the runs that are not deleted."""
        found = self.ask(
            "select r.name, r.run_uuid, r.status from runs r join tags t on t.run_uuid = r.run_uuid "
            "where t.key = 'gensweep.kind' and t.value = ? and r.lifecycle_stage = 'active'",
            kind,
        )
        assert len({name for name, _, _ in found}) == len(found), f"a {kind} has several runs: {found}"
        return {name: (run_id, status) for name, run_id, status in sorted(found)}

    def metrics(self, run_id: str) -> list[tuple[str, float, int, int]]:
        found = self.ask("select key, value, is_nan, timestamp, step from metrics where run_uuid = ?", run_id)
        return sorted((key, math.nan if nan else value, time, step) for key, value, nan, time, step in found)

    def tags(self, run_id: str) -> dict[str, str]:
        return dict(self.ask("select key, value from tags where run_uuid = ?", run_id))

    def parameters(self, run_id: str) -> dict[str, str]:
        return dict(self.ask("select key, value from params where run_uuid = ?", run_id))

    def snapshot(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that a replay could double."""
        tables = ("runs", "metrics", "params", "tags")
        return {table: sorted(map(repr, self.ask(f"select * from {table}"))) for table in tables}  # type: ignore[misc]
