"""The floors: code imports downward only, nothing private leaves its package, and each third-party library has its place."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import gensweep

ROOT = Path(gensweep.__file__).parent

FLOORS = {
    "__main__": 16, "parent": 15,
    "cli": 14, "api": 14, "benchmarks": 14,
    "campaign": 13, "drive": 12, "changes": 12, "placement": 12,
    "results": 12, "verdict": 11, "event_files": 11, "storing": 11,
    "report": 10, "registering": 10,
    "orchestration": 10, "evaluation": 9, "studies": 9, "repetition": 10, "proposals": 9,
    "executors": 10, "packs": 9, "modes": 8, "spaces": 8, "models": 8, "agreement": 8, "testing": 8,
    "trial": 7, "shape_key": 7, "searchers": 7, "early_stopping": 7,
    "configuration": 6, "trainers": 6,
    "plugged": 5, "families": 5, "metrics": 5, "comparison": 5, "terminal": 5,
    "divergences": 4, "extractors": 4, "axes": 4, "tracking": 4,
    "constraints": 3, "networks": 3, "datasets": 3, "optimizers": 3, "lr_schedules": 3, "objective": 3,
    "described": 3, "artifacts": 2, "component": 2, "devices": 2, "reading": 2, "cache": 2,
    "registry": 1, "nodes": 1, "yaml_mistakes": 1, "text_files": 1, "mathematics": 1, "files": 1, "ledger": 1,
    "tables": 1, "home": 1, "journal": 1, "writing": 3,
    "detached": 3, "driver_log": 2,
    "errors": 0, "stopping": 1, "faults": 1, "led": 2, "credentials": 0, "losses": 0, "layers": 0, "seeding": 0, "progress": 0,
    "orphans": 0, "held_signals": 0, "file_modes": 0, "pictures": 0, "text": 0, "collection": 0, "shipped": 0,
}  # fmt: skip
THIRD_PARTY = {
    "cli": {"typer", "yaml"}, "benchmarks": {"torch", "numpy", "scipy", "ray", "yaml"}, "terminal": {"rich"}, "tables": {"rich"},
    "orchestration": {"torch"}, "evaluation": {"torch", "pydantic"}, "studies": {"numpy", "scipy"},
    "results": {"pandas"}, "executors": {"ray", "torch", "requests"}, "spaces": {"pydantic", "hydra"},
    "models": {"torch", "numpy", "safetensors"},
    "trial": {"torch"}, "shape_key": {"torch"}, "modes": {"torch"},
    "searchers": {"optuna", "cmaes", "numpy", "torch", "pydantic"}, "early_stopping": {"pydantic"},
    "configuration": {"pydantic"}, "trainers": {"torch"},
    "families": {"torch", "pydantic"}, "metrics": {"torch", "ot", "scipy", "sklearn", "pydantic", "numpy"},
    "report": {"jinja2", "markupsafe", "matplotlib", "plotly", "torch"},
    "comparison": {"pandas", "numpy", "scipy"},
    "divergences": {"torch", "ot", "pydantic"}, "extractors": {"torch"},
    "tracking": {"mlflow", "wandb", "tensorboard", "flask", "yaml", "sqlalchemy", "requests", "torch", "numpy"},
    "constraints": {"torch", "pydantic"}, "networks": {"torch", "pydantic"},
    "datasets": {"torch", "pydantic", "datasets"}, "optimizers": {"torch", "pydantic"},
    "lr_schedules": {"pydantic"},
    "component": {"pydantic", "pydantic_core"}, "nodes": {"pydantic", "pydantic_core"},
    "artifacts": {"fsspec"}, "reading": {"yaml"}, "writing": {"yaml"}, "yaml_mistakes": {"yaml"},
    "repetition": {"torch"}, "proposals": {"torch", "pydantic"},
    "mathematics": {"torch"}, "files": {"torch", "numpy", "PIL"}, "ledger": {"yaml"},
    "testing": {"torch"},
    "devices": {"torch"}, "losses": {"torch"}, "layers": {"torch"}, "cache": {"torch"}, "pictures": {"torch", "PIL"},
}  # fmt: skip
HIDDEN = {  # libraries that few files hide from the rest
    "mlflow": {
        "tracking/mlflow_store.py": "the client",
        "tracking/mlflow_models.py": "the client, of models",
        "tracking/mlflow_app.py": "the server of `gensweep ui`",
        "tracking/sampler.py": "what a logged model runs, a copy of which MLflow keeps with it",
    },
    "wandb": {"tracking/wandb_store.py": "the client"},
    "tensorboard": {"tracking/event_records.py": "the form of its files"},
}
LATE = {  # what may import inside a function, and why
    "cli/**": "a command imports what it calls: --help, ls and show load neither torch nor Ray nor MLflow",
    "comparison/judge.py": "numpy and scipy take half a second, and `ls` and `show` import the package of the judge",
    "parent.py": "a command runs under a parent that forked before anything was imported",
    "orphans.py": "only the parent of a driver asks the system, once the driver has begun",
    "event_files.py": "TensorBoard is an optional dependency",
    "executors/_probe.py": "it is sent to a machine that may have neither gensweep nor torch, and says so",
    "campaign.py": "a sweep in this process needs no Ray; what it ends with is imported while Ray starts",
    "tracking/store.py": "SQLAlchemy and requests take half a second each, and a SQLite file needs neither",
    "metrics/_transport.py": "POT takes two seconds, SciPy a part of one, and `gensweep check` reads every metric's file",
    "metrics/_classifiers.py": "likewise scikit-learn",
    "divergences/exact_transport.py": "likewise POT",
}
BY_NAME = {  # what imports modules by name, and why
    "__init__.py": "what the library offers is imported when it is first asked for (PEP 562)",
    "benchmarks/peers.py": "other libraries, which no sweep needs and most machines do not have",
    "registry/__init__.py": "a member's name in YAML is the name of its file",
    "tracking/run_store.py": "the store that a URI names; MLflow takes seconds, and the contract above it none",
}

FILES = sorted(ROOT.rglob("*.py"))
BELOW = [path for path in FILES if path != ROOT / "__init__.py"]  # all that has a floor: the front door sees everything
each_file = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))


def package(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, ...]]:
    """The parts of every name that a file imports, those inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (tuple(f"{node.module}.{alias.name}".split(".")) for alias in node.names)


