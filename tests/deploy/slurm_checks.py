"""What is wrong with the scripts for Slurm: shellcheck, their directives, what they do with stand-ins for its commands."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

NO_SHELLCHECK = "shellcheck is missing: pip install -c constraints.txt -e '.[test]', or apt-get install shellcheck"
# A program of gensweep's name that says what it was given and ends as it is told: at once, or at a signal.
GENSWEEP = """#!/bin/bash
printf '%s\\n' "$@" > "$SAID/words"
echo "${RAY_OVERRIDE_RESOURCES:-}" > "$SAID/resources"
hear() { echo "$1" >> "$SAID/signals"; [ "$(wc -l < "$SAID/signals")" -lt "${ENDS_AT:-1}" ] || leave; }
leave() { sleep 0.3; touch "$SAID/left"; exit "$CODE"; }
for signal in USR1 TERM INT; do trap "hear $signal" $signal; done
[ -z "${WAITS:-}" ] || { touch "$SAID/waits"; while :; do sleep 0.02; done; }
exit "$CODE"
"""
SCONTROL = """#!/bin/bash
echo "$*" >> "$SAID/scontrol"
case $1 in
show) echo "JobId=7 EndTime=$(date --date="+${LEFT:-600} seconds" +%FT%T) Deadline=N/A" ;;
requeue) [ ! -e "$SAID/waits" ] || [ -e "$SAID/left" ] || touch "$SAID/early"; exit "${REFUSED:-0}" ;;
esac
"""
# What each directive must say, and why.
DIRECTIVES = {
    r"--signal=B:USR1@180": "the batch script hears of no signal before the time limit, or too late",
    r"--requeue": "Slurm does not start it again after a lost node",
    r"--open-mode=append": "the second start wipes what the first one wrote",
    r"--output=\S*%j\S*": "two jobs write into one file",
    r"--time=\d+:\d\d:\d\d": "no time limit, so no signal before it",
}
# What a script that starts a Ray must say, besides.
RAY = {
    r"export RAY_AUTH_TOKEN RAY_AUTH_MODE=token": "whoever reaches the head runs code",
    r"RAY_AUTH_TOKEN=\$\(od .*-N32 .*/dev/urandom": "the token is not the job's own",
    r"--include-dashboard=false": "two jobs on one node meet at the dashboard's port",
    r'--port="\$port"': "two jobs on one node meet at Ray's port",
    r'--ray-client-server-port="\$client_port"': "two jobs on one node meet at the client's port",
    r'--temp-dir="\$1"': "two jobs on one node meet in Ray's folder",
    r'--num-cpus="\$SLURM_CPUS_ON_NODE"': "Ray takes all CPUs of a node",
    r"--overlap": "a step waits for the one that holds the node",
    r'--cpus-per-task="\$\{SLURM_CPUS_PER_TASK:-1\}"': "srun takes one CPU of a node",
    r"unset RAY_ADDRESS GENSWEEP_ADDRESS": "another Ray is joined",
    r"umask 077": "others read Ray's folder",
}


def static_problems(text: str) -> list[str]:
    """Without running it: shellcheck's word, and the directives."""
    found = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(NO_SHELLCHECK)
    done = subprocess.run(
        [found, "--shell=bash", "--format=gcc", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    given = re.findall(r"^#SBATCH (.+)$", text.partition("set -u")[0], re.M)
    missing = [why for wanted, why in DIRECTIVES.items() if not any(re.fullmatch(wanted, line) for line in given)]
    if "ray start" in text:
        missing += [why for wanted, why in RAY.items() if not re.search(wanted, text)]
    return [*done.stdout.splitlines(), *missing]


@dataclass
class Ended:
    """How a script ended, and what the stand-ins were told."""

    code: int
    stderr: str
    said: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_requeued(self) -> bool:
        """Whether Slurm was asked to start this job again."""
        return "requeue 7" in self.said.get("scontrol", [])


def ended(text: str, *words: str, sent: signal.Signals | None = None, **variables: str) -> Ended:
    """Run a script for one node as job 7; a signal goes to it alone once its driver waits."""
    with tempfile.TemporaryDirectory(prefix="with a space ") as name:
        folder = Path(name)
        (folder / "bin").mkdir()
        for program, body in (("gensweep", GENSWEEP), ("scontrol", SCONTROL)):
            (folder / "bin" / program).write_text(body)
            (folder / "bin" / program).chmod(0o755)
        (folder / "slurm_script").write_text(text)
        environment = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "SAID": str(folder), "SLURM_JOB_ID": "7", "CODE": "0",
            "SLURM_CPUS_ON_NODE": "3", **variables,
        }  # fmt: skip
        process = subprocess.Popen(
            ["bash", str(folder / "slurm_script"), *words],
            env=environment, text=True, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        if sent is not None:
            _wait_for(folder / "waits", process)
            process.send_signal(sent)
        try:
            _, stderr = process.communicate(timeout=8)
        except subprocess.TimeoutExpired:  # one that would go on for ever
            os.killpg(process.pid, signal.SIGKILL)
            _, stderr = process.communicate()
        files = [file for file in folder.iterdir() if file.is_file()]
        return Ended(process.returncode, stderr, {file.name: file.read_text().splitlines() for file in files})


def _wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 20
    while not file.exists() and process.poll() is None:
        assert time.monotonic() < deadline, "the driver was not started"
        time.sleep(0.01)


def behaviour_problems(text: str) -> Iterator[str]:
    """What a user or Slurm would notice."""
    done = ended(text, "a b.yaml", "name=x y")
    if (done.code, done.said["words"]) != (0, ["run", "a b.yaml", "name=x y"]):
        yield "words with spaces are changed"
    if done.is_requeued:
        yield "what is done is started again"
    if done.said["resources"] != ['{"CPU": 3}']:
        yield "Ray takes all CPUs of the node"
    if ended(text, "a.yaml", CODE="3").code != 3:
        yield "the driver's exit code is lost"
    yield from _signal_problems(text)
    yield from _restart_problems(text)
    yield from _array_problems(text)


def _signal_problems(text: str) -> Iterator[str]:
    warned = ended(text, "a.yaml", sent=signal.SIGUSR1, WAITS="1", CODE="75")
    if warned.said.get("signals") != ["USR1"]:
        yield "the driver does not hear of the time limit"
    if "early" in warned.said:
        yield "the job ends before its driver"
    if (warned.code, warned.is_requeued) != (75, True):
        yield "75 is not started again"
    deaf = ended(text, "a.yaml", sent=signal.SIGUSR1, WAITS="1", CODE="75", ENDS_AT="2", LEFT="31")
    if deaf.said.get("signals") != ["USR1", "USR1"]:
        yield "a driver that goes on is not told to end at once"
    if ended(text, "a.yaml", sent=signal.SIGINT, WAITS="1", CODE="75").is_requeued:
        yield "what was interrupted is started again"


def _restart_problems(text: str) -> Iterator[str]:
    capped = ended(text, "a.yaml", CODE="75", SLURM_RESTART_COUNT="20")
    if capped.is_requeued or "GENSWEEP_REQUEUES" not in capped.stderr:
        yield "it is started again without end"
    if not ended(text, "a.yaml", CODE="75", SLURM_RESTART_COUNT="20", GENSWEEP_REQUEUES="21").is_requeued:
        yield "GENSWEEP_REQUEUES does not count"


def _array_problems(text: str) -> Iterator[str]:
    alone = ended(text, "a.yaml", "name=x-%a")
    if alone.code != 2 or "words" in alone.said:
        yield "%a means nothing outside an array, and is run"
    same = ended(text, "a.yaml", SLURM_ARRAY_TASK_ID="4")
    if same.code != 2 or "words" in same.said:
        yield "all indices run the same sweep"
    indexed = ended(text, "a.yaml", "name=x-%a", "search.seed=%a", SLURM_ARRAY_TASK_ID="4")
    if indexed.said.get("words") != ["run", "a.yaml", "name=x-4", "search.seed=4"]:
        yield "an index does not reach its sweep"
