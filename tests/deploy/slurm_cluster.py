"""A real Slurm of two nodes on this machine, without root, without munge: one slurmctld and two slurmd on ports of their own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from compose_checks import DEPLOY

NO_SLURM = """Slurm is missing. Either, on Debian,
  apt-get install --no-install-recommends slurmctld slurmd slurm-client
or, without root, from the repository's root:
  make slurm"""
UNPACKED = DEPLOY.parent / ".data/slurm"
LIBRARIES = "usr/lib/x86_64-linux-gnu"

# Nobody is asked who they are, nothing is confined, and a job that is requeued waits for 5 s where it else waits for 120.
CONFIGURATION = """
ClusterName=gensweep
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
AuthInfo=cred_expire=5
CredType=cred/none
PluginDir={plugins}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=5
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
KillWait=10
NodeName=node[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports[1]}-{ports[2]}] CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def slurm_root() -> Path | None:
    """The folder below which Slurm's programs are: the system's, or unpacked packages."""
    for root in (Path("/"), UNPACKED):
        if all((root / name).exists() for name in ("usr/sbin/slurmctld-wlm", "usr/sbin/slurmd-wlm", "usr/bin/sbatch")):
            return root
    return None


class SlurmCluster:
    """Two nodes; `close` cancels all jobs, ends the daemons and removes their folder."""

    def __init__(self, root: Path) -> None:
        self.running = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.running.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.root = root
        (self.folder / "state").mkdir()
        host, user = socket.gethostname().partition(".")[0], _user_name()
        plugins = root / LIBRARIES / "slurm-wlm"
        values = {"host": host, "user": user, "plugins": plugins, "folder": self.folder, "ports": _three_ports()}
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(**values))
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("RAY_", "MLFLOW_", "GENSWEEP_"))
            },
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(root / "usr/bin"), os.environ["PATH"]]),
            "PYTHONPATH": str(DEPLOY.parent),  # what is tested is this checkout, wherever `gensweep` was installed from
            "OMP_NUM_THREADS": "1",
        }
        if root == UNPACKED:  # the system's own folder would give the jobs another Python than theirs
            self.environment["LD_LIBRARY_PATH"] = f"{plugins}:{root / LIBRARIES}"
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        self._daemon("slurmctld", "-i")
        for node in ("node1", "node2"):
            self._daemon("slurmd", "-N", node, "-d", str(self.root / "usr/sbin/slurmstepd-wlm"))
        self.running.callback(self._cancel_all)
        self.wait_for(lambda: self.call("sinfo", "--noheader", "--format=%T").strip() == "idle", "two idle nodes", 30)

    def _cancel_all(self) -> None:
        """And wait for it: what a daemon leaves behind nobody else ends."""
        self.call("scancel", f"--user={_user_name()}", check=False)
        self.wait_for(lambda: not self.call("squeue", "--noheader").strip(), "end of all jobs", 60)

    def _daemon(self, name: str, *arguments: str) -> None:
        output = self.running.enter_context((self.folder / f"{name}.out").open("ab"))
        process = subprocess.Popen(
            [str(self.root / f"usr/sbin/{name}-wlm"), "-D", *arguments],
            env=self.environment, cwd=self.folder, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        self.running.callback(_end, process)

    def close(self) -> None:
        """End all of it, the newest first."""
        self.running.close()

    def call(self, *command: str, cwd: Path | None = None, check: bool = True) -> str:
        """What a command of Slurm prints."""
        done = subprocess.run(
            command, env=self.environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stderr}"
        return done.stdout

    def submit(self, folder: Path, *words: str) -> str:
        """The id of a new job, submitted from a folder."""
        return self.call("sbatch", "--parsable", *words, cwd=folder).strip()

    def job(self, number: str) -> dict[str, str]:
        """The fields that `scontrol show job` has of it."""
        return dict(re.findall(r"(\w+)=(\S*)", self.call("scontrol", "show", "job", number)))

    def wait_for(self, ready: Callable[[], bool], what: str, seconds: float) -> None:
        """Poll until it is so."""
        deadline = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < deadline, f"no {what} in {seconds:.0f} s\n{self.said()}"
            time.sleep(0.5)

    def said(self) -> str:
        """The end of what the daemons wrote."""
        return "\n".join("\n".join(file.read_text().splitlines()[-5:]) for file in sorted(self.folder.glob("*.log")))


def _user_name() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def _three_ports() -> list[int]:
    """One for slurmctld, and two that follow each other: a range of ports is what a range of nodes takes."""
    from tracking_stack import free_port

    while True:
        first = free_port()
        with socket.socket() as following:
            try:
                following.bind(("127.0.0.1", first + 1))
            except OSError:
                continue
        return [free_port(), first, first + 1]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
