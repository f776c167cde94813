"""The arguments and options that several commands take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gensweep import registry, shipped
from gensweep.cli import completing
from gensweep.errors import ConfigError, suggest
from gensweep.extractors.trust import trust
from gensweep.file_modes import SHARED, share
from gensweep.home import expanded
from gensweep.ledger.sweep_folder import SweepFolder, sweeps
from gensweep.plugged import given, meet, need
from gensweep.progress import Loudness, loudness, speak
from gensweep.registry.folder import read


def _share(value: bool) -> bool:
    if value and (reason := share()):
        print(f"gensweep: --shared: {reason}", file=sys.stderr)
    return value


def _speak(value: bool, how: Loudness) -> bool:
    if value and loudness() is not Loudness.USUAL:
        raise ConfigError("--quiet and --verbose say two things. Give one of them.")
    if value:
        speak(how)
    return value


def _use(ctx: typer.Context, value: Path | None) -> Path | None:
    if value is not None and ctx.resilient_parsing:  # a shell completes names, of which nothing is imported or trusted
        registry.use(read(expanded(value, "--plugins")))
    elif value is not None:
        given(expanded(value, "--plugins"))
    return value


File = Annotated[
    Path,
    typer.Argument(
        help="a search-space file (YAML), or the name of one that ships (gensweep list search-spaces)",
        show_default=False,
        callback=shipped.found,
        autocompletion=completing.search_spaces,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        help="overrides in Hydra's grammar, as in dataset=fashion_mnist trial.family.lambda=10",
        show_default=False,
        autocompletion=completing.overrides,
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
Name = Annotated[
    str,
    typer.Argument(
        help="a sweep's name, as `gensweep ls` shows it", show_default=False, autocompletion=completing.sweeps
    ),
]
Address = Annotated[
    str | None,
    typer.Option(envvar=["GENSWEEP_ADDRESS", "RAY_ADDRESS"], help="of a running Ray cluster; default: this machine"),
]
SubmitAddress = Annotated[
    str | None,
    typer.Option(
        "--address",
        envvar=["GENSWEEP_ADDRESS", "RAY_ADDRESS"],
        help="HOST:PORT of a running Ray cluster, or http://HOST:8265, where its jobs are handed in; default: this machine",
    ),
]
JobsAddress = Annotated[
    str | None,
    typer.Option(
        "--address",
        envvar=["GENSWEEP_ADDRESS", "RAY_ADDRESS"],
        help="http://HOST:8265, of a sweep that was submitted there; all others are found in their folder",
    ),
]
TrackingUri = Annotated[
    str | None,
    typer.Option(
        envvar=["GENSWEEP_TRACKING_URI", "MLFLOW_TRACKING_URI"],
        help="MLflow's store, or wandb://ENTITY/PROJECT; default: sqlite:///mlflow.db in this folder",
    ),
]
Artifacts = Annotated[
    str | None,
    typer.Option(
        "--artifacts",
        envvar="GENSWEEP_ARTIFACTS",
        help="keep trials' folders and checkpoints at this URL, which all nodes reach, as s3://bucket/prefix or file:///shared; "
        "noted for `resume`",
        metavar="URL",
        show_default=False,
    ),
]
InProcess = Annotated[
    bool,
    typer.Option(
        "--in-process", envvar="GENSWEEP_IN_PROCESS", help="one trial after another in this process, without Ray"
    ),
]
Shared = Annotated[
    bool,
    typer.Option(
        "--shared", envvar=SHARED, help="the group may write what is made, as far as the umask allows", callback=_share
    ),
]
Tensorboard = Annotated[
    bool,
    typer.Option(
        "--tensorboard",
        envvar="GENSWEEP_TENSORBOARD",
        help="event files for TensorBoard too, in the sweep's folder; later commands keep them level",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="errors and results alone; the rest is in the sweep's gensweep.log",
        callback=lambda value: _speak(value, Loudness.QUIET),
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="a line for every report of every trial",
        callback=lambda value: _speak(value, Loudness.VERBOSE),
    ),
]
Trust = Annotated[
    list[Path] | None,
    typer.Option("--trust", help="an extractor's file that may run code of its own; remembered by its hash"),
]
Plugins = Annotated[
    Path | None,
    typer.Option(
        "--plugins",
        envvar="GENSWEEP_PLUGINS",
        help="a folder with components of your own, as my_components/divergences/mine.py; its code is trusted from here on",
        callback=_use,
        show_default=False,
    ),
]
RUNS = Path("runs")


def sweep_named(name: str, runs: Path) -> SweepFolder:
    """The sweep of this name.

    Raises:
        ConfigError: there is none; the message names the nearest.
        DamagedSweep: it has no definition, or links lead out of it.
    """
    folder = SweepFolder.open(folder_named(name, runs))
    meet(folder)
    return folder


def sweep_to_use(name: str, runs: Path) -> SweepFolder:
    """The sweep of this name, whose models are made or whose trials are trained: with its own components, where it has any.

    Raises:
        ConfigError: as above, or nobody said to trust these.
    """
    folder = sweep_named(name, runs)
    need(folder)
    return folder


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


def takes_jobs(address: str | None) -> bool:
    """Whether it is where the jobs of a Ray cluster are handed in; any other is of a cluster that this machine joins."""
    return address is not None and address.startswith(("http://", "https://"))


def trust_these(files: list[Path] | None) -> None:
    """Remember that the user trusts these files.

    Raises:
        ConfigError: one cannot be read.
    """
    for file in files or ():
        trust(expanded(file, "--trust"))
