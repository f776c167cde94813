"""The command that removes a sweep: rm."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gensweep.cli.options import RUNS, Artifacts, Name, Runs, TrackingUri, folder_named
from gensweep.errors import ConfigError, DamagedSweep
from gensweep.ledger.removal import Contents, contents, finish, held, refuse, remove, unfinished
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.text import counted, printable

if TYPE_CHECKING:
    from gensweep.artifacts.store import Store
    from gensweep.tracking.removal import Sent


def rm(
    name: Name,
    tracking: Annotated[
        bool, typer.Option("--tracking", help="its runs in MLflow too, those alone that it made itself")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
    runs: Runs = RUNS,
    tracking_uri: TrackingUri = None,
    artifacts: Artifacts = None,
) -> None:
    """Remove a sweep for good: its folder, what it keeps at the URL of --artifacts, and with --tracking its runs in MLflow.

    At the URL that alone goes which carries the sweep's id. It says what goes and asks; where nobody can answer it needs
    --yes. A sweep that runs is not removed. Links are not followed. What was interrupted is finished by saying it again.

    Examples:
      gensweep rm wae
      gensweep rm wae --tracking --yes
    """
    known = name.rstrip("/").rpartition("/")[2]
    if (left := unfinished(runs).get(known)) and not (runs / known).exists():
        finish(left)
        print(f"What was left of {known} is removed.")
        return
    path = folder_named(name, runs)
    refuse(path)
    found, sent = contents(path), _sent(path, tracking_uri) if tracking else None
    kept = _kept(path, artifacts)
    _tell(path, found, sent)
    if not (yes or _agreed(path)):
        print("Nothing was removed.")
        return
    from gensweep.tracking.remembered import forget

    with held(path):
        if sent is not None:
            sent.delete()
        if kept is not None:
            kept.remove_all()
        remove(path)
        forget(path)
    print(f"Removed {path}." + (f" {_of_store(sent)} are {_gone(sent)}" if sent and sent.own else ""))


def _sent(path: Path, tracking_uri: str | None) -> Sent:
    from gensweep.terminal import waiting

    with waiting("looking for its runs"):
        from gensweep.tracking.removal import sent

        return sent(SweepFolder.open(path), tracking_uri)


def _kept(path: Path, url: str | None) -> Store | None:
    """What the sweep keeps at a URL, told; None where there is nothing, or nothing that is its own."""
    from gensweep.storing import removable

    with contextlib.suppress(DamagedSweep):  # of a ledger that cannot be read nothing elsewhere is deleted
        store, what = removable(SweepFolder(path), url)
        if what:
            print(what, file=sys.stderr)
        return store
    return None


def _of_store(sent: Sent) -> str:
    from gensweep.tracking.store import named

    return f"{counted(len(sent.own), 'run')} in {named(sent.uri)}"


def _gone(sent: Sent) -> str:
    from gensweep.tracking.wandb_place import is_wandb

    return "deleted." if is_wandb(sent.uri) else "marked as deleted; `mlflow gc` frees their place."


def _tell(path: Path, found: Contents, sent: Sent | None) -> None:
    """What goes, and what of the sweep stays."""
    print(f"{path}: {found}.", file=sys.stderr)
    if sent is None:
        return
    from gensweep.tracking.removal import other_stores

    print(f"{_of_store(sent)}.", file=sys.stderr)
    if sent.others:
        print(f"{counted(sent.others, 'run')} there with its id were made by a copy of it, and stay.", file=sys.stderr)
    for uri in other_stores(path, sent.uri):
        print(f"Its runs in {printable(uri)} stay; for those: --tracking-uri", file=sys.stderr)


def _agreed(path: Path) -> bool:
    """What the user answers.

    Raises:
        ConfigError: nobody can be asked.
    """
    if not sys.stdin.isatty():
        raise ConfigError(f"{path}: is removed for good, and here nobody can be asked. Add --yes to remove it.")
    return typer.confirm("Remove it for good?", err=True)
