"""The arguments and options that several commands take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gensweep.errors import ConfigError, suggest
from gensweep.extractors.trust import trust
from gensweep.file_modes import SHARED, share
from gensweep.home import expanded
from gensweep.ledger.sweep_folder import SweepFolder, sweeps


def _share(value: bool) -> bool:
    if value and (reason := share()):
        print(f"gensweep: --shared: {reason}", file=sys.stderr)
    return value


File = Annotated[Path, typer.Argument(help="a search-space file (YAML)", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        help="overrides in Hydra's grammar, as in dataset=fashion_mnist trial.family.lambda=10", show_default=False
    ),
]
Runs = Annotated[
    Path,
    typer.Option(
        "--runs",
        "-o",
        envvar="GENSWEEP_RUNS",
        help="the folder that holds the sweeps",
        callback=lambda runs: expanded(runs, "--runs"),
    ),
]
RunsOnly = Annotated[  # of commands whose -o is what they write
    Path,
    typer.Option(
        "--runs",
        envvar="GENSWEEP_RUNS",
        help="the folder that holds the sweeps",
        callback=lambda runs: expanded(runs, "--runs"),
    ),
]
What = Annotated[
    str,
    typer.Argument(
        help="a sweep (its winner), NAME/TRIAL, NAME/ARM, or a trial's or a checkpoint's folder", show_default=False
    ),
]
Seed = Annotated[int, typer.Option(help="of what is drawn")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")]
Force = Annotated[bool, typer.Option("--force", help="overwrite what is there")]
SplitOf = Annotated[str, typer.Option("--split", help="train | validation | test")]
Name = Annotated[str, typer.Argument(help="a sweep's name, as `gensweep ls` shows it", show_default=False)]
Address = Annotated[
    str | None, typer.Option(envvar="RAY_ADDRESS", help="of a running Ray cluster; default: this machine")
]
TrackingUri = Annotated[
    str | None,
    typer.Option(envvar="MLFLOW_TRACKING_URI", help="MLflow's store; default: sqlite:///mlflow.db in this folder"),
]
InProcess = Annotated[bool, typer.Option("--in-process", help="one trial after another in this process, without Ray")]
Shared = Annotated[
    bool,
    typer.Option(
        "--shared", envvar=SHARED, help="the group may write what is made, as far as the umask allows", callback=_share
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]
Trust = Annotated[
    list[Path] | None,
    typer.Option("--trust", help="an extractor's file that may run code of its own; remembered by its hash"),
]
RUNS = Path("runs")


def sweep_named(name: str, runs: Path) -> SweepFolder:
    """The sweep of this name.

    Raises:
        ConfigError: there is none; the message names the nearest.
        DamagedSweep: it has no definition, or links lead out of it.
    """
    return SweepFolder.open(folder_named(name, runs))


def folder_named(name: str, runs: Path) -> Path:
    """The folder of the sweep of this name, whatever is in it.

    Raises:
        ConfigError: there is none; the message names the nearest.
    """
    known = [folder.path.name for folder in sweeps(runs)]
    path = Path(name)  # as a shell completes it: runs/wae/
    if path.name.isdecimal() and path.parent.name in known:
        sweep = path.parent.name
        raise ConfigError(
            f"there is no sweep '{name}' in {runs}: it is a trial of {sweep}. Name the sweep, {sweep}; what there is of "
            f"the trial says gensweep show {sweep} {int(path.name)}"
        )
    is_path = len(path.parts) > 1 and path.parent.resolve() == runs.resolve()
    found = path.name if is_path else name.rstrip("/")
    if found not in known:
        elsewhere = (path / "sweep.yaml").is_file() and path.parent.resolve() != runs.resolve()
        where = f"For {name}: {path.resolve().name} --runs {path.parent}. " if elsewhere else ""
        raise ConfigError(f"there is no sweep '{found}' in {runs}. {where}{suggest(found, known)}")
    return runs / found


def trust_these(files: list[Path] | None) -> None:
    """Remember that the user trusts these files.

    Raises:
        ConfigError: one cannot be read.
    """
    for file in files or ():
        trust(file)
