"""Ray on this machine: where it starts, what its workers import, what it leaves, and what it says where it cannot start."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import ray

from gensweep.configuration import Resources
from gensweep.errors import CannotRun
from gensweep.executors import private_folder, ray_cluster
from gensweep.executors.private_folder import PrivateFolder
from gensweep.executors.ray_cluster import RayCluster, imports
from gensweep.executors.ray_tune import RayTune
from gensweep.faults import Fault
from gensweep.file_modes import private
from gensweep.trial import Failure, Job, Report
from tests.executors.listening import addresses, family
from tests.executors.strangers import TRIES, as_nobody, needs_root, what_succeeds

DYING = """
import os
from typing import Literal
from gensweep.divergences.base import Divergence
class Dying(Divergence):
    "Ends the process."
    name: Literal["dying"] = "dying"
    def penalty(self, x, y, nets, noise, knobs):
        os.write(2, b"MemoryError: the arena is used up\\n")
        os._exit(7)
"""
SEEING = """
import json, os, sys
from typing import Literal
from gensweep.divergences.base import Divergence
class Seeing(Divergence):
    "Says what its process sees."
    name: Literal["seeing"] = "seeing"
    def penalty(self, x, y, nets, noise, knobs):
        os.umask(umask := os.umask(0o077))
        seen = {"path": sys.path, "letter": os.environ["RAY_AUTH_TOKEN_PATH"], "umask": f"{umask:03o}",
                "here": os.environ["GENSWEEP_WORKING_FOLDER"]}
        raise ValueError(json.dumps(seen))
"""


@dataclass
class Once:
    """A driver with one job."""

    job: Job | None
    said: list[Report | Failure] = field(default_factory=list)
    lost_for: list[str] = field(default_factory=list)
    is_stopping: bool = False

    @property
    def is_done(self) -> bool:
        return bool(self.lost_for or self.said)

    @property
    def left(self) -> int:
        return 1

    def next(self, like: Job | None = None) -> Job | None:
        job, self.job = self.job, None
        return job

    def take(self, said: Report | Failure) -> bool:
        self.said.append(said)
        return False

    def lost(self, number: int, reason: str, fault: Fault = Fault.LOST) -> None:
        self.lost_for.append(reason)

    def left_out(self, machine: str, reason: str) -> None:
        raise AssertionError("there is one node")

    def resized(self, n_at_once: int, machines: int, joined: Sequence[str], gone: Sequence[str], why: str = "") -> None:
        raise AssertionError("no node comes or goes")

    def request_stop(self, reason: str, code: int) -> None:
        self.is_stopping = True


def test_more_nodes_than_there_will_be_are_refused_before_ray_starts() -> None:
    cluster = RayCluster(None, Resources(min_nodes=2))
    with pytest.raises(CannotRun, match=r"resources.min_nodes is 2, and a Ray that is started on this machine has one"):
        cluster.ready()
    cluster.close()
    assert not ray.is_initialized()


@dataclass
class Started:
    cluster: RayCluster
    folder: PrivateFolder
    here: Path

    def run(self, divergence: str) -> Once:
        (self.here / "sweep.yaml").touch()
        (folder := self.here / "trials" / divergence).mkdir(parents=True)
        configuration: dict[str, Any] = {
            "dataset": {"name": "ring", "n_train": 200}, "network": {"name": "mlp", "hidden": [8]}, "latent_size": 2,
            "family": {"name": "wae", "lambda": 1.0, "divergence": {"name": divergence}}, "training": {"epochs": 1},
            "evaluation": {"metrics": ["sliced_wasserstein"], "every": 1}, "seed": 0,
        }  # fmt: skip
        work = Once(Job(0, "0" * 64, configuration, str(folder), str(self.here), 0, "sliced_wasserstein", "min"))
        RayTune(self.cluster, self.here / ".ray").run(work)
        return work


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Ray, started in a working folder that holds files named like libraries, with a plugin on the driver's path."""
    here, plugin = tmp_path_factory.mktemp("what? 100%2F #é a$HOME b"), tmp_path_factory.mktemp("plugin$HOME ${home} $")
    for name in ("numpy.py", "queue.py", "gensweep/__init__.py", "torch/__init__.py"):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text("raise RuntimeError('from the working folder')\n")
    (plugin / "odd-1.0.dist-info").mkdir()
    (plugin / "odd-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (plugin / "odd-1.0.dist-info" / "entry_points.txt").write_text(
        "[gensweep.divergences]\ndying = dying:Dying\nseeing = seeing:Seeing\n"
    )
    (plugin / "dying.py").write_text(DYING)
    (plugin / "seeing.py").write_text(SEEING)
    with pytest.MonkeyPatch.context() as patch, private():
        os.umask(0o022)  # as a cluster's nodes may have it, whatever the driver has
        for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_TMPDIR"):
            patch.delenv(name, raising=False)
        patch.setenv("RAY_ADDRESS", "127.0.0.1:1")  # --address takes it from there; without one it counts for nothing
        patch.setenv("HOME", "/nowhere")
        patch.setenv("TMPDIR", str(here))  # too long for Ray
        patch.chdir(here)
        patch.syspath_prepend(plugin)
        cluster = RayCluster(None, Resources(max_concurrent=1))
        try:
            cluster.ready()
            assert cluster._folder is not None
            yield Started(cluster, cluster._folder, here)
        finally:
            cluster.close()
    assert not Path("/nowhere").exists()


