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
    "cli": 8, "__main__": 8, "campaign": 8, "terminal": 8,
    "benchmarks": 8,
    "orchestration": 7, "executors": 7, "comparison": 7, "evaluation": 7,
    "trial": 6,
    "trainers": 5, "tracking": 5, "pictures": 5,
    "families": 4, "metrics": 4, "ledger": 4,
    "divergences": 3, "constraints": 3, "networks": 3, "datasets": 3, "optimizers": 3, "lr_schedules": 3,
    "spaces": 3,
    "component": 2,
    "registry": 1, "seeding": 1,
    "errors": 0, "deferred": 0,
}  # fmt: skip
SAME_FLOOR = {  # of one floor, these may see each other: the program itself, and parts made of one another
    ("__main__", "cli"), ("cli", "campaign"), ("cli", "terminal"), ("campaign", "terminal"),
    ("constraints", "divergences"),  # the words Nets, Noise and Knobs
    ("divergences", "constraints"),  # what holds a divergence's critic; constraints see divergences/base.py alone
    ("divergences", "networks"),  # a critic on the latent space
}  # fmt: skip
THIRD_PARTY = {
    "cli": {"typer", "yaml"}, "campaign": set(), "terminal": {"rich"}, "__main__": set(),
    "benchmarks": set(), "executors": {"ray", "torch"},
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
    "registry": set(), "seeding": set(), "errors": set(), "deferred": set(),
}  # fmt: skip
ONE_FILE = {"mlflow": "tracking/mlflow_log.py", "hydra": "spaces/load.py", "omegaconf": "spaces/load.py"}

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


@pytest.mark.parametrize(
    "path", [p for p in FILES if FLOORS[package(p)] in (3, 4)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_component_files_leave_torch_deferred(path: Path) -> None:
    """A member may say `import torch` and no more: `from torch import nn` would load it for `gensweep check`."""
    if path.stem.startswith("_"):
        return
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("torch.") for alias in node.names), path
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("torch"), path


def test_checking_a_search_space_loads_no_heavy_library() -> None:
    code = (
        "import sys; sys.argv = ['gensweep', 'check', 'search_spaces/wae.yaml']\n"
        "from gensweep import cli\n"
        "try: cli.main()\n"
        "except SystemExit as e: assert e.code == 0, e.code\n"
        "names = ('torch.nn', 'ray', 'mlflow', 'optuna', 'ot', 'pandas', 'matplotlib', 'sklearn')\n"
        "heavy = [name for name in names if name in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_deferred_modules_become_the_real_ones_at_first_use() -> None:
    code = (
        "from gensweep.deferred import defer; import sys\n"
        "defer('fractions', 'no_such_module')\n"
        "import fractions\n"
        "stand_in = sys.modules['fractions']; assert type(stand_in).__name__ == '_Deferred'\n"
        "assert fractions.Fraction(1, 2) + fractions.Fraction(1, 2) == 1\n"
        "assert type(sys.modules['fractions']).__name__ == 'module' and 'no_such_module' not in sys.modules\n"
        "from fractions import Fraction; assert Fraction is fractions.Fraction\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
