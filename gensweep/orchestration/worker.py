"""The worker: the only place where Ray meets a trial."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ray.tune import Trainable

from gensweep.errors import GensweepError, Outcome
from gensweep.ledger.trial_folder import TrialFolder
from gensweep.trial import Assignment, Failure, run_pack


class Worker(Trainable):
    """A warm process that runs one pack after another: imports and data are read once.

    Each `step` is one turn of `run_pack`, so everything stops at a report.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Begin the pack of `config`; nothing is trained yet."""
        import torch

        torch.set_num_threads(config["threads"])
        folder = Path(config["folder"])
        self.number = config["assignment"]["number"]
        if not (folder.parent.parent / "sweep.yaml").exists():
            raise RuntimeError(
                f"{folder.parent.parent} is not visible on this node: put --runs on storage that every node sees"
            )
        assignment = Assignment(**config["assignment"], folder=TrialFolder(folder, fence=config["fence"]))
        self.reports: Iterator[list[Any]] = run_pack([assignment], config["device"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next pack in the same process."""
        self.cleanup()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """The next report, or the error that took its place."""
        try:
            report = next(self.reports)[0]
        except GensweepError as error:
            return {"said": Failure(self.number, str(error), traceback.format_exc()), "done": True}
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            return {"said": Failure(self.number, reason, traceback.format_exc()), "done": True}
        return {"said": report, "done": isinstance(report.outcome, Outcome)}

    def cleanup(self) -> None:
        """Leave the pack where it stands."""
        self.reports.close()  # type: ignore[attr-defined]