@pytest.mark.parametrize("path", BELOW, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_downward_and_libraries_stay_where_they_belong(path: Path) -> None:
    mine = package(path)
    for top, *rest in imports(path):
        if top == "gensweep":
            other = rest[0] if rest else "__version__"
            if other not in ("__version__", mine):
                assert FLOORS[other] < FLOORS[mine], f"floor {FLOORS[mine]} imports {other} of floor {FLOORS[other]}"
        elif top not in sys.stdlib_module_names:
            assert top in THIRD_PARTY.get(mine, set()), f"{top}, which {mine} may not import"


def test_every_package_has_a_floor() -> None:
    assert {package(path) for path in BELOW} == set(FLOORS)


def test_what_is_allowed_is_needed() -> None:
    """A library that a package has stopped importing goes from the table too, so that the table tells where each is."""
    used = {name: {parts[0] for path in BELOW if package(path) == name for parts in imports(path)} for name in FLOORS}
    assert {name: libraries - used[name] for name, libraries in THIRD_PARTY.items() if libraries - used[name]} == {}


@pytest.mark.parametrize("library", sorted(HIDDEN))
def test_few_files_know_the_library_and_nothing_imports_its_server(library: str) -> None:
    knowing = {path.relative_to(ROOT).as_posix() for path in FILES if any(p[0] == library for p in imports(path))}
    assert knowing == set(HIDDEN[library])
    assert [
        path for path in FILES for parts in imports(path) if parts[:3] == ("gensweep", "tracking", "mlflow_app")
    ] == []


@each_file
def test_nothing_private_is_imported_from_elsewhere(path: Path) -> None:
    """A file named _x.py is its package's own, and a name _x its file's own."""
    for parts in imports(path):
        private = [i for i, part in enumerate(parts) if part.startswith("_") and not part.startswith("__")]
        if parts[0] == "gensweep" and private:
            file = ROOT.joinpath(*parts[1 : private[0] + 1]).with_suffix(".py")
            assert file.exists(), f"{'.'.join(parts)} is a private name of another file"
            assert file.parent == path.parent, f"{'.'.join(parts)} is a private file of another package"
            assert len(private) == 1, f"{'.'.join(parts)} is a private name of another file"


def late(path: Path) -> bool:
    """Whether a function of the file imports."""
    functions = [
        n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return any(isinstance(node, ast.Import | ast.ImportFrom) for function in functions for node in ast.walk(function))


def test_imports_inside_functions_are_few_and_each_has_a_reason() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in FILES if late(path)}
    assert {"cli/**" if name.startswith("cli/") else name for name in found} == set(LATE)
    settings = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    ignored = {pattern for pattern, rules in settings["per-file-ignores"].items() if "PLC0415" in rules}
    assert ignored == {"tests/**", *(f"gensweep/{name}" for name in LATE)}
    assert "PLC0415" not in settings["ignore"]
    assert "PL" in settings["select"]


def test_modules_are_imported_by_name_in_few_files() -> None:
    words = ("import_module", "__import__")
    assert {p.relative_to(ROOT).as_posix() for p in FILES if any(w in p.read_text() for w in words)} == set(BY_NAME)


def loaded(arguments: list[str] | None) -> set[str]:
    """Every library that is loaded once the command has run, or once `gensweep.cli` is imported where there is none."""
    code = (
        f"import sys; sys.argv = ['gensweep', *{arguments or []}]\n"
        "from gensweep import cli\n"
        f"if {arguments is not None}:\n"
        "    try: cli.main()\n"
        "    except SystemExit as e: assert e.code == 0, e.code\n"
        "print('loaded', *{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


HEAVY = {"ray", "mlflow", "optuna", "ot", "pandas", "matplotlib", "plotly", "sklearn", "datasets"}


@pytest.mark.parametrize("arguments", [None, ["--help"]], ids=["import", "help"])
def test_the_command_line_loads_no_heavy_library_by_itself(arguments: list[str] | None) -> None:
    assert not loaded(arguments) & {*HEAVY, "torch"}


@pytest.mark.parametrize(("sampler", "its_own"), [("random", set()), ("tpe", {"optuna"})])
def test_checking_a_search_space_loads_torch_and_what_its_searcher_needs(sampler: str, its_own: set[str]) -> None:
    checked = ["check", "search_spaces/wae.yaml", f"search.sampler={sampler}"]
    assert loaded(checked) & {*HEAVY, "torch"} == {"torch", *its_own}
