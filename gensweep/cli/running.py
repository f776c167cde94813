"""The commands that run a sweep, and those that say what would run: run, resume, confirm, check, plan."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gensweep.cli.options import (
    RUNS,
    Address,
    Artifacts,
    File,
    InProcess,
    Name,
    Overrides,
    Plugins,
    Quiet,
    Runs,
    Shared,
    Tensorboard,
    TrackingUri,
    Trust,
    Verbose,
    sweep_to_use,
    trust_these,
)
from gensweep.errors import ConfigError, Stopped

if TYPE_CHECKING:
    from gensweep.campaign import Where
    from gensweep.spaces.sweep import Sweep


def run(  # noqa: PLR0913 -- the options of a command are its interface
    file: File,
    overrides: Overrides = None,
    runs: Runs = RUNS,
    address: Address = None,
    tracking_uri: TrackingUri = None,
    artifacts: Artifacts = None,
    in_process: InProcess = False,
    tensorboard: Tensorboard = False,
    trust: Trust = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="the same as `plan`")] = False,
    cfg: Annotated[
        bool,
        typer.Option("--cfg", help="print the file with all that it leaves to others, as YAML; nothing is started"),
    ] = False,
    allow_changed: Annotated[
        str | None,
        typer.Option(
            "--allow-changed",
            help="go on with a sweep although it now searches or stops trials otherwise: search.seed,early_stopping",
            metavar="KEYS",
            show_default=False,
        ),
    ] = None,
    plugins: Plugins = None,
    shared: Shared = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run a sweep, or go on with it if it was begun; ends with a comparison table.

    Examples:
      gensweep run search_spaces/wae.yaml
      gensweep run search_spaces/wae.yaml dataset=fashion_mnist trial.training.epochs=1 search.samples=4
      gensweep run search_spaces/families.yaml name=big search.samples=20 --address head:6379
      gensweep run search_spaces/wae.yaml --address auto --artifacts s3://bucket/sweeps
      gensweep run search_spaces/wae.yaml --tensorboard
      gensweep run search_spaces/wae.yaml early_stopping=none --allow-changed early_stopping
      gensweep run wae dataset=fashion_mnist --cfg > fashion.yaml
    """
    if cfg:
        _print_resolved(file, overrides, also=dry_run)
        return
    if dry_run:
        plan(file, overrides, trust)
        return
    trust_these(trust)
    from gensweep.terminal import say

    say(f"reading {file}")
    from gensweep.spaces.check import load_and_check
    from gensweep.spaces.sources import trust_as_said

    sweep = load_and_check(file, overrides or [])
    trust_as_said(sweep)
    from gensweep.campaign import Where
    from gensweep.changes import changeable

    allowed = changeable(allow_changed) if allow_changed is not None else []
    _conduct(sweep, Where(runs, address, tracking_uri, in_process, tensorboard, artifacts), allowed=allowed)


