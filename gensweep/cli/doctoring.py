"""The command that says what of a sweep's folder is whole, and mends what can be: doctor."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from gensweep.cli.options import RUNS, AsJson, Name, Runs, folder_named
from gensweep.errors import DamagedSweep, GensweepError
from gensweep.ledger.examination import Damage, examined, move_aside, refuse_a_running
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_examination import examined_trials
from gensweep.searchers.studies import MOST_IN_A_STUDY

_JUDGES = ("events.jsonl", "lease.json", "sweep.yaml", "trials")  # what the rest is judged by
_ROUNDS = 4  # what is mended may bring to light what lay behind it: lease, ledger, definition, tables


def doctor(
    name: Name,
    runs: Runs = RUNS,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="mend what loses nothing more: what was damaged is kept beside what is written anew"
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what of a sweep's folder is whole, what is damaged and what to do. Exit code 0 where all is whole, 5 where not.

    Nothing is changed without --repair. It writes the definition, rows, tables and the report anew from the ledger, moves
    torn checkpoints and what cannot be read aside, and deletes nothing that cannot be made again.

    Examples:
      gensweep doctor wae
      gensweep doctor wae --repair
    """
    path = folder_named(name, runs)
    from gensweep.cli.output import print_rows
    from gensweep.tables import Layout
    from gensweep.terminal import waiting

    if repair:
        refuse_a_running(SweepFolder(path))
    with waiting(f"examining {path}"):
        mended = _mended(path) if repair else []
        found = _found(path)
    rows = [_row(path, damage, "mended") for damage in mended] + [_row(path, damage, "damaged") for damage in found]
    if rows or as_json:
        print_rows(
            rows,
            as_json=as_json,
            layout=Layout(("file", "state", "what", "cure"), ("what", "cure"), elsewhere="--json"),
        )
    if found:
        can_mend = any(damage.repair for damage in found)
        raise DamagedSweep(
            f"{path}: {len(found)} found. "
            + (
                f"To mend what can be: gensweep doctor {path.name} --repair"
                if can_mend
                else "What is left needs a copy."
            )
        )
    if not as_json:
        print(f"{path} is whole.")


def _row(path: Path, damage: Damage, state: str) -> dict[str, str]:
    return {"file": str(damage.path.relative_to(path)), "state": state, "what": damage.what, "cure": damage.cure}


def _mended(path: Path) -> list[Damage]:
    """Mend what can be, layer by layer; what was mended."""
    mended = list[Damage]()
    for _ in range(_ROUNDS):
        todo = [damage for damage in _found(path) if damage.repair is not None]
        if not todo:
            break
        for repair in dict.fromkeys(damage.repair for damage in todo):  # one may mend several
            if repair is not None:
                repair()
        mended += todo
    return list(dict.fromkeys(mended))


def _found(path: Path) -> list[Damage]:
    """All that is wrong; where the ledger or the definition is, that alone: the rest is judged by them."""
    found = {damage.path: damage for damage in examined(path)}
    if not any(file.name in _JUDGES for file in found):
        folder = SweepFolder(path)
        for part in (_tracking, examined_trials, _derived):
            for damage in part(folder):
                found.setdefault(damage.path, damage)
    return list(found.values())


def _tracking(folder: SweepFolder) -> Iterator[Damage]:
    from gensweep.tracking.cursor import Cursor
    from gensweep.tracking.sent import CURSOR

    file = folder.path / CURSOR
    try:
        for uri in _stores(file):
            Cursor.load(file, uri)
    except DamagedSweep as error:
        file = file if file.exists() else file.with_name("tracking.json")
        what = str(error).partition(": ")[2].partition(". ")[0]
        cure = "Everything is sent once more, to the runs that carry the sweep's id: move it away"
        yield Damage(file, what, cure, partial(move_aside, file))


def _stores(file: Path) -> Sequence[str]:
    from gensweep.tracking.cursor import stores

    return stores(file) or [""]


def _derived(folder: SweepFolder) -> Iterator[Damage]:
    """The tables, the report and study.db of a sweep that has finished, which are made from its ledger."""
    from gensweep.comparison.collect import csv_of, trials

    state = folder.state()
    if not (state.finished and state.closed):
        return
    cure, anew = "It is made from the ledger: write it anew", partial(_derive, folder)
    wholes: dict[str, Callable[[bytes], bool]] = {
        name: content.__eq__ for name, content in csv_of(trials(folder, state)).items()
    }
    if (folder.path / "report").is_dir() or _has_report(folder):
        wholes["report/report.html"] = lambda data: data.rstrip().endswith(b"</html>")
    for name, is_whole in wholes.items():
        file = folder.path / name
        if not file.is_file() or not is_whole(file.read_bytes()):
            yield Damage(file, "is not what the ledger gives" if file.exists() else "is missing", cure, anew)
    file = folder.path / "study.db"
    if not _is_database(file) and (file.exists() or len(state.trials) <= MOST_IN_A_STUDY):
        yield Damage(file, "is no whole database" if file.exists() else "is missing", cure, partial(_study, folder))


def _has_report(folder: SweepFolder) -> bool:
    from gensweep.verdict import judge

    return judge(folder).comparison is not None


def _is_database(file: Path) -> bool:
    address = f"file:{quote(str(file))}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True)) as database:
            found = database.execute("pragma quick_check").fetchone()
            return bool(found == ("ok",) and database.execute("select count(*) from trials").fetchone())
    except sqlite3.Error:
        return False


def _derive(folder: SweepFolder) -> None:
    from gensweep.terminal import say
    from gensweep.verdict import judge

    judge(SweepFolder(folder.path)).with_baselines(say).write()


def _study(folder: SweepFolder) -> None:
    from gensweep.searchers.studies.dashboard import write_studies
    from gensweep.spaces.sweep import from_definition

    with contextlib.suppress(GensweepError):  # what its definition names is not here: then there is no study
        arms = from_definition(folder.definition).arms
        write_studies(arms, folder.state(), folder.path / "study.db", folder.times())
