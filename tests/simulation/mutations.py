"""Mistakes that a driver could have, put into it one at a time: a simulator that does not find them proves nothing."""

from __future__ import annotations

import contextlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

from gensweep import campaign, trial
from gensweep.ledger import checkpoints, durable, events, sweep_folder, trial_folder
from gensweep.orchestration import decide, driver
from gensweep.tracking import projection


@dataclass(frozen=True)
class Mutation:
    """What is wrong then; the function, and the lines of it that become others."""

    what: str
    function: Callable[..., Any]
    old: str
    new: str

    @contextlib.contextmanager
    def made(self) -> Iterator[None]:
        """Inside, gensweep has this mistake."""
        source = textwrap.dedent(inspect.getsource(self.function))
        assert source.count(self.old) == 1, f"{self.function.__qualname__} is not what it was: {self.old!r}"
        module = sys.modules[self.function.__module__]
        names: dict[str, Any] = {}
        exec(compile(source.replace(self.old, self.new), module.__file__ or "", "exec"), vars(module), names)
        made = names[self.function.__name__]
        with contextlib.ExitStack() as stack:
            for place in self._places():
                stack.enter_context(mock.patch.object(place, self.function.__name__, made))
            yield

    def _places(self) -> list[object]:
        """Where the function is found by its name: in its class, or in every module that imported it."""
        *owner, name = self.function.__qualname__.split(".")
        if owner:
            return [getattr(sys.modules[self.function.__module__], owner[0])]
        ours = [module for key, module in sys.modules.items() if key.startswith("gensweep")]
        return [module for module in ours if vars(module).get(name) is self.function]


OF_THE_DRIVER = (
    Mutation("what is appended is not synced", durable.append_at, "os.fsync(descriptor)", "pass"),
    Mutation(
        "what follows from an event comes before it",
        driver.Driver._log,
        """    self.folder.events.append_many(events)
    for number in dict.fromkeys(event["number"] for event in events if "number" in event):
        record = self.state.trials[number]
        if record.outcome not in (None, Outcome.FAILED):  # what failed may be taken up again
            self.folder.trial_of(record).finish()
            if self._home is not None:
                self._home.add(record)
        self._on_change(record)
""",
        """    for number in dict.fromkeys(event["number"] for event in events if "number" in event):
        record = self.state.trials[number]
        if record.outcome not in (None, Outcome.FAILED):  # what failed may be taken up again
            self.folder.trial_of(record).finish()
            if self._home is not None:
                self._home.add(record)
        self._on_change(record)
    self.folder.events.append_many(events)
""",
    ),
    Mutation(
        "a report that is repeated is entered again",
        decide.Mind._reported,
        "bool(report.scores) and not (record.reports and report.epoch <= record.reports[-1].epoch)",
        "bool(report.scores)",
    ),
    Mutation(
        "what the last driver left running is not taken up",
        driver.Driver.start,
        'self._enter([{"event": "started", **facts}])',
        "pass",
    ),
    Mutation(
        "a trial is issued twice",
        decide.Mind._wanted,
        "number, turn = len(state.trials), state.n_searched",
        "number, turn = len(state.trials), state.n_searched - (len(state.running) > 1)",
    ),
    Mutation(
        "a copy is in the ledger before its weights are on disk",
        driver.Driver._copied,
        "return self.folder.trial_of(record).copy_from(giver, n)",
        "return (giver.newest() or giver.best()).step",
    ),
    Mutation(
        "a checkpoint is there before the rows that lead to it",
        trial.Trial.record,
        """    self.folder.append(self.rows)
    self.rows = []
    step = self.trainee.step
    self.folder.save(step, {STATE: to_bytes(self._state())}, best=self.best_epoch == self.epoch)
""",
        """    step = self.trainee.step
    self.folder.save(step, {STATE: to_bytes(self._state())}, best=self.best_epoch == self.epoch)
    self.folder.append(self.rows)
    self.rows = []
""",
    ),
    Mutation(
        "the name of a checkpoint is not synced", checkpoints.Checkpoints._swap, "fsync_directory(self.directory)", "pass"
    ),
    Mutation("a torn line stays in the log", events.EventLog._repair, 'append_at(self.path, scan.size, b"")', "pass"),
    Mutation(
        "a new driver has the generation of the last one",
        events.EventLog.take,
        "lease.publish(newest + 1, scan.seq)",
        "lease.publish(max(1, newest), scan.seq)",
    ),
    Mutation("a lost worker is forgotten", decide.Mind._lost, "if record.outcome is not None:", "if True:"),
    Mutation(
        "the double of a run stays", projection.Projection._close, "self.runs.delete_strangers()", "pass"
    ),
    Mutation(
        "a sweep that was stopped is finished", driver.Driver.finish, "if self.stop_reason:", "if False:"
    ),
    Mutation(
        "a driver that died after its last trial is not spoken for",
        campaign._note_finished,
        'folder.events.append({"event": "finished"})',
        "pass",
    ),
    Mutation(
        "what was trained is trained again", checkpoints.Checkpoints._prune, "if whole >= 2:", "if whole >= 0:"
    ),
)  # fmt: skip

FOUND_BY_THE_SIMULATOR = (
    Mutation(
        "the folder of a sweep is not synced", sweep_folder.SweepFolder.hold, "self._make_names_durable()", "pass"
    ),
    Mutation(
        "a lease counts events that are not synced", events.EventLog.take, "if scan.events:", "if False:"
    ),
    Mutation(
        "rows of a worker that was killed are not synced",
        trial_folder.TrialFolder.append,
        "if data or self._results.exists():",
        "if data or (self._results.exists() and self._results.stat().st_size != size):",
    ),
    Mutation(
        "a half copy of a killed driver is in the way",
        checkpoints.Checkpoints._publish,
        "    shutil.rmtree(temporary, ignore_errors=True)  # of",
        "    pass  # of",
    ),
    Mutation("a trial that ended gives more than its best weights", driver.Driver._copied, "giver.finish()", "pass"),
    Mutation(
        "rows that a power cut takes are sent", projection.Projection._rows, 'fsync_file(folder / "results.jsonl")', "pass"
    ),
)  # fmt: skip
