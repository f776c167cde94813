"""The lock that `make` installs: whole, level with what is asked for, every file by its hash, from no particular place."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = {path.stem: path.read_text() for path in sorted((ROOT / "requirements").glob("*.txt"))}
INSTALLED = ("build", "run", "test")
# a release of its own for each accelerator: `make` says how it is installed
BY_ITSELF = "torch"


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", name, maxsplit=1)[0]).lower()


def pins(lock: str) -> dict[str, set[str]]:
    """The versions of each package: several where they depend on the Python."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==([^ ;]+)", LOCKS[lock], re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def marked(lock: str) -> set[str]:
    """The packages that are for one system or Python alone."""
    return set(re.findall(r"^([a-z0-9-]+)==[^ ;]+ ;", LOCKS[lock], re.MULTILINE))


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_there_by_version_and_hash_and_nothing_says_where_from(lock: str) -> None:
    entries = LOCKS[lock].replace("\\\n", " ").splitlines()
    assert entries
    for entry in entries:
        assert re.fullmatch(r"[a-z0-9-]+==[\w.]+ (; [^\\]+ )?( *--hash=sha256:[0-9a-f]{64} *)+", entry), entry


@pytest.mark.parametrize("lock", INSTALLED)
def test_no_package_is_in_two_locks_that_are_installed_together(lock: str) -> None:
    """But what one of them has for one system or Python alone: the other may need it on all, in the same version."""
    for other in (other for other in INSTALLED if other != lock):
        for name in set(pins(other)) & set(pins(lock)):
            assert name in marked(other) | marked(lock)
            assert pins(other)[name] == pins(lock)[name]
    assert BY_ITSELF not in pins(lock)
    assert not [name for name in pins(lock) if name.startswith(("nvidia-", "cuda-"))]


def test_what_the_project_asks_for_is_locked() -> None:
    run = {plain(name) for name in PROJECT["project"]["dependencies"]} - {BY_ITSELF}
    extras = PROJECT["project"]["optional-dependencies"]
    test = {plain(name) for name in extras["test"] + extras["docs"]}
    assert run - set(pins("run")) == set(), "make lock"
    assert test - set(pins("run")) - set(pins("test")) == set(), "make lock"
    assert {plain(name) for name in PROJECT["build-system"]["requires"]} == set(pins("build"))
    assert BY_ITSELF in pins("torch-pypi")


def test_what_is_tested_together_is_what_is_locked() -> None:
    locked = {name: versions for lock in ("torch-pypi", *INSTALLED) for name, versions in pins(lock).items()}
    said = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert len(said) > 20
    assert {name: version for name, version in said if locked.get(plain(name)) != {version}} == {}, "make lock"


def test_make_installs_nothing_else_but_torch() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    assert re.search(r"^LOCKED := .*--require-hashes --no-deps --no-build-isolation", makefile, re.MULTILINE)
    calls = re.findall(r"^\t(.*pip install.*|\$\((?:INSTALL|LOCKED)\).*)$", makefile, re.MULTILINE)
    assert len(calls) >= 5
    unlocked = [call for call in calls if "--require-hashes" not in call and not call.startswith("$(LOCKED) -r ")]
    assert unlocked == ["$(INSTALL) $(TORCH)", "$(INSTALL) --no-deps --no-build-isolation -e ."]