def resume(  # noqa: PLR0913 -- the options of a command are its interface
    name: Name,
    runs: Runs = RUNS,
    address: Address = None,
    tracking_uri: TrackingUri = None,
    artifacts: Artifacts = None,
    in_process: InProcess = False,
    tensorboard: Tensorboard = False,
    samples: Annotated[
        str | None,
        typer.Option(
            help="ask for more trials an arm than the sweep has: 40 in all, or +8", metavar="N|+N", show_default=False
        ),
    ] = None,
    retry_failed: Annotated[
        str | None,
        typer.Option(
            "--retry-failed",
            help="take up trials that failed, once what they failed of is mended",
            metavar="all|3,7",
            show_default=False,
        ),
    ] = None,
    trust: Trust = None,
    plugins: Plugins = None,
    shared: Shared = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Go on with a sweep after Ctrl-C, a crash or a time budget: the same trials, the same search, the same MLflow runs.

    Examples:
      gensweep resume wae
      gensweep resume wae --samples +20
      gensweep resume wae --retry-failed all
    """
    trust_these(trust)
    folder = sweep_to_use(name, runs)
    from gensweep.terminal import say

    say(f"reading {folder.path}")
    from gensweep.campaign import Where
    from gensweep.changes import continued, failed

    sweep, retry = continued(folder, samples), failed(folder, retry_failed) if retry_failed is not None else []
    _conduct(sweep, Where(runs, address, tracking_uri, in_process, tensorboard, artifacts), retry)


def confirm(  # noqa: PLR0913 -- the options of a command are its interface
    name: Name,
    runs: Runs = RUNS,
    address: Address = None,
    tracking_uri: TrackingUri = None,
    artifacts: Artifacts = None,
    in_process: InProcess = False,
    tensorboard: Tensorboard = False,
    top: Annotated[int, typer.Option(min=1, max=100, help="how many configurations of each arm, the best ones")] = 1,
    seeds: Annotated[int, typer.Option(min=2, max=1000, help="fresh seeds for each of them")] = 5,
    trust: Trust = None,
    plugins: Plugins = None,
    shared: Shared = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train each arm's best configurations again on fresh seeds, for all epochs, and score them once on the test split.

    What was searched stays as it is. More may be asked for later: what is confirmed already is not trained again.

    Examples:
      gensweep confirm wae
      gensweep confirm wae --top 3 --seeds 10
    """
    trust_these(trust)
    folder = sweep_to_use(name, runs)
    from gensweep.terminal import say

    say(f"reading {folder.path}")
    from gensweep.campaign import Where
    from gensweep.changes import continued
    from gensweep.configuration import Confirm

    asked = Confirm(top=top, seeds=seeds)
    _conduct(continued(folder, confirm=asked), Where(runs, address, tracking_uri, in_process, tensorboard, artifacts))


def check(file: File, overrides: Overrides = None, trust: Trust = None, plugins: Plugins = None) -> None:
    """Find every mistake in a search-space file, in seconds and without starting anything; say what would be compared.

    Data and extractors are opened as trials open them; what is large, or would be fetched, is not, and that is said.

    Example:
      gensweep check search_spaces/wae.yaml trial.latent_size='choice(4,8)'
    """
    sweep, left = _sound(file, overrides, trust)
    from gensweep.cli.notes import notes
    from gensweep.terminal import print_text
    from gensweep.text import counted

    confirmed = sum(sweep.confirmations.values())
    more = f", and {counted(confirmed, 'trial')} that confirm what they find" if confirmed else ""
    print(f"{file}: sound. {counted(sum(sweep.counts.values()), 'trial')}{more}:")
    print_text("\n".join([*(f"  {n} x {arm}" for arm, n in sweep.counts.items()), *notes(sweep), *left]))


def plan(file: File, overrides: Overrides = None, trust: Trust = None, plugins: Plugins = None) -> None:
    """Say what would run: trials, axes, time from a timed probe on this machine, disk.

    Example:
      gensweep plan search_spaces/families.yaml search.samples=50
    """
    sweep, _ = _sound(file, overrides, trust)
    from gensweep.cli.output import print_plan
    from gensweep.devices import n_usable
    from gensweep.orchestration.plan import probe
    from gensweep.orchestration.share import foreseen

    device = "cuda" if sweep.resources.gpu != 0 and n_usable() else "cpu"
    print_plan(sweep, probe(sweep, device), foreseen(sweep))


def _sound(file: Path, overrides: list[str] | None, trust: list[Path] | None) -> tuple[Sweep, list[str]]:
    """The sweep, with its data here, and what of them was not opened."""
    trust_these(trust)
    from gensweep.terminal import waiting

    with waiting(f"reading {file}"):
        from gensweep.spaces.check import load_and_check
        from gensweep.spaces.sources import data_problems, opened_at_once, trust_as_said

        sweep = load_and_check(file, overrides or [])
        trust_as_said(sweep)
        problems, left = data_problems(sweep), list[str]()
    if not problems:
        with waiting("opening the data"):
            problems, left = opened_at_once(sweep)
    if problems:
        raise ConfigError(problems)
    return sweep, left


def _print_resolved(file: Path, overrides: list[str] | None, *, also: bool) -> None:
    """The sweep as a file that needs no other, and gives the same trials."""
    if also:
        raise ConfigError("--cfg and --dry-run say two things. Give one of them.")
    from gensweep.credentials import redacted
    from gensweep.spaces.check import load_and_check
    from gensweep.writing import yaml_of

    sweep = load_and_check(file, overrides or [])
    said = redacted(shlex.join(["gensweep", "run", str(file), *(overrides or [])]))
    print(f"# What this is, resolved: {' '.join(said.split())}")
    definition = sweep.definition()
    if definition.pop("plugins", None):
        print("# Some of its components are plug-ins: run it with the same --plugins.")
    print(yaml_of(definition), end="")


def _conduct(sweep: Sweep, where: Where, retry: Sequence[int] = (), allowed: Sequence[str] = ()) -> None:
    """Run it, and print what came of it also where something went wrong; then the exit code says so."""
    from gensweep.campaign import conduct
    from gensweep.cli.output import print_answer, print_rest
    from gensweep.verdict import Verdict

    def told(verdict: Verdict) -> None:
        if not isinstance(verdict.problem, Stopped):
            print_answer(verdict)

    verdict = conduct(sweep, where, told, retry, allowed)
    try:
        if not isinstance(verdict.problem, Stopped):
            print_rest(verdict, where.tracking_uri)
    finally:  # also where nobody reads the table any more
        if verdict.problem:
            raise verdict.problem
