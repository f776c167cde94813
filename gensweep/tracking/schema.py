"""What a database must hold for MLflow to keep runs in it: the installed MLflow's schema, or nothing yet.

MLflow itself finds that out too, after an import of seconds; its migrations say the same as files.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Collection
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

EXPERIMENT = "gensweep"
OF_MLFLOW = {"experiments", "runs"}
_REVISION = re.compile(r"^(revision|down_revision)\b[^=\n]*=(.*)$", re.MULTILINE)
_NAME = re.compile(r"['\"]([^'\"]+)['\"]")
ELSEWHERE = "name another store, as in --tracking-uri sqlite:///other.db"


class Trouble(NamedTuple):
    """Why a store cannot be used, and what to do about it (None: the usual)."""

    why: str
    cure: str | None = None


class Revisions(NamedTuple):
    """The schemas that the installed MLflow knows, and the one that it works with."""

    head: str
    all: frozenset[str]


@dataclass(frozen=True)
class Found:
    """What is in a database: its tables, the revision of its schema, and gensweep's experiment (its id, and its stage).

    `is_unused` says that MLflow's tables are there, and neither a run nor an experiment that somebody made.
    """

    tables: frozenset[str]
    revision: str | None = None
    experiment: tuple[str, str] | None = None
    is_unused: bool = False


def revisions() -> Revisions | None:
    """From the files of MLflow's migrations, without importing it; None where they are not as they always were."""
    spec = importlib.util.find_spec("mlflow")
    known, replaced = set[str](), set[str]()
    for place in spec.submodule_search_locations or () if spec else ():
        for file in (Path(place) / "store" / "db_migrations" / "versions").glob("*.py"):
            for kind, value in _REVISION.findall(file.read_text(encoding="utf-8")):
                (known if kind == "revision" else replaced).update(_NAME.findall(value))
    heads = known - replaced
    return Revisions(heads.pop(), frozenset(known)) if len(heads) == 1 and replaced <= known else None


def misfit(found: Found, shown: str, known: Revisions | None, *, shared: bool = False) -> Trouble | None:
    """Why MLflow cannot keep runs in a database, which messages call `shown`; None where it can.

    `shared`: other programs' tables beside MLflow's are no mistake there.
    """
    if not found.tables >= OF_MLFLOW:
        return None if shared or not found.tables else _foreign(found.tables)
    if found.revision is None:
        return Trouble(
            "MLflow's tables are there without a version: whoever made them was interrupted",
            f"If no runs are in it, move it away and start again; else restore it from a copy, or {ELSEWHERE}.",
        )
    if known is not None and found.revision != known.head:
        return _outdated(found.revision, known, shown)
    if found.experiment is not None and found.experiment[1] != "active":
        return deleted(found.experiment[0], shown)
    return None


def deleted(experiment: str, shown: str) -> Trouble:
    """What to do about gensweep's experiment, which somebody deleted. MLflow keeps its name until `mlflow gc`."""
    where = f"--backend-store-uri {shown} " if not shown.startswith("http") else ""
    return Trouble(
        f"its experiment '{EXPERIMENT}' is deleted",
        f"Get it back: MLFLOW_TRACKING_URI={shown} mlflow experiments restore -x {experiment}. Or remove it for good, with "
        f"all its runs: mlflow gc {where}--experiment-ids {experiment}. Or {ELSEWHERE}.",
    )


def _foreign(tables: Collection[str]) -> Trouble:
    some = ", ".join(sorted(tables)[:3])
    return Trouble(
        f"it is the database of another program (tables {some}{', …' if len(tables) > 3 else ''}), and MLflow's tables "
        "would be mixed with them",
        f"Move it away, or {ELSEWHERE}.",
    )


def _outdated(revision: str, known: Revisions, shown: str) -> Trouble:
    version = metadata.version("mlflow")
    if revision in known.all:
        return Trouble(
            f"its schema {revision} is older than that of MLflow {version} here, {known.head}",
            f"Make a copy of it, then run: mlflow db upgrade {shown}. Or, if no runs are in it, move it away; or {ELSEWHERE}.",
        )
    return Trouble(
        f"its schema {revision} is newer than that of MLflow {version} here, {known.head}",
        f"Use the MLflow that made it, for example by: pip install --upgrade mlflow. Or {ELSEWHERE}.",
    )
