"""gensweep as a library, what `import gensweep` offers: load a sweep, run it, read what came of it.

sweep = gensweep.load("search_spaces/wae.yaml", ["search.samples=4"])
verdict = gensweep.run(sweep)
print(verdict.comparison.sentence())
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gensweep.campaign import Where, conduct
from gensweep.errors import ConfigError, Stopped
from gensweep.file_modes import private
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.shipped import found
from gensweep.spaces.check import load_and_check
from gensweep.spaces.sources import trust_as_said
from gensweep.spaces.sweep import Sweep
from gensweep.verdict import Verdict, judge


def load(file: str | Path, overrides: str | Sequence[str] = ()) -> Sweep:
    """The sweep of a search-space file and overrides in Hydra's grammar, known to be sound. A text is one override.

    `file` may be the name of a search space that ships, as in `load("wae")`.

    Raises:
        ConfigError: with every mistake in them.
    """
    if not isinstance(file, str | Path):
        raise ConfigError(f"load takes the path of a search-space file, and {type(file).__name__} is none.")
    words = [overrides] if isinstance(overrides, str) else list(overrides)
    if strange := [word for word in words if not isinstance(word, str)]:
        raise ConfigError(f'load: {strange[0]!r} is no override. Give texts, as in ["search.samples=4"].')
    with private():
        sweep = load_and_check(found(Path(file)), words)
        trust_as_said(sweep)
    return sweep


def run(
    sweep: Sweep | str | Path,
    *,
    runs: str | Path = "runs",
    address: str | None = None,
    tracking_uri: str | None = None,
    in_process: bool = False,
    shared: bool = False,
) -> Verdict:
    """Run a sweep, or the sweep of a file, or go on with it where it stands.

    Args:
        sweep: what `load` gave, or a search-space file.
        runs: the folder that holds the sweeps.
        address: of a running Ray cluster; this machine where it is not given.
        tracking_uri: MLflow's store.
        in_process: one trial after another in this process, without Ray.
        shared: the group may write what is made, as far as the umask allows. It is otherwise never wider than 0750 for
            folders and 0640 for files; the umask is put back at the end.

    Raises:
        ConfigError, CannotRun: nothing was started.
        Stopped: the sweep is not done, by Ctrl-C, a signal or its time budget. Everything is saved.
    """
    sweep = sweep if isinstance(sweep, Sweep) else load(sweep)
    with private(shared=shared):
        verdict = conduct(sweep, Where(Path(runs), address, tracking_uri, in_process))
    if isinstance(verdict.problem, Stopped):
        raise verdict.problem
    return verdict


def open(name: str, runs: str | Path = "runs") -> Verdict:  # noqa: A001 -- gensweep.open, as wave.open
    """The verdict on a sweep as it stands, running or done. Nothing is started or written.

    Raises:
        ConfigError: there is no such sweep.
    """
    return judge(SweepFolder.open((Path(runs) / name).resolve())).with_baselines()
