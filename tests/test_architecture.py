"""The floors: code imports downward only, and each third-party library stays where the table allows it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gensweep

ROOT = Path(gensweep.__file__).parent

FLOORS = {
    "__main__": 12, "cli": 12, "api": 12, "campaign": 11, "terminal": 10, "verdict": 10,
    "orchestration": 8, "comparison": 8, "evaluation": 8,
    "trial": 7, "tracking": 7,
    "trainers": 6, "ledger": 6, "spaces": 6, "pictures": 6,
    "families": 5, "metrics": 5,
    "divergences": 4,
    "constraints": 3, "networks": 3, "datasets": 3, "optimizers": 3, "lr_schedules": 3,
    "component": 2, "losses": 2,
    "registry": 1, "seeding": 1,
    "errors": 0, "text": 0,
}  # fmt: skip
SAME_FLOOR = {  # of one floor, these may see each other: the program itself
    ("__main__", "cli"),
}  # fmt: skip
THIRD_PARTY = {
    "cli": {"typer", "yaml"}, "campaign": set(), "terminal": {"rich"}, "__main__": set(), "api": set(), "verdict": set(),
    "orchestration": {"ray", "optuna", "torch"}, "comparison": {"pandas", "matplotlib", "scipy", "numpy"},
    "evaluation": {"torch", "pydantic"},
    "trial": {"torch"}, "pictures": {"torch", "PIL"},
    "trainers": {"torch"}, "tracking": {"mlflow", "yaml"},
    "families": {"torch", "pydantic"}, "metrics": {"torch", "ot", "scipy", "numpy", "pydantic"}, "ledger": {"yaml"},
    "divergences": {"torch", "ot", "pydantic"}, "constraints": {"torch", "pydantic"}, "networks": {"torch", "pydantic"},
    "datasets": {"torch", "numpy", "sklearn", "pydantic", "PIL", "datasets"}, "optimizers": {"torch", "pydantic"},
    "lr_schedules": {"pydantic"},
    "spaces": {"pydantic", "pydantic_core", "yaml", "hydra", "omegaconf", "antlr4"},
    "component": {"pydantic", "pydantic_core"},
    "registry": set(), "seeding": set(), "errors": set(), "text": set(), "losses": {"torch"},
}  # fmt: skip
ONE_FILE = {"mlflow": "tracking/mlflow_store.py", "hydra": "spaces/load.py", "omegaconf": "spaces/load.py"}

FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def package(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, those inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names) if module == "gensweep" else (module,)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_downward_and_libraries_stay_where_they_belong(path: Path) -> None:
    mine = package(path)
    for module in imports(path):
        top, *rest = module.split(".")
        if top == "gensweep":
            other = rest[0] if rest else "__version__"
            if other in ("__version__", mine):
                continue
            downward = FLOORS[other] < FLOORS[mine] or (mine, other) in SAME_FLOOR
            assert downward, f"{path.relative_to(ROOT)} (floor {FLOORS[mine]}) imports {other} (floor {FLOORS[other]})"
        elif top not in sys.stdlib_module_names:
            assert top in THIRD_PARTY[mine], f"{path.relative_to(ROOT)} imports {top}, which {mine} may not"
            assert str(path.relative_to(ROOT)) == ONE_FILE.get(top, str(path.relative_to(ROOT)))


def test_every_package_has_a_floor() -> None:
    assert {package(path) for path in FILES} == set(FLOORS)


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


HEAVY = {"ray", "mlflow", "optuna", "ot", "pandas", "matplotlib", "sklearn", "datasets"}


@pytest.mark.parametrize("arguments", [None, ["--help"]], ids=["import", "help"])
def test_the_command_line_loads_no_heavy_library_by_itself(arguments: list[str] | None) -> None:
    assert not loaded(arguments) & {*HEAVY, "torch"}


def test_checking_a_search_space_loads_torch_and_no_other_heavy_library() -> None:
    assert loaded(["check", "search_spaces/wae.yaml"]) & {*HEAVY, "torch"} == {"torch"}
