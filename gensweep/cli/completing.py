"""What a shell offers when Tab is pressed: names of sweeps, trials, search spaces and components.

Names come from folders alone; no sweep is read and nothing heavy is imported, because a person waits for it. What goes wrong is
no offer.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from gensweep import registry, shipped
from gensweep.cli.defaults import defaults
from gensweep.ledger.sweep_folder import sweeps as sweeps_in
from gensweep.registry.kinds import singular

_TRIAL = re.compile(r"(\d+)-")
_DEFAULTS = Path(registry.__file__).parents[1] / "spaces" / "defaults"
_KINDS = {  # of which component the value of an override is
    "search.sampler": "searchers", "early_stopping.name": "early_stopping", "trial.dataset": "datasets",
    "trial.network": "networks", "trial.family": "families", "trial.family.divergence": "divergences",
    "trial.family.constraint": "constraints", "trial.training.optimizer": "optimizers",
    "trial.training.lr_schedule": "lr_schedules", "objective": "metrics", "objective.metric": "metrics",
}  # fmt: skip
Offer = Callable[[typer.Context, str], list[str]]


def _quiet(offer: Callable[[typer.Context, str], Iterable[str]]) -> Offer:
    """The offer, of those that begin with what was typed; none where it cannot be made."""

    @functools.wraps(offer)
    def offered(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            found = list(offer(ctx, incomplete))
        except Exception:  # a traceback amid a command line helps nobody
            return []
        return [name for name in found if name.startswith(incomplete)]

    return offered


@_quiet
def sweeps(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Names of sweeps."""
    return (folder.path.name for folder in sweeps_in(_runs(ctx)))


@_quiet
def trials(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """NAME/NUMBER: first the sweeps, then the trials of the one that was typed."""
    name, slash, _ = incomplete.partition("/")
    if not slash:
        return (f"{folder.path.name}/" for folder in sweeps_in(_runs(ctx)))
    return (f"{name}/{number}" for number in _numbers(_runs(ctx), name))


@_quiet
def numbers(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Numbers of the trials of the sweep that was named."""
    return _numbers(_runs(ctx), str(ctx.params.get("name")))


@_quiet
def search_spaces(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Files here, folders on the way to more of them, and names of those that ship."""
    folder, _ = os.path.split(incomplete)
    for entry in sorted(os.scandir(folder or "."), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() or entry.name.endswith((".yaml", ".yml", ".json")):
            yield os.path.join(folder, entry.name) + ("/" if entry.is_dir() else "")
    yield from shipped.names()


@_quiet
def overrides(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """The values of an override that names a component.

    Bash hands it over in three words, `dataset`, `=` and the value, of which typer leaves out an `=` that is the last one.
    """
    before = [word for word in (ctx.params.get("overrides") or ()) if word != "="]
    key, equals, _ = incomplete.partition("=")
    if equals:
        return (f"{key}={value}" for value in _values(key))
    return _values(before[-1]) if before and "=" not in before[-1] else ()


@_quiet
def kinds(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """What `gensweep list` lists."""
    return (*registry.KINDS, "search-spaces")


@_quiet
def described(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Kinds, and names of all members."""
    return sorted({*registry.KINDS, *(name for kind in registry.KINDS for name in registry.names(kind))})


@_quiet
def members(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Names of the kind that was typed."""
    typed = str(ctx.params.get("kind"))
    return registry.names(next(kind for kind in registry.KINDS if typed in (kind, singular(kind))))


@_quiet
def shipped_names(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Search spaces that ship."""
    return shipped.names()


@_quiet
def datasets(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Datasets by name."""
    return registry.names("datasets")


@_quiet
def metrics(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Metrics; after a comma one more of them."""
    before, comma, _ = incomplete.rpartition(",")
    return (f"{before}{comma}{name}" for name in registry.names("metrics"))


def _values(key: str) -> list[str]:
    if key in _KINDS or key.removesuffix(".name") in _KINDS:
        return registry.names(_KINDS.get(key) or _KINDS[key.removesuffix(".name")])
    return sorted(file.stem for file in (_DEFAULTS / key).glob("*.yaml")) if key.isidentifier() else []


def _numbers(runs: Path, name: str) -> list[str]:
    if name not in {folder.path.name for folder in sweeps_in(runs)}:
        return []
    found = (_TRIAL.match(trial) for trial in os.listdir(runs / name / "trials"))
    return [str(number) for number in sorted(int(match[1]) for match in found if match)]


def _runs(ctx: typer.Context) -> Path:
    """The folder of sweeps that was typed, or is meant where none was."""
    source = ctx.get_parameter_source("runs")
    typed = ctx.params.get("runs") if source is not None and source.name == "COMMANDLINE" else None
    return Path(typed or os.environ.get("GENSWEEP_RUNS") or defaults().get("runs", "runs")).expanduser()