def test_its_files_are_private(started: Started) -> None:
    assert started.folder.path.parent == Path("/tmp")
    assert started.folder.path.stat().st_mode & 0o777 == 0o700
    assert os.environ["RAY_AUTH_TOKEN_PATH"] == str(started.folder.token)
    assert started.cluster.logs is not None
    assert any(started.cluster.logs.glob("raylet.*"))


@needs_root
def test_no_other_account_gets_at_its_files(started: Started) -> None:
    assert what_succeeds(started.folder.path) == {}
    assert (started.folder.ray / "session_latest" / "sockets" / "plasma_store").is_socket()
    twin = Path(tempfile.mkdtemp(prefix="gs-twin-", dir="/tmp"))
    try:  # the same below a folder that is open to all: what is tried above is no mistake of the trying
        with socket.socket(socket.AF_UNIX) as server:
            _open_twin(twin / "gs", server)
            assert what_succeeds(twin / "gs") == dict.fromkeys(TRIES, "")
    finally:
        shutil.rmtree(twin)


def _open_twin(folder: Path, server: socket.socket) -> None:
    """What Ray makes, where anybody can get at it."""
    session = folder / "r" / "session_latest"
    for made in (session / "logs", session / "sockets"):
        made.mkdir(parents=True)
    (session / "logs" / "raylet.out").touch()
    (folder / "token").touch()
    server.bind(str(session / "sockets" / "plasma_store"))
    server.listen()
    for made in [folder.parent, *folder.parent.rglob("*")]:
        made.chmod(0o777)


@needs_root
def test_no_other_account_gets_at_its_shared_memory(started: Started) -> None:
    """Plasma's file has no name any more, and whoever opens it does so through a process of ours."""
    held = [
        link
        for pid in family(os.getpid())
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if os.path.lexists(link) and "plasma" in os.readlink(link) and "socket" not in os.readlink(link)
    ]
    assert held
    assert {link.stat().st_mode & 0o077 for link in held} == {0}
    assert what_succeeds(held[0], {"map the objects": "open(sys.argv[1], 'rb').read(1)"}) == {}


@needs_root
def test_without_the_token_another_account_gets_no_answer(started: Started) -> None:
    def answer(**environment: str) -> str:
        code = "print(GcsClient(address=sys.argv[1]).internal_kv_keys(b'', None, timeout=10))"
        loaded = "ray, sys; from ray._raylet import GcsClient; import os"
        address = ray.get_runtime_context().gcs_address
        ended = as_nobody(code, address, loaded=loaded, environment=environment)
        return ended.stdout + ended.stderr

    token = started.folder.token.read_text()
    assert answer(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token).startswith("[")
    for refused in (
        answer(RAY_AUTH_MODE="disabled"),
        answer(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="0" * 64),
    ):
        assert "Unauthenticated" in refused or "AuthenticationError" in refused, refused[-1000:]
    commands = [Path(f"/proc/{pid}/cmdline").read_text(errors="replace") for pid in family(os.getpid())]
    assert not any(token in command for command in commands)  # which `ps` shows to all


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="Linux says in /proc who listens; other systems do not")
def test_all_its_processes_listen_on_the_loopback_alone(started: Started) -> None:
    found = addresses(family(os.getpid()))
    assert len(set(found.values())) >= 3  # the head's store, the raylet, a worker
    for (address, port), pid in found.items():
        plain = getattr(address, "ipv4_mapped", None) or address
        assert plain.is_loopback, f"{address}:{port} of {Path(f'/proc/{pid}/cmdline').read_bytes()!r}"


