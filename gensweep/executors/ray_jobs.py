"""A driver that is a job of a Ray cluster: handed in at the address of its dashboard, found again by the sweep's name, stopped.

Ray stops a job by SIGTERM, and kills it after 3 seconds where the job has not asked for more, as these do.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from ray.exceptions import AuthenticationError
from ray.job_submission import JobSubmissionClient

from gensweep.credentials import redacted
from gensweep.errors import CannotRun, ConfigError
from gensweep.executors.ray_address import PROVIDE
from gensweep.text import size

STOPPING_SECONDS = 600  # from Ray's SIGTERM to its SIGKILL
LARGEST = 2**23  # bytes of what travels
_SWEEP, _RUNS = "gensweep.sweep", "gensweep.runs"  # of a job's metadata
_OVERRIDE = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")  # which Ray's client puts before the address that it is given
_ENDED = ("STOPPED", "SUCCEEDED", "FAILED")


@dataclass(frozen=True)
class Job:
    """A sweep's driver on a cluster. `status` is Ray's word, `code` the driver's exit code, `message` what Ray says of it."""

    id: str
    sweep: str
    runs: str
    status: str
    code: int | None
    message: str
    began: str
    host: str

    @property
    def is_over(self) -> bool:
        """Whether its driver has ended."""
        return self.status in _ENDED


class Jobs:
    """The jobs of the cluster whose dashboard answers at an address.

    Raises:
        CannotRun: none does, it wants another token, or what is needed is not installed; with the cure. So do all methods.
    """

    def __init__(self, address: str) -> None:
        self.address = redacted(address)
        before = {name: os.environ.pop(name, None) for name in _OVERRIDE}
        try:
            with self._told():
                self._client = JobSubmissionClient(address)
        finally:
            os.environ.update({name: value for name, value in before.items() if value is not None})

    def hand_in(self, sweep: str, runs: str, words: Sequence[str], files: Mapping[str, bytes]) -> str:
        """Have the cluster run `WORDS` in a folder with these files; the job's id. Ray keeps what travels by its hash.

        Raises:
            ConfigError: the files are too large to travel.
        """
        if (n_bytes := sum(map(len, files.values()))) > LARGEST:
            raise ConfigError(
                f"what would travel with {sweep} has {size(n_bytes)}, and at most {size(LARGEST)} do. Put it on storage that the "
                "cluster's nodes see."
            )
        with tempfile.TemporaryDirectory(prefix="gensweep-") as folder, self._told():
            for name, content in files.items():
                file = Path(folder, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            return str(
                self._client.submit_job(
                    entrypoint=f"exec {shlex.join(words)}",
                    metadata={_SWEEP: sweep, _RUNS: runs},
                    runtime_env={
                        "working_dir": folder,
                        "env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(STOPPING_SECONDS)},
                    },
                )
            )

    def of_sweeps(self) -> list[Job]:
        """Those that are drivers of sweeps, the newest last."""
        with self._told():
            found = [details for details in self._client.list_jobs() if _SWEEP in (details.metadata or {})]
        return [_job(details) for details in sorted(found, key=lambda details: details.start_time or 0)]

    def of(self, sweep: str) -> Job | None:
        """The newest of a sweep's drivers."""
        return next((job for job in reversed(self.of_sweeps()) if job.sweep == sweep), None)

    def job(self, id_: str) -> Job:
        """One of them, as it is now."""
        with self._told():
            return _job(self._client.get_job_info(id_))

    def log(self, id_: str) -> str:
        """What it has printed."""
        with self._told():
            return str(self._client.get_job_logs(id_))

    def follow(self, id_: str, told: Callable[[str], None]) -> None:
        """Tell what it prints, from its first line to its end."""

        async def read(parts: AsyncIterator[str]) -> None:
            async for part in parts:
                told(part)

        with self._told():
            asyncio.run(read(self._client.tail_job_logs(id_)))

    def stop(self, id_: str) -> bool:
        """Have it stopped, by SIGTERM; whether it still ran. It goes on until it has saved."""
        with self._told():
            return bool(self._client.stop_job(id_))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of Ray's client, which raises bare ones, in a line; what it tells besides is not for users."""
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        except AuthenticationError as error:
            raise CannotRun(
                f"--address {self.address}: the cluster asks for its token, or for another one. {PROVIDE}."
            ) from error
        except (ConnectionError, requests.RequestException) as error:
            raise CannotRun(
                f"--address {self.address}: no jobs can be handed in there ({_first_line(error)}). The head needs Ray's "
                "dashboard: pip install 'ray[default]' there, then ray start --head; it listens at port 8265 of the "
                "head alone, which ssh -L 8265:127.0.0.1:8265 HEAD brings here."
            ) from error
        except (RuntimeError, ImportError) as error:
            cure = " Install it here: pip install 'ray[default]'." if "ray[default]" in str(error) else ""
            raise CannotRun(f"--address {self.address}: {_first_line(error)}.{cure}") from error
        finally:
            logging.disable(before)


def _job(details: Any) -> Job:
    metadata, driver = details.metadata or {}, details.driver_info
    began = datetime.fromtimestamp((details.start_time or 0) / 1000, UTC).isoformat(timespec="seconds")
    return Job(
        id=str(details.submission_id),
        sweep=str(metadata.get(_SWEEP, "")),
        runs=str(metadata.get(_RUNS, "")),
        status=str(details.status),
        code=details.driver_exit_code,
        message=str(details.message or ""),
        began=began if details.start_time else "",
        host=str(driver.node_ip_address) if driver else "",
    )


def _first_line(error: BaseException) -> str:
    text = redacted(str(error)).strip()
    return (text.splitlines()[0] if text else type(error).__name__).rstrip(".")
