"""A run store without MLflow: it keeps the contract's promises in a dictionary, and fails when it is told to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gensweep.tracking.run_store import Away, Data, Entry, Model, Point, Refused, RunStore, Status
from gensweep.tracking.view import View


@dataclass
class Run:
    name: str
    start: int
    tags: dict[str, str]
    status: Status = "RUNNING"
    end: int | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    data: list[Data] = field(default_factory=list)
    is_deleted: bool = False

    def series(self, name: str) -> list[tuple[int, float]]:
        return sorted((point.step, point.value) for point in self.points if point.name == name)

    def last(self) -> dict[str, float]:
        return {point.name: point.value for point in self.points}


class MemoryStore(RunStore):
    """`calls` lists every call; `is_away`, `broken` (a call) and `refuses` (a run's name) make the next ones fail."""

    keeps_models = True

    def __init__(self) -> None:
        self.all: dict[str, Run] = {}
        self.views: dict[str, View] = {}
        self.models: dict[str, tuple[str, Model, dict[str, bytes]]] = {}
        self.registry: dict[str, list[str]] = {}
        self.aliases: dict[str, str] = {}
        self.calls: list[str] = []
        self.is_away = False
        self.broken: set[str] = set()
        self.refuses: set[str] = set()

    def runs(self, kind: str = "trial") -> dict[str, Run]:
        found = [run for run in self.all.values() if run.tags["gensweep.kind"] == kind and not run.is_deleted]
        assert len({run.name for run in found}) == len(found), "a run has a double"
        return {run.name: run for run in found}

    def find(self, tags: Mapping[str, str]) -> list[str]:
        self._called("find")
        found = [(run.start, run_id) for run_id, run in self.all.items() if tags.items() <= run.tags.items()]
        return [run_id for _, run_id in sorted(found) if not self.all[run_id].is_deleted]

    def create(self, name: str, tags: Mapping[str, str], start: int) -> str:
        self._called("create", name)
        self.all[f"run-{len(self.all)}"] = Run(name, start, dict(tags))
        return f"run-{len(self.all) - 1}"

    def exists(self, run_id: str) -> bool:
        self._called("exists")
        return run_id in self.all and not self.all[run_id].is_deleted

    def log(
        self,
        run_id: str,
        points: Sequence[Point] = (),
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        run = self._run("log", run_id)
        for name, value in (parameters or {}).items():
            if run.parameters.get(name, value) != value:
                raise Refused(f"parameter {name} of {run.name} cannot change")
        run.parameters |= parameters or {}
        run.tags |= tags or {}
        run.points += [point for point in points if point not in run.points]

    def set_status(self, run_id: str, status: Status, end: int | None = None) -> None:
        run = self._run("set_status", run_id)
        run.status, run.end = status, None if status == "RUNNING" else end

    def add_file(self, run_id: str, path: Path, folder: str | None = None) -> None:
        run = self._run("add_file", run_id)
        run.files[f"{folder}/{path.name}" if folder else path.name] = path.read_bytes()

    def add_text(self, run_id: str, text: str, name: str) -> None:
        self._run("add_text", run_id).files[name] = text.encode()

    def rename(self, run_id: str, name: str) -> None:
        self._run("rename", run_id).name = name

    def add_data(self, run_id: str, data: Data) -> None:
        run = self._run("add_data", run_id)
        run.data += [data] if data not in run.data else []

    def show(self, view: View) -> None:
        self._called("show", view.title)
        self.views[view.key] = view

    def hide(self, key: str) -> None:
        self._called("hide", key)
        self.views.pop(key, None)

    def find_model(self, key: str) -> str | None:
        self._called("find_model")
        return key if key in self.models else None

    def add_model(self, run_id: str, model: Model) -> str:
        run = self._run("add_model", run_id)
        files = {path.name: path.read_bytes() for path in model.folder.iterdir()}
        self.models[model.key] = (run.name, model, files)
        return model.key

    def register(self, model_id: str, entry: Entry) -> str:
        self._called("register")
        versions = self.registry.setdefault(entry.name, [])
        if model_id not in versions:
            versions.append(model_id)
        version = str(versions.index(model_id) + 1)
        if entry.alias:
            self.aliases[f"{entry.name}@{entry.alias}"] = version
        return version

    def delete(self, run_id: str) -> None:
        self._run("delete", run_id).is_deleted = True

    def _run(self, call: str, run_id: str) -> Run:
        run = self.all.get(run_id)
        self._called(call, run.name if run else "")
        if run is None or run.is_deleted:
            raise Refused(f"there is no run {run_id}")
        return run

    def _called(self, call: str, name: str = "") -> None:
        self.calls.append(call)
        if self.is_away or call in self.broken:
            raise Away("nobody answers")
        if name in self.refuses:
            raise Refused(f"{name} is refused")