def test_workers_import_what_the_driver_does_and_nothing_from_the_working_folder(started: Started) -> None:
    (said,) = started.run("seeing").said
    assert isinstance(said, Failure), said
    seen = json.loads(said.reason.partition(": ")[2])
    assert str(started.here) not in seen["path"]
    assert imports()[0] in seen["path"]
    assert "$HOME" in imports()[0]  # which Ray would expand
    assert seen["here"] == str(started.here)
    assert f'"letter": "{started.folder.token}"' in said.details
    assert '"umask": "027"' in said.details  # the driver's


def test_a_folder_whose_name_ray_would_change_is_said_before_it_starts(
    init: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a ${HOME} b").mkdir()
    monkeypatch.chdir(tmp_path / "a ${HOME} b")
    cluster = RayCluster(None, Resources())
    with pytest.raises(CannotRun, match=r"names a folder with \$\{HOME\} in it .*Rename the folder.*--in-process"):
        cluster.ready()
    cluster.close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path / "${NO_SUCH}"), *sys.path])
    cluster = RayCluster(None, Resources())
    with pytest.raises(CannotRun, match=r"PYTHONPATH for Ray's workers names a folder with \$\{NO_SUCH\}"):
        cluster.ready()
    cluster.close()
    assert not init


def test_a_worker_that_dies_leaves_its_last_words(started: Started) -> None:
    work = started.run("dying")
    (reason,) = work.lost_for
    line, _, details = reason.partition("\n")
    assert line == "the memory ran out: MemoryError: the arena is used up"
    assert "pid: " in details
    assert "The last lines of the process:\nMemoryError: the arena is used up" in details


def test_nothing_is_left_of_it(started: Started) -> None:
    """The last test with this Ray: it ends it."""
    started.cluster.close()
    assert not started.folder.path.exists()
    assert "RAY_AUTH_TOKEN_PATH" not in os.environ
    assert not ray.is_initialized()


