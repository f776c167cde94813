"""deploy/slurm by shellcheck and with stand-ins for Slurm; and mutations that must not pass. test_slurm.py has a real one."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from compose_checks import DEPLOY
from slurm_checks import behaviour_problems, ended, static_problems

SCRIPTS = {file.stem: file.read_text() for file in sorted((DEPLOY / "slurm").glob("*.sbatch"))}
ONE = SCRIPTS["one-node"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_is_accepted(name: str) -> None:
    assert static_problems(SCRIPTS[name]) == []


@pytest.mark.slow
def test_one_node_does_what_it_says() -> None:
    assert list(behaviour_problems(ONE)) == []


def test_what_the_files_share_is_the_same() -> None:
    shared = {text.partition("# ---- the same")[2].partition("# ---- up to here")[0] for text in SCRIPTS.values()}
    assert len(shared) == 1
    assert len(shared.pop()) > 1000


def test_slurm_that_refuses_is_said_and_the_exit_code_stays() -> None:
    refused = ended(ONE, "a.yaml", CODE="75", REFUSED="1")
    assert (refused.code, "Slurm does not start it again" in refused.stderr) == (75, True)


def test_an_environment_that_is_not_active_is_said() -> None:
    missing = ended(ONE.replace("need gensweep", "need gensweep-that-is-not-here"), "a.yaml")
    assert missing.code == 2
    assert "activate gensweep's environment before sbatch" in missing.stderr


def shown() -> list[list[str]]:
    """The words of every `sbatch` that the page, the README and the heads of the files show."""
    pages = [DEPLOY.parent / "docs/how-to/slurm.md", DEPLOY / "README.md", *(DEPLOY / "slurm").glob("*.sbatch")]
    found = re.findall(r"\bsbatch [^`\n…]*\.sbatch[^`\n]*", "\n".join(page.read_text() for page in pages))
    return [shlex.split(line) for line in sorted(set(found))]


@pytest.mark.parametrize("words", shown(), ids=" ".join)
def test_a_command_that_is_shown_is_one(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is here, Slurm's options stand before it, and what stands behind it is a sound sweep."""
    from gensweep.spaces.check import load_and_check

    monkeypatch.chdir(DEPLOY.parent)
    (at,) = (place for place, word in enumerate(words) if word.endswith(".sbatch"))
    assert Path(words[at]).exists()
    assert all(word.startswith("--") for word in words[1:at])
    assert any(word.startswith("--array") for word in words[:at]) == any("%a" in word for word in words[at:])
    load_and_check(Path(words[at + 1]), [word.replace("%a", "3") for word in words[at + 2 :]])


STATIC = {
    "a signal to the steps alone": ("B:USR1@180", "USR1@180", "hears of no signal"),
    "a signal too late": ("USR1@180", "USR1@10", "too late"),
    "no requeue": ("#SBATCH --requeue\n", "", "after a lost node"),
    "output from the start": ("#SBATCH --open-mode=append\n", "", "wipes"),
    "one output for all": ("gensweep-%j.out", "gensweep.out", "one file"),
    "no time": ("#SBATCH --time=04:00:00\n", "", "no time limit"),
    "words split": ('run "${arguments[@]}"', "run ${arguments[@]}", "SC2068"),
    "no token": ("RAY_AUTH_MODE=token", "RAY_AUTH_MODE=disabled", "runs code"),
    "everybody's token": ("/dev/urandom", "/etc/machine-id", "job's own"),
    "a dashboard": (" \\\n    --include-dashboard=false", "", "dashboard's port"),
    "Ray's own port": (' --port="$port"', "", "Ray's port"),
    "the client's own port": (' --ray-client-server-port="$client_port"', "", "client's port"),
    "Ray's own folder": (' --temp-dir="$1"', "", "Ray's folder"),
    "every CPU": (' --num-cpus="$SLURM_CPUS_ON_NODE"', "", "all CPUs"),
    "no overlap": (" --overlap", "", "holds the node"),
    "one CPU": ('--cpus-per-task="${SLURM_CPUS_PER_TASK:-1}"', "", "one CPU"),
    "an address of the environment": ("unset RAY_ADDRESS GENSWEEP_ADDRESS\n", "", "another Ray"),
    "a folder for all": (" umask 077;", "", "others read"),
    "a number split": ('--nodelist="$1"', "--nodelist=$1", "SC2086"),
}
BEHAVIOUR = {
    "words split": ('"${@//%a/', '"${*//%a/', "words with spaces are changed"),
    "no signal to the driver": ("    send USR1\n", "", "does not hear of the time limit"),
    "wait once": ('while signalled=\'\'; wait "$attended"; code=$?; [ -n "$signalled" ]; do :; done',
                  'wait "$attended"; code=$?', "the job ends before its driver"),
    "every end is started again": ('[ "$1" -ne 75 ] || ', "", "what is done is started again"),
    "no end is started again": ('elif scontrol requeue "$SLURM_JOB_ID"; then', "elif true; then", "75 is not started again"),
    "without end": ('-ge "$requeues"', "-ge 1000", "started again without end"),
    "a cap of its own": ("${GENSWEEP_REQUEUES:-20}", "20", "GENSWEEP_REQUEUES does not count"),
    "told once": ("    insist $((left > 31 ? left - 30 : 1)) USR1\n", "", "not told to end at once"),
    "an interrupt is a warning": ("trap on_interrupt INT", "trap on_warning INT", "what was interrupted is started again"),
    "all CPUs": ("export RAY_OVERRIDE_RESOURCES", "RAY_OVERRIDE", "all CPUs of the node"),
    "no index needed": ('elif [[ "$*" != *%a* ]]; then', "elif false; then", "all indices run the same sweep"),
    "an index outside an array": ('[[ "$*" != *%a* ]] ||', "true ||", "%a means nothing outside an array"),
    "the exit code lost": ("finish $?", "finish 0", "the driver's exit code is lost"),
}  # fmt: skip


@pytest.mark.parametrize("name", STATIC)
def test_a_mutation_is_caught(name: str) -> None:
    old, new, expected = STATIC[name]
    text = SCRIPTS["many-nodes"]
    assert old in text
    assert expected in "\n".join(static_problems(text.replace(old, new)))


@pytest.mark.slow
@pytest.mark.parametrize("name", BEHAVIOUR)
def test_a_mutation_of_what_it_does_is_caught(name: str) -> None:
    old, new, expected = BEHAVIOUR[name]
    assert old in ONE
    assert any(expected in problem for problem in behaviour_problems(ONE.replace(old, new)))
