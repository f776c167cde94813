"""gensweep as a library, what `import gensweep` offers: check a search space, run it, use what came of it.

results = gensweep.run("search_spaces/wae.yaml", ["search.samples=4"])
results.verdict().comparison.sentence()
results.best().model.sample(1000)
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from gensweep.campaign import Where, conduct
from gensweep.errors import ConfigError, Stopped, suggest
from gensweep.file_modes import private
from gensweep.home import expanded
from gensweep.ledger.sweep_folder import SweepFolder, sweeps
from gensweep.plugged import given, meet
from gensweep.results import SweepResults
from gensweep.shipped import found
from gensweep.spaces.check import load_and_check
from gensweep.spaces.mapping import check_mapping
from gensweep.spaces.sources import trust_as_said
from gensweep.spaces.sweep import Sweep

Space: TypeAlias = str | Path | Mapping[str, Any]
Overrides: TypeAlias = str | Sequence[str]


def check(space: Space, overrides: Overrides = (), *, plugins: str | Path | None = None) -> Sweep:
    """The sweep of a search space and overrides, known to be sound.

    Args:
        space: a file, the name of one that ships, as in `check("wae")`, or a mapping with what such a file says; without
            `defaults` it lies over base.
        overrides: in Hydra's grammar; a text is one override.
        plugins: a folder with components of your own, whose code is trusted from here on.

    Raises:
        ConfigError: with every mistake in them.

    >>> sweep = check({"trial": {"dataset": "digits", "family": "vae"}}, ["name=mine", "search.samples=3"])
    >>> sweep.name, sweep.search.samples
    ('mine', 3)
    """
    if not isinstance(space, str | Path | Mapping):
        raise ConfigError(f"check takes a search-space file or a mapping, and {type(space).__name__} is neither.")
    words = _words(overrides)
    _use(plugins)
    with private():
        sweep = check_mapping(space, words) if isinstance(space, Mapping) else load_and_check(found(Path(space)), words)
        trust_as_said(sweep)
    return sweep


def run(  # noqa: PLR0913 -- as the options of the command
    space: Sweep | Space,
    overrides: Overrides = (),
    *,
    runs: str | Path = "runs",
    address: str | None = None,
    tracking_uri: str | None = None,
    artifacts: str | None = None,
    in_process: bool = False,
    tensorboard: bool = False,
    shared: bool = False,
    plugins: str | Path | None = None,
) -> SweepResults:
    """Run a sweep, or go on with it where it stands.

    Args:
        space: a search-space file, a mapping with what such a file says, or what `check` gave.
        overrides: in Hydra's grammar, of a file or a mapping.
        runs: the folder that holds the sweeps.
        address: of a running Ray cluster; this machine where it is not given.
        tracking_uri: MLflow's store.
        artifacts: a URL that all nodes reach, where trials' folders and checkpoints are kept, as s3://bucket/prefix; the sweep's
            folder where it is not given.
        in_process: one trial after another in this process, without Ray.
        tensorboard: event files for TensorBoard too, in the sweep's folder.
        shared: the group may write what is made, as far as the umask allows. It is otherwise never wider than 0750 for
            folders and 0640 for files; the umask is put back at the end.
        plugins: a folder with components of your own, as of `check`.

    Raises:
        ConfigError, CannotRun: nothing was started.
        Stopped: the sweep is not done, by Ctrl-C, a signal or its time budget. Everything is saved.
    """
    if isinstance(space, Sweep) and _words(overrides):
        raise ConfigError("run: overrides are of a file or a mapping. Give them to check, which made this sweep.")
    sweep = space if isinstance(space, Sweep) else check(space, overrides, plugins=plugins)
    _use(plugins)
    with private(shared=shared):
        where = Where(expanded(runs, "runs"), address, tracking_uri, in_process, tensorboard, artifacts)
        verdict = conduct(sweep, where)
    if isinstance(verdict.problem, Stopped):
        raise verdict.problem
    return SweepResults(verdict.folder)


def load(sweep: str | Path, runs: str | Path = "runs", *, plugins: str | Path | None = None) -> SweepResults:
    """What came of a sweep so far, running or done. Nothing is started or written.

    Args:
        sweep: its name or its folder.
        runs: the folder that holds the sweeps, where a name is given.
        plugins: a folder with components of your own. Without it those that travel with the sweep are used, where you have
            run them before, or named a folder with the same ones.

    Raises:
        ConfigError: there is no such sweep; the message names what is near.
        DamagedSweep: it cannot be trusted.

    >>> results = load("used")
    >>> results.name, len(results.trials())
    ('used', 14)
    """
    if not isinstance(sweep, str | Path):
        raise ConfigError(f'load takes the name or the folder of a sweep, as in load("wae"); {sweep!r:.60} is neither.')
    _use(plugins)
    path, runs = expanded(sweep, "sweep"), expanded(runs, "runs")
    if path.suffix in (".yaml", ".yml"):
        raise ConfigError(f"{sweep}: is a search-space file. gensweep.check reads one, and gensweep.run runs it.")
    places = [place for place in (path, runs / path) if os.path.lexists(place / "sweep.yaml")]
    if not places or not path.name:
        raise ConfigError(
            f"there is no sweep '{sweep}', neither as a folder nor in {runs}. "
            f"{suggest(path.name, [folder.path.name for folder in sweeps(runs)])}"
        )
    folder = SweepFolder.open(places[0].resolve())
    meet(folder)
    return SweepResults(folder)


def _use(plugins: str | Path | None) -> None:
    if plugins is not None:
        given(expanded(plugins, "plugins"))


def _words(overrides: Overrides) -> list[str]:
    words = [overrides] if isinstance(overrides, str) else list(overrides)
    if strange := [word for word in words if not isinstance(word, str)]:
        raise ConfigError(f'{strange[0]!r:.60} is no override. Give texts, as in ["search.samples=4"].')
    return words
