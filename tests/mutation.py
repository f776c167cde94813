"""Would the tests notice? Small faults are put into the code one at a time, and the tests of that part run against each.

    make mutate                                             100 mutations over the parts that keep a sweep's promises
    python -m tests.mutation gensweep/campaign.py -n 20     20 mutations of one file
    python -m tests.mutation --again build/mutations.txt    those that survived a run whose output was kept

A mutation is killed when a test fails. One that survives is printed with its place: either a test is missing, or the
mutation changes nothing that anybody could notice.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import functools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPIED = (  # what the tests read besides
    "gensweep", "tests", "search_spaces", "deploy", "docs", "mkdocs.yml", "pyproject.toml", "README.md", "SECURITY.md",
    "CONTRIBUTING.md", "CHANGELOG.md",
)  # fmt: skip
# the tests that a part has to answer to, the quick ones first
PARTS = {
    "gensweep/orchestration/decide.py": [
        "tests/orchestration/test_driver.py",
        "tests/orchestration/test_confirming.py",
    ],
    "gensweep/orchestration/driver.py": ["tests/orchestration/test_driver.py"],
    "gensweep/ledger/state.py": ["tests/ledger/test_state.py", "tests/orchestration/test_driver.py"],
    "gensweep/ledger/history.py": ["tests/ledger/test_state.py", "tests/orchestration/test_driver.py"],
    "gensweep/searchers": ["tests/searchers", "tests/contracts/test_searchers.py"],
    "gensweep/early_stopping": ["tests/early_stopping", "tests/contracts/test_early_stopping.py"],
    "gensweep/executors": ["tests/executors"],
    "gensweep/tracking/access.py": ["tests/tracking/test_pages.py", "tests/tracking/test_mlflow_app.py"],
    "gensweep/tracking/wandb": ["tests/tracking/test_wandb_store.py"],
    "gensweep/tracking/tensorboard": ["tests/tracking/test_tensorboard_files.py"],
    "gensweep/tracking/event_records.py": ["tests/tracking/test_tensorboard_files.py"],
    "gensweep/tracking/run_records.py": ["tests/tracking/test_wandb_store.py"],
    "gensweep/tracking/removal.py": ["tests/tracking/test_runs_removed.py", "tests/cli/test_removing.py"],
    "gensweep/tracking/mlflow_models.py": ["tests/tracking/test_models.py"],
    "gensweep/tracking/offered.py": ["tests/tracking/test_models.py", "tests/tracking/test_projection.py"],
    "gensweep/tracking": [
        "tests/tracking/test_describe.py",
        "tests/tracking/test_cursor.py",
        "tests/tracking/test_projection.py",
        "tests/tracking/test_background.py",
        "tests/tracking/test_store.py",
        "tests/tracking/test_run_store.py",
        "tests/tracking/test_identity.py",
        "tests/tracking/test_store_schema.py",
    ],
    "gensweep/campaign.py": ["tests/test_campaign.py", "tests/test_plugged.py"],
    "gensweep/drive.py": ["tests/test_drive.py", "tests/test_campaign.py"],
    "gensweep/parent.py": ["tests/test_parent.py"],
    "gensweep/stopping.py": ["tests/test_stopping.py"],
    "gensweep/faults.py": ["tests/test_faults.py"],
    "gensweep/ledger/last_words.py": ["tests/test_drive.py", "tests/test_parent.py"],
    "gensweep/changes.py": ["tests/test_changes.py", "tests/test_campaign.py"],
    "gensweep/collection.py": ["tests/test_collection.py"],
    "gensweep/orphans.py": ["tests/test_orphans.py"],
    "gensweep/orchestration/room.py": ["tests/orchestration/test_room.py"],
    "gensweep/verdict.py": ["tests/test_campaign.py", "tests/cli/test_showing.py"],
    "gensweep/trial.py": ["tests/test_trial.py"],
    "gensweep/objective.py": ["tests/test_objective.py", "tests/orchestration/test_driver.py"],
    "gensweep/axes/arms.py": ["tests/axes", "tests/orchestration/test_driver.py"],
}
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
}  # fmt: skip
_PATIENCE = 5  # times as long as without a fault is hanging
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}


@dataclass(frozen=True)
class Mutant:
    """One fault: the file, the line, what was done, and the source with it."""

    file: Path
    line: int
    what: str
    source: str


def mutants(file: Path) -> list[Mutant]:
    """Every fault that can be put into a file."""
    tree = ast.parse(file.read_text())
    found = []
    for index, node in enumerate(ast.walk(tree)):
        for what, change in _changes(node):
            mutated = copy.deepcopy(tree)
            change(next(n for i, n in enumerate(ast.walk(mutated)) if i == index))
            found.append(
                Mutant(file, getattr(node, "lineno", 0), what, ast.unparse(ast.fix_missing_locations(mutated)))
            )
    return found


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], None]]]:
    """What can go wrong at a node: a description, and a function that does it to a copy of the node."""
    text = ast.unparse(node)[:60].replace("\n", " ") if not isinstance(node, ast.Module) else ""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        yield f"{text}: other comparison", lambda n: n.ops.__setitem__(0, SWAPS[type(n.ops[0])]())  # type: ignore[attr-defined]
    if isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in SWAPS and not _is_text(node):
        yield f"{text}: other operator", lambda n: setattr(n, "op", SWAPS[type(n.op)]())  # type: ignore[attr-defined]
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield f"if {ast.unparse(node.test)[:50]}: negated", _negate
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{text}: negated", lambda n: setattr(n, "value", not n.value)  # type: ignore[attr-defined]
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield f"{text}: one more", lambda n: setattr(n, "value", n.value + 1)  # type: ignore[attr-defined]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield f"{text}: {CALLS[node.func.id]}", lambda n: setattr(n.func, "id", CALLS[n.func.id])  # type: ignore[attr-defined]
    if isinstance(node, ast.FunctionDef | ast.For | ast.While | ast.If | ast.With | ast.Try):
        for place, statement in enumerate(node.body):
            if _is_effect(statement):
                yield f"without `{ast.unparse(statement)[:60]}`", _dropping(place)


def _negate(node: ast.AST) -> None:
    node.test = ast.UnaryOp(ast.Not(), node.test)  # type: ignore[attr-defined]


def _dropping(place: int) -> Callable[[ast.AST], None]:
    return lambda node: node.body.__setitem__(place, ast.Pass())  # type: ignore[attr-defined]


def _is_effect(statement: ast.stmt) -> bool:
    """A statement that is there for what it does: a call, or an assignment to something that stays."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call)
    if isinstance(statement, ast.Assign):
        return any(
            isinstance(t, ast.Attribute | ast.Subscript) for target in statement.targets for t in ast.walk(target)
        )
    return isinstance(statement, ast.AugAssign)