@pytest.fixture
def init(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What ray.init is called with; it starts nothing."""
    given: list[dict[str, Any]] = []
    monkeypatch.setattr(
        ray, "init", lambda **options: given.append({**options, "token": os.environ.get("RAY_AUTH_TOKEN_PATH")})
    )
    here = {
        "NodeID": "here",
        "NodeName": "here",
        "NodeManagerAddress": "127.0.0.1",
        "Alive": True,
        "Resources": {"CPU": 2.0},
    }
    monkeypatch.setattr(ray_cluster, "alive", lambda: [here])
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    return given


@pytest.mark.parametrize("name", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"])
def test_a_token_of_the_user_is_left_alone(
    init: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "mine").write_text("a token")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, "mine")
    cluster = RayCluster(None, Resources())
    cluster.ready()
    assert init[0]["address"] == "local"
    assert init[0]["token"] == (None if name == "RAY_AUTH_TOKEN" else "mine")
    cluster.close()
    assert os.environ[name] == "mine"


def test_a_cluster_that_is_joined_has_its_own_files_and_token(
    init: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "found_head", lambda address: f"of {address}")
    cluster = RayCluster("auto", Resources())
    cluster.ready()
    assert init[0]["address"] == "of auto"
    assert "_temp_dir" not in init[0]
    assert init[0]["token"] is None
    assert cluster.logs is None
    assert "PYTHONPATH" not in init[0]["runtime_env"]["env_vars"]
    cluster.close()


def test_what_differs_in_a_cluster_of_other_versions_is_said_whole(
    init: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**options: Any) -> None:
        raise RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.61.0\n    Python: 3.12.1\n")

    monkeypatch.setattr(ray_cluster, "found_head", lambda address: address)
    monkeypatch.setattr(ray, "init", fails)
    cluster = RayCluster("head:6379", Resources())
    with closing(cluster), pytest.raises(CannotRun, match=r"--address head:6379: .*Ray: 2\.61\.0 Python: 3\.12\.1"):
        cluster.ready()


def test_without_shared_memory_ray_keeps_its_objects_in_its_folder(
    init: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(private_folder, "_SHARED_MEMORY", tmp_path / "none")
    cluster = RayCluster(None, Resources())
    cluster.ready()
    assert Path(init[0]["_plasma_directory"]).is_relative_to(Path(init[0]["_temp_dir"]).parent)
    assert init[0]["object_store_memory"] < 1e9
    cluster.close()


@pytest.mark.parametrize(
    "error", [Exception("The node timed out\nat length"), ValueError("no plasma"), PermissionError(13, "no")]
)
def test_what_keeps_ray_from_starting_is_one_line_with_the_cure(
    init: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    folders: list[Path] = []

    def fails(**options: Any) -> None:
        logs = Path(options["_temp_dir"]) / "session_latest" / "logs"
        folders.append(logs)
        logs.mkdir(parents=True)
        (logs / "raylet.err").write_text("first\nCheck failed: no room for shared memory\n")
        raise error

    monkeypatch.setattr(ray, "init", fails)
    cluster = RayCluster(None, Resources())
    with closing(cluster), pytest.raises(CannotRun) as refused:
        cluster.ready()
    message = str(refused.value)
    assert message.startswith(
        f"Ray does not start on this machine ({str(error).splitlines()[0]}; its processes said: Check failed"
    )
    assert "RAY_TMPDIR" in message
    assert "--in-process" in message
    assert "\n" not in message
    assert not folders[0].exists()


def test_a_ray_that_this_process_uses_is_left_alone(
    init: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never() -> None:
        raise AssertionError("it is not ours to end")

    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "shutdown", never)
    cluster = RayCluster(None, Resources())
    with closing(cluster), pytest.raises(CannotRun, match="connected to a Ray already"):
        cluster.ready()
    assert not init


def test_what_is_never_closed_is_closed_at_the_end_of_the_process(tmp_path: Path) -> None:
    code = (
        "import ray, time; from pathlib import Path\n"
        "from gensweep.executors import ray_cluster as it; from gensweep.configuration import Resources\n"
        "ray.init = lambda **options: print(Path(options['_temp_dir']).parent, flush=True)\n"
        "ray.nodes = lambda: [{'Alive': True, 'Resources': {'CPU': 1.0}}]\n"
        "it.RayCluster(None, Resources()); time.sleep(0.5); raise SystemExit('an error before anybody waits for it')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.stderr == "an error before anybody waits for it\n"
    assert not Path(ended.stdout.strip()).exists()


def test_a_start_that_hangs_is_given_up(init: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "_PATIENCE", 0.3)
    monkeypatch.setattr(ray, "init", lambda **options: time.sleep(60))
    cluster = RayCluster(None, Resources())
    with closing(cluster), pytest.raises(CannotRun, match=r"nothing happened for 0\.3 s.*--in-process"):
        cluster.ready()


def test_a_start_that_is_slow_but_goes_on_is_waited_for(
    init: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(**options: Any) -> None:
        logs = Path(options["_temp_dir"]) / "session_latest" / "logs"
        logs.mkdir(parents=True)
        for n in range(30):
            (logs / f"{n}.out").touch()
            time.sleep(0.1)

    monkeypatch.setattr(ray_cluster, "_PATIENCE", 1.0)
    monkeypatch.setattr(ray, "init", slow)
    cluster = RayCluster(None, Resources())
    cluster.ready()
    cluster.close()


def test_without_a_loopback_interface_it_does_not_even_try(
    init: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> Any:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", down)
    cluster = RayCluster(None, Resources())
    with closing(cluster), pytest.raises(CannotRun, match=r"Network is unreachable.*ip link set lo up"):
        cluster.ready()
    assert not init


def test_the_drivers_own_path_is_what_comes_before_the_standard_library(monkeypatch: pytest.MonkeyPatch) -> None:
    library = next(path for path in sys.path if path.endswith(".zip"))
    monkeypatch.setattr(sys, "path", ["", "/mine", library, "/later"])
    assert imports() == [os.getcwd(), "/mine"]
