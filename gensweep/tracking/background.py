"""The projection beside the training: a thread that sends what is new every few seconds, and drains at the end."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from gensweep.credentials import redacted
from gensweep.errors import CannotRun, ConfigError, DamagedSweep
from gensweep.tracking.projection import Progress, Projection
from gensweep.tracking.store import named, program, unreachable

_log = logging.getLogger(__name__)
Say = Callable[[str], None]
HURRY = 10.0  # seconds for what is left once somebody asked for a stop
MODELS = 120.0  # seconds in which a model may be begun
PATIENCE = 15.0  # seconds in which the first report is likely to come


class Background:
    """Runs a projection every `every` seconds, off the training path.

    `say` gets one line when the store goes away and one when it is back. Opening the store takes seconds, and happens here
    too, while the first trials begin; where it cannot be used, `refused` gets the error once, and `error` keeps it. What is
    wrong with the sweep's own files is said and kept in `damage`, and training goes on.
    """

    def __init__(
        self,
        projection: Projection,
        *,
        every: float = 2.0,
        say: Say = _log.warning,
        refused: Callable[[CannotRun], None] = lambda _: None,
    ) -> None:
        self.projection = projection
        self.error: CannotRun | None = None
        self.damage: DamagedSweep | None = None
        self.opened = threading.Event()  # or refused
        self._every, self._say, self._refused = every, say, refused
        self._stop = threading.Event()
        self._is_open = False
        self._thread = threading.Thread(target=self._run, name="gensweep-tracking", daemon=True)
        self._troubled = False
        self._after: threading.Event | None = None
        self._latest = math.inf  # a time of time.monotonic

    def start(self, after: threading.Event | None = None) -> None:
        """Connect, then send, in the background.

        To import MLflow takes all of a core for seconds, in which the first workers start too; with `after` it waits for
        that, or for PATIENCE seconds.
        """
        self._after = after
        self._thread.start()

    def close(self, *, final: bool, limit: float = 60.0, show: Callable[[Progress], None] | None = None) -> Progress:
        """Send what is left, for at most `limit` seconds, and mark the sweep as finished or stopped.

        `show` gets the progress after each try. What is then left is said, with the command that sends it.
        """
        deadline = time.monotonic() + limit
        self._stop.set()
        if self._after is not None:
            self._after.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=min(limit, max(0.0, self._latest - time.monotonic())))
        if (wrong := self.error or self.damage) is not None and not self._is_open:
            return Progress(0, 0, str(wrong), {})
        if self._thread.is_alive():
            progress = Progress(0, 0, "the store is still busy with an earlier request", {})
        else:
            progress = self._drain(final, deadline, show)
        if not progress.is_done:
            self._say(self._left(progress))
        elif self._is_open:
            self._send_models()
        if progress.left_out:
            self._say(progress.left_out)
        for trial, why in progress.refused.items():
            self._say(f"{self._program} refused trial {trial}: {why}")
        return progress

    def _send_models(self) -> None:
        """What takes longest, after all else is there."""
        deadline, left = time.monotonic() + MODELS, list[str]()

        def send() -> Progress:
            left.extend(self.projection.send_models(lambda: time.monotonic() > min(deadline, self._latest)))
            return self.projection.progress

        progress = self._guarded(send)
        for one in left or ([f"models: {progress.problem}"] if progress.problem else []):
            self._say(f"not sent to {self._program}: {one}")

    def hurry(self) -> None:
        """Somebody waits for the end: `close` begins no other try than the next one. Any thread may say so."""
        self._latest = time.monotonic() + HURRY

    def _drain(self, final: bool, deadline: float, show: Callable[[Progress], None] | None) -> Progress:
        pause = 0.5
        while True:
            limit = min(deadline, self._latest)
            progress = self._guarded(partial(self.projection.close, final=final, deadline=limit))
            if show is not None:
                show(progress)
            if progress.is_done or self.damage or time.monotonic() + pause > deadline:
                return progress
            if time.monotonic() > self._latest:
                return progress
            time.sleep(pause)
            pause = min(2 * pause, 5.0)

    def _run(self) -> None:
        if self._after is not None:
            self._after.wait(PATIENCE)
        try:
            self.projection.start()
            self._is_open = True
        except CannotRun as error:
            self.error = error
        except DamagedSweep as error:
            self.damage = error
            self._say(f"Nothing is sent to {self._program}, and training goes on: {error}")
        except ConfigError as error:
            self.error = CannotRun(str(error))
        except Exception as error:  # a library's own, or a mistake of ours
            _log.debug("opening failed", exc_info=True)
            self.error = unreachable(self.projection.uri, f"{type(error).__name__}: {error}")
        self.opened.set()
        if self.error is not None:
            self._refused(self.error)
        if not self._is_open:
            return
        while not self._stop.wait(self._every):
            progress = self._guarded(self.projection.sync)
            if bool(progress.problem) != self._troubled:
                self._troubled = bool(progress.problem)
                self._say(self._went(progress.problem))

    def _guarded(self, action: Callable[[], Progress]) -> Progress:
        """Nothing that goes wrong here may stop training, not even a mistake of ours."""
        try:
            return action()
        except Exception as error:
            _log.debug("tracking failed", exc_info=True)
            if isinstance(error, DamagedSweep):
                self.damage = error  # of the folder, which no waiting mends
            why = redacted(f"{type(error).__name__}: {error}", self.projection.uri)
            return replace(self.projection.progress, problem=why)

    @property
    def _program(self) -> str:
        return program(self.projection.uri)

    def _went(self, problem: str | None) -> str:
        store = named(self.projection.uri)
        if problem is None:
            return f"{store} takes up again; what was missing is being sent."
        return f"{store} takes nothing now ({problem}). Training goes on, and what is missing is sent later."

    def _left(self, progress: Progress) -> str:
        name = self.projection.folder.name
        why = f" ({progress.problem})" if progress.problem else ""
        return (
            f"{self._program} lacks {progress.pending or 'some'} of {progress.trials} trials{why}. Nothing is lost: "
            f"`gensweep sync {name}` sends the rest."
        )