def _is_text(node: ast.AST) -> bool:
    return any(
        isinstance(n, ast.JoinedStr) or (isinstance(n, ast.Constant) and isinstance(n.value, str))
        for n in ast.walk(node)
    )


def sample(paths: list[Path], n: int, seed: int) -> list[Mutant]:
    """n mutants, of each file in proportion to what can go wrong there."""
    files = dict.fromkeys(file for path in paths for file in _files(path))  # a part may lie in another one
    everything = [mutant for file in files for mutant in mutants(file)]
    dice = random.Random(seed)
    return sorted(dice.sample(everything, min(n, len(everything))), key=lambda m: (str(m.file), m.line))


def _files(path: Path) -> list[Path]:
    """Those of a folder, a file, or whatever begins with the path."""
    if path.suffix == ".py":
        return [path]
    found = path.rglob("*.py") if path.is_dir() else path.parent.glob(f"{path.name}*.py")
    return sorted(f for f in found if f.name != "__init__.py")


def tests_of(file: Path) -> list[str]:
    """The tests that have to notice a fault in a file: its own first, which mirror it, then those of its part."""
    relative = file.relative_to(ROOT)
    own = Path("tests", *relative.parts[1:-1], f"test_{relative.stem.lstrip('_')}.py")
    of_part = next((tests for part, tests in PARTS.items() if str(relative).startswith(part)), ["tests"])
    return list(dict.fromkeys([str(own), *of_part]))


