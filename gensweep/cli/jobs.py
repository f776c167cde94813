"""What submit, status, logs and stop do with a sweep whose driver is a job of a Ray cluster."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from gensweep.errors import CannotRun, ConfigError, Interrupted, Stopped, suggest
from gensweep.executors.ray_jobs import Job, Jobs
from gensweep.led import BEGINS

_LOOKS = 1.0  # seconds
_NO_COMMAND = 127  # of a shell
_FAILED = 3  # done, but trials failed
_WORDS = {"PENDING": "waiting", "RUNNING": "running", "SUCCEEDED": "done", "STOPPED": "stopped"}
_STOPPED = (Stopped.exit_code, Interrupted.exit_code)


def begun(jobs: Jobs, sweep: str, runs: str, words: Sequence[str], files: Mapping[str, bytes]) -> Job:
    """Hand a sweep in, and wait until its driver says that it has begun.

    Raises:
        CannotRun: another job drives it.
        typer.Exit: the driver ended before, with this code; what it said was told.
    """
    if (other := jobs.of(sweep)) is not None and not other.is_over:
        raise CannotRun(
            f"{sweep} is driven by job {other.id} of the cluster at {jobs.address} ({other.status}). Wait until it ends, or stop "
            f"it: gensweep stop {sweep} --address {jobs.address}"
        )
    id_ = jobs.hand_in(sweep, runs, words, files)
    with _called_off(jobs, id_):
        while True:
            job = jobs.job(id_)  # before its log: of one that is over, that is whole
            log = jobs.log(id_) if job.status != "PENDING" else ""
            if BEGINS in log:
                return job
            if job.is_over:
                break
            time.sleep(_LOOKS)
    print(log or job.message, end="" if log.endswith("\n") else "\n", file=sys.stderr if job.code else sys.stdout)
    if job.code == _NO_COMMAND:
        raise CannotRun(
            f"the cluster at {jobs.address} has no gensweep on the PATH with which Ray was started. Install it in "
            "the environment of every node, and start Ray in that."
        )
    raise typer.Exit(CannotRun.exit_code if job.code is None else job.code)


@contextmanager
def _called_off(jobs: Jobs, id_: str) -> Iterator[None]:
    """Ctrl-C before it has begun leaves nothing behind."""
    try:
        yield
    except KeyboardInterrupt:
        jobs.stop(id_)
        raise Interrupted(f"Ctrl-C: job {id_} was told to end before it began.") from None


def facts(job: Job) -> dict[str, Any]:
    """What is known of one."""
    return {
        "sweep": job.sweep,
        "state": _WORDS.get(job.status) or _how_it_ended(job.code),
        "job": job.id,
        "host": job.host,
        "since": job.began,
        "exit_code": job.code,
        "runs": job.runs,
    }


def _how_it_ended(code: int | None) -> str:
    """Of a job that Ray calls failed, as it does at every exit code but 0."""
    return (
        "died"
        if code is None or code < 0
        else "stopped"
        if code in _STOPPED
        else "done"
        if code == _FAILED
        else "failed"
    )


def found(jobs: Jobs, sweep: str) -> Job:
    """The newest driver of a sweep.

    Raises:
        ConfigError: the cluster knows none.
    """
    if (job := jobs.of(sweep)) is None:
        known = list(dict.fromkeys(each.sweep for each in jobs.of_sweeps()))
        raise ConfigError(f"no job of the cluster at {jobs.address} drives a sweep '{sweep}'. {suggest(sweep, known)}")
    return job


def stopped(jobs: Jobs, sweep: str, *, wait: bool) -> str:
    """Stop a sweep's driver; what came of that, in a sentence."""
    job = found(jobs, sweep)
    if job.is_over or not jobs.stop(job.id):
        return f"{sweep} does not run."
    if not wait:
        return f"{sweep} is asked to stop, which job {job.id} does at its next reports."
    while not jobs.job(job.id).is_over:
        time.sleep(_LOOKS)
    return f"{sweep} has stopped. The same gensweep submit goes on with it."
