"""The command that starts a sweep whose driver needs no terminal: submit."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gensweep.cli.options import (
    RUNS,
    Artifacts,
    File,
    InProcess,
    Overrides,
    Plugins,
    Runs,
    Shared,
    SubmitAddress,
    Tensorboard,
    TrackingUri,
    Trust,
    takes_jobs,
    trust_these,
)
from gensweep.errors import ConfigError

if TYPE_CHECKING:
    from gensweep.detached import Start
    from gensweep.spaces.sweep import Sweep


@dataclass(frozen=True)
class _Given:
    """What `gensweep run` shall be told besides the file, the folder of sweeps and the store."""

    allow_changed: str | None
    plugins: Path | None
    tensorboard: bool
    shared: bool
    artifacts: str | None = None

    def words(self, plugins: Path | None) -> list[str]:
        """As options, with the plug-ins at this place."""
        changed = ["--allow-changed", self.allow_changed] if self.allow_changed is not None else []
        own = ["--plugins", str(plugins)] if plugins is not None else []
        kept = ["--artifacts", self.artifacts] if self.artifacts else []
        return [*changed, *own, *kept, *(["--tensorboard"] * self.tensorboard), *(["--shared"] * self.shared)]


def submit(  # noqa: PLR0913 -- the options of a command are its interface
    file: File,
    overrides: Overrides = None,
    runs: Runs = RUNS,
    address: SubmitAddress = None,
    tracking_uri: TrackingUri = None,
    artifacts: Artifacts = None,
    in_process: InProcess = False,
    tensorboard: Tensorboard = False,
    trust: Trust = None,
    allow_changed: Annotated[
        str | None,
        typer.Option(
            "--allow-changed", help="as of gensweep run: search.seed,early_stopping", metavar="KEYS", show_default=False
        ),
    ] = None,
    plugins: Plugins = None,
    shared: Shared = False,
) -> None:
    """Run a sweep, or go on with it, without this terminal: close it, log out, and find the sweep again from anywhere.

    What `run` refuses at its start is refused here, with the same exit codes. The command ends once the sweep has begun, and
    says how status, logs and stop find it. Ctrl-C before that starts nothing.

    At http://HOST:8265 the driver is a job of that Ray cluster. The file, resolved, and --plugins travel; --runs, the store
    and data are the cluster's own, at paths in full.

    Examples:
      gensweep submit search_spaces/wae.yaml
      gensweep submit search_spaces/families.yaml name=big search.samples=20 --address head:6379 --runs /shared/runs
      gensweep submit search_spaces/wae.yaml --address http://head:8265 --runs /shared/runs
    """
    given = _Given(allow_changed, plugins, tensorboard, shared, artifacts)
    if address is not None and takes_jobs(address):
        if in_process or trust:
            what = "--in-process" if in_process else "--trust"
            raise ConfigError(f"{what} is of this machine, and at {address} the driver runs elsewhere. Leave it out.")
        sweep = _read(file, overrides)
        _refuse_what_fails_there(file, overrides or [], runs, tracking_uri, given)
        _as_a_job(sweep, address, runs, tracking_uri, given)
        return
    trust_these(trust)
    sweep = _read(file, overrides)
    from gensweep.campaign import Where, refuse_early
    from gensweep.changes import changeable
    from gensweep.spaces.sources import trust_as_said
    from gensweep.terminal import waiting

    trust_as_said(sweep)
    where = Where(runs, address, tracking_uri, in_process, tensorboard, artifacts)
    refuse_early(sweep, where, changeable(allow_changed) if allow_changed is not None else [])
    words = ["run", str(file), *(overrides or []), "--runs", str(runs), *given.words(plugins), "--quiet"]
    words += [*(["--address", address] if address else []), *(["--in-process"] * in_process)]
    from gensweep.detached import detach

    with waiting(f"{sweep.name} begins"):
        start = detach(runs / sweep.name, words, {"GENSWEEP_TRACKING_URI": tracking_uri} if tracking_uri else {})
    _tell(start, runs / sweep.name)


def _read(file: Path, overrides: list[str] | None) -> Sweep:
    from gensweep.terminal import waiting

    with waiting(f"reading {file}"):
        from gensweep.spaces.check import load_and_check

        return load_and_check(file, overrides or [])


def _tell(start: Start, path: Path) -> None:
    """Say how the start went, with the exit code of a driver that ended before it began."""
    from gensweep.ledger.sweep_folder import SweepFolder

    folder = SweepFolder(path)
    if start.called_off is not None:
        rest = f"Continue with: gensweep resume {folder.argument}" if start.driver else "nothing was begun."
        raise start.called_off.error(f"{start.called_off.reason}: {rest}")
    if start.driver is None:
        print(start.said, end="", file=sys.stderr if start.code else sys.stdout)
        raise typer.Exit(start.code)
    print(
        f"{folder.name} has begun on {start.driver.host} (process {start.driver.pid}), and goes on without this terminal."
    )
    _print_ways(folder.argument)


def _print_ways(argument: str) -> None:
    print(f"How far it is:  gensweep status {argument}")
    print(f"What it says:   gensweep logs {argument} -f")
    print(f"End it:         gensweep stop {argument}")


def _as_a_job(sweep: Sweep, address: str, runs: Path, tracking_uri: str | None, given: _Given) -> None:
    """Hand it in at a cluster, and wait until it has begun there."""
    from gensweep.cli.jobs import begun
    from gensweep.executors.ray_jobs import Jobs
    from gensweep.terminal import waiting

    with waiting(f"handing {sweep.name} in at {address}"):
        jobs = Jobs(address)
        plugins = Path(_PLUGINS) if given.plugins is not None else None
        words = ["gensweep", "run", f"{sweep.name}.yaml", "--runs", str(runs), *given.words(plugins)]
        words += ["--tracking-uri", tracking_uri] if tracking_uri else []
        job = begun(jobs, sweep.name, str(runs), words, _files(sweep, given.plugins))
    print(f"{sweep.name} has begun as job {job.id} of the cluster at {jobs.address}, and goes on there.")
    _print_ways(f"{sweep.name} --address {jobs.address}")


_PLUGINS = "gensweep_plugins"  # what their folder is called where they travel to


def _files(sweep: Sweep, plugins: Path | None) -> Mapping[str, bytes]:
    """What travels: the sweep as a file that needs no other, and the components of its own."""
    from gensweep.registry.folder import read
    from gensweep.writing import yaml_of

    definition = {key: value for key, value in sweep.definition().items() if key != "plugins"}
    own = read(plugins).files if plugins is not None else {}
    return {
        f"{sweep.name}.yaml": yaml_of(definition).encode(),
        **{f"{_PLUGINS}/{name}": content for name, content in own.items()},
    }


def _refuse_what_fails_there(
    file: Path, overrides: list[str], runs: Path, tracking_uri: str | None, given: _Given
) -> None:
    """Raise ConfigError with all of what a job would only find out on the cluster, or would be harmed by there."""
    from gensweep.changes import changeable
    from gensweep.errors import gathered
    from gensweep.ledger.stored import checked

    gathered(
        lambda: _refuse_paths_of_here(file, overrides),
        lambda: _refuse_places_of_here(runs, tracking_uri),
        lambda: checked(given.artifacts) if given.artifacts else None,
        lambda: changeable(given.allow_changed) if given.allow_changed is not None else None,
    )


def _refuse_paths_of_here(file: Path, overrides: list[str]) -> None:
    """Raise where the file or an override names a place that is another one on the cluster, or none."""
    from gensweep.errors import Problem
    from gensweep.spaces.load import paths_of_here

    cure = "and the driver runs elsewhere. Write the path in full, as every node of the cluster sees it"
    if found := paths_of_here(file, overrides):
        raise ConfigError([Problem(each.where, each.path, f"{each.message}, {cure}.") for each in found])


def _refuse_places_of_here(runs: Path, tracking_uri: str | None) -> None:
    """Raise where a path would be one in the folder that Ray makes for the job and throws away, or a password would travel."""
    from gensweep.credentials import redacted
    from gensweep.errors import Problem
    from gensweep.tracking.store import is_relative

    problems = []
    if not runs.is_absolute():
        said = "would be in a folder that Ray throws away with the job. Name one in full that every node of the cluster sees"
        problems.append(Problem("", f"--runs {runs}", f"{said}: --runs /shared/gensweep/runs."))
    if tracking_uri and is_relative(tracking_uri):
        said = "would be in a folder that Ray throws away with the job. Write a server's address, or the file's path in full"
        problems.append(
            Problem("", f"--tracking-uri {tracking_uri}", f"{said}, with four slashes: sqlite:////shared/mlflow.db.")
        )
    elif tracking_uri and redacted(tracking_uri) != tracking_uri:
        said = "holds a password, which would stand in the cluster's list of jobs. Leave it out of the address, and set"
        names = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD where Ray is started on the cluster"
        problems.append(Problem("", f"--tracking-uri {redacted(tracking_uri)}", f"{said} {names}."))
    if problems:
        raise ConfigError(problems)