def survivors_of(log: Path) -> list[Mutant]:
    """The mutants that an earlier run, whose output is in `log`, calls survivors, as the code is now."""
    again = []
    for name, line, what in re.findall(r"SURVIVED +\d+ s (\S+?):(\d+) (.*)", log.read_text()):
        alike = [mutant for mutant in mutants(ROOT / name) if mutant.what == what.rstrip()]
        if alike:
            again.append(min(alike, key=lambda mutant: abs(mutant.line - int(line))))
        else:
            print(f"{name}:{line} {what}: is no longer there")
    return again


def is_killed(mutant: Mutant, place: Path, limit: float) -> bool:
    """Whether a test fails, or hangs, with the mutant in a copy of the package in `place`."""
    tests = tuple(test for test in tests_of(mutant.file) if (ROOT / test).exists())
    hangs = min(limit, _PATIENCE * sum(_seconds(test, place, limit) for test in tests))
    target = place / mutant.file.relative_to(ROOT)
    original = target.read_text()
    target.write_text(mutant.source)
    try:
        return not _pass(tests, place, hangs)
    except subprocess.TimeoutExpired:
        return True
    finally:
        target.write_text(original)


def _pass(tests: tuple[str, ...], place: Path, limit: float) -> bool:
    """Whether these tests pass with the package in `place`; what they leave running when they hang ends too."""
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow"]
    done = subprocess.Popen(
        [*command, *tests], cwd=place, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        return done.wait(limit) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(done.pid, signal.SIGKILL)
        done.wait()


@functools.cache
def _seconds(test: str, place: Path, limit: float) -> float:
    """How long these tests take without a fault."""
    began = time.monotonic()
    assert _pass((test,), place, limit), f"without a fault these fail, or take more than {limit:g} s: {test}"
    return time.monotonic() - began


def main() -> int:
    """Run the mutations; the exit code is 1 if fewer than 90 % are killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, default=[Path(part) for part in PARTS])
    parser.add_argument("-n", type=int, default=100, help="how many mutations")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=1, metavar="K", help="begin with the K-th of them")
    parser.add_argument("--again", type=Path, metavar="LOG", help="only the survivors of the run that printed this")
    parser.add_argument("--limit", type=float, default=600, help="the most seconds that a run may take")
    options = parser.parse_args()
    paths = [ROOT / path for path in options.paths]
    chosen = survivors_of(options.again) if options.again else sample(paths, options.n, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, place / name)
        survivors = _run(chosen, place, options.limit, options.first)
    tried = len(chosen) - options.first + 1
    killed = tried - len(survivors)
    print(f"\n{killed} of {tried} mutations killed ({killed / max(tried, 1):.0%}). Survivors:")
    for mutant in survivors:
        print(f"  {mutant.file.relative_to(ROOT)}:{mutant.line} {mutant.what}")
    return 0 if killed >= 0.9 * tried else 1


def _run(chosen: list[Mutant], place: Path, limit: float, first: int) -> list[Mutant]:
    survivors = []
    for number, mutant in enumerate(chosen[first - 1 :], start=first):
        began = time.monotonic()
        killed = is_killed(mutant, place, limit)
        survivors += [] if killed else [mutant]
        word = "killed  " if killed else "SURVIVED"
        where = f"{mutant.file.relative_to(ROOT)}:{mutant.line}"
        print(f"[{number}/{len(chosen)}] {word} {time.monotonic() - began:4.0f} s {where} {mutant.what}", flush=True)
    return survivors


if __name__ == "__main__":
    sys.exit(main())
