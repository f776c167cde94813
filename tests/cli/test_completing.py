"""What a shell offers: names, of what is there, and never a traceback."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import gensweep as package
from gensweep import registry, shipped
from gensweep.extractors.trust import trusted
from gensweep.ledger.sweep_folder import SweepFolder
from tests.cli.conftest import Command
from tests.own_components import write_components
from tests.test_architecture import HEAVY

Offered = Callable[[str], list[str]]


@pytest.fixture
def sweeps(tmp_path: Path) -> Path:
    """Two sweeps, one of them with trials and both without a ledger that can be read."""
    for name in ("wae", "wgan"):
        folder = SweepFolder.create(tmp_path / "runs" / name, {"name": name})
        folder.events.path.write_text("damaged")
    for name in ("0000-mmd-1a2b3c4d", "0001-mmd-1a2b3c4d", "0012-sinkhorn-1a2b3c4d", "notes"):
        (tmp_path / "runs" / "wae" / "trials" / name).mkdir()
    return tmp_path


@pytest.fixture
def offered(sweeps: Path, gensweep: Command, monkeypatch: pytest.MonkeyPatch) -> Offered:
    def ask(line: str) -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("_GENSWEEP_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        ended = gensweep()
        assert (ended.code, ended.err) == (0, "")
        return ended.out.split("\n")[:-1] if ended.out.strip() else []

    return ask


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("gensweep resume ", ["wae", "wgan"]),
        ("gensweep rm wg", ["wgan"]),
        ("gensweep compare wae w", ["wae", "wgan"]),
        ("gensweep resume --runs elsewhere ", []),
        ("gensweep show wae ", ["0", "1", "12"]),
        ("gensweep show wae 1", ["1", "12"]),
        ("gensweep show nothing ", []),
        ("gensweep rerun ", ["wae/", "wgan/"]),
        ("gensweep rerun wae/1", ["wae/1", "wae/12"]),
        ("gensweep rerun ../", []),
        ("gensweep evaluate wgan/", []),
        ("gensweep run wg", ["wgan"]),
        ("gensweep run spa", ["space.yaml"]),
        ("gensweep init sm", ["smoke"]),
        ("gensweep list searc", ["searchers", "search-spaces"]),
        ("gensweep evaluate x --metrics fid,ki", ["fid,kid"]),
        ("gensweep evaluate x --reference fash", ["fashion_mnist"]),
        ("gensweep run wae trial.family = wg", ["wgan"]),
        ("gensweep run wae a = 1 early_stopping = as", ["asha"]),
        ("gensweep run wae search.sampler=q", ["search.sampler=qmc"]),
        ("gensweep run wae bogus = ", []),
        ("gensweep run wae ../.. = ", []),
        ("gensweep describe divergence sl", ["sliced_wasserstein"]),
        ("gensweep describe sliced", ["sliced_wasserstein"]),
        ("gensweep new lr", ["lr_schedules"]),
        ("gensweep res", ["resume"]),
    ],
)
def test_names_that_begin_as_was_typed(offered: Offered, line: str, names: list[str]) -> None:
    assert offered(line) == names


def test_names_in_a_folder_of_plug_ins_which_is_not_trusted_by_that(
    offered: Offered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_used", [])
    write_components(tmp_path / "mine")
    monkeypatch.setenv("GENSWEEP_PLUGINS", str(tmp_path / "mine"))
    before = trusted()
    assert offered("gensweep run wae trial.family = sh") == ["shifted"]
    assert offered("gensweep describe divergences mean") == ["mean_gap"]
    assert trusted() == before


def test_all_names_of_a_kind(offered: Offered) -> None:
    assert offered("gensweep run wae trial.family =") == registry.names("families")
    assert set(offered("gensweep run ")) >= {*shipped.names(), "space.yaml", "runs/"}
    assert "digits" in offered("gensweep run wae dataset =")


def test_the_folder_of_sweeps_may_be_set(offered: Offered, sweeps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (sweeps / "runs").rename(sweeps / "mine")
    assert offered("gensweep resume ") == []
    assert offered("gensweep resume --runs mine ") == ["wae", "wgan"]
    monkeypatch.setenv("GENSWEEP_RUNS", "mine")
    assert offered("gensweep resume ") == ["wae", "wgan"]


def test_a_folder_that_cannot_be_listed_is_no_offer(offered: Offered, sweeps: Path) -> None:
    shutil.rmtree(sweeps / "runs" / "wae" / "trials")
    (sweeps / "runs" / "wae" / "trials").write_text("")
    assert offered("gensweep show wae ") == []


def test_bash_takes_it(sweeps: Path) -> None:
    """In a real bash, with the script that is printed; nothing heavy is loaded meanwhile."""
    code = (
        f"import sys; sys.argv[0] = 'gensweep'; sys.path.insert(0, {str(Path(package.__file__).parents[1])!r})\n"
        "from gensweep import cli\n"
        "try: cli.main()\n"
        "finally: open('loaded', 'w').write(' '.join({name.partition('.')[0] for name in sys.modules}))\n"
    )
    program = sweeps / "gensweep"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c {shlex.quote(code)} "$@"\n')
    program.chmod(0o755)
    script = (
        "source <(./gensweep --show-completion bash); COMP_WORDS=(gensweep resume wg); COMP_CWORD=2; "
        '_gensweep_completion ./gensweep; echo "${COMPREPLY[@]}"; complete -p gensweep'
    )
    done = subprocess.run(["bash", "--norc", "-c", script], cwd=sweeps, capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:2] == ["wgan", "complete -o default -F _gensweep_completion gensweep"], done.stderr
    assert not set((sweeps / "loaded").read_text().split()) & {*HEAVY, "torch"}
