"""Nodes of a Ray cluster, as processes of this machine that were started as people start them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gensweep
from tests.processes import descendants

REPOSITORY = str(Path(gensweep.__file__).parents[1])


def free_port() -> int:
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


def _autoscaling(kinds: Mapping[str, Any], address: str) -> dict[str, Any]:
    lists = [
        *(f"{kind}setup_commands" for kind in ("", "head_", "worker_")),
        *("initialization_commands", "head_start_ray_commands", "worker_start_ray_commands"),
        *("cluster_synced_files", "rsync_exclude", "rsync_filter"),
    ]
    always = ("use_node_id_as_ip", "disable_node_updaters", "disable_launch_config_check", "foreground_node_launch")
    provider = {"type": "fake_multinode", "gcs_address": address, **dict.fromkeys(always, True)}
    head = {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0}
    return {
        "cluster_name": "gensweep", "max_workers": 4, "upscaling_speed": 1.0, "idle_timeout_minutes": 10.0,
        "provider": provider, "auth": {}, "docker": {}, "file_mounts": {},
        "file_mounts_sync_continuously": False, "head_node_type": "ray.head.default",
        "available_node_types": {"ray.head.default": head, **kinds}, **{name: [] for name in lists},
    }  # fmt: skip


class Nodes:
    """A head without places for trials, and the nodes that were started beside it, each with variables of its own."""

    def __init__(self, autoscaler: Mapping[str, Any] | None = None, **environment: str) -> None:
        """`autoscaler`: what kinds of nodes are started, as processes, for what waits; Ray has such a provider for tests."""
        self.folder = Path(tempfile.mkdtemp(prefix="gs-", dir="/tmp"))
        self.token = "0123456789abcdef" * 4
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "GENSWEEP_"))},
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_memory_monitor_refresh_ms": "0",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": REPOSITORY,
            **environment,
        }
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        host = subprocess.run(
            [sys.executable, "-c", "import ray; print(ray.util.get_node_ip_address())"], capture_output=True, text=True
        )
        self.address = f"{host.stdout.strip().splitlines()[-1]}:{free_port()}"
        port = self.address.rpartition(":")[2]
        head = ["--head", f"--port={port}", f"--temp-dir={self.folder}/r", "--include-dashboard=false", "--num-cpus=0"]
        if autoscaler is None:
            self._start("head", head, {})
            return
        (self.folder / "autoscaler.json").write_text(json.dumps(_autoscaling(autoscaler, self.address)))
        told = {"AUTOSCALER_UPDATE_INTERVAL_S": "1", "RAY_FAKE_CLUSTER": "1"}
        self._start("head", [*head, f"--autoscaling-config={self.folder}/autoscaler.json"], told)

    def add(self, name: str, *, hidden: Path | None = None, cpus: int = 1, **environment: str) -> None:
        """A node with so many places for a trial. `hidden` is a folder that it does not see."""
        self._start(name, [f"--address={self.address}", f"--num-cpus={cpus}"], environment, hidden)

    def kill(self, name: str, *what: str) -> None:
        """Kill those processes of a node whose commands name one of these, and nobody is told."""
        below = descendants(self.started[name].pid)
        found = [pid for pid, command in below.items() if any(one in command.split(" ")[0] for one in what)]
        assert found, below
        for pid in found:
            os.kill(pid, signal.SIGKILL)

    def stop(self, *names: str) -> None:
        """End these nodes with all their processes."""
        for name in names:
            process = self.started.pop(name)
            below = {process.pid, *descendants(process.pid)}
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            for pid in below:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()

    def close(self) -> None:
        """End all of them."""
        self.stop(*reversed(self.started))
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, name: str, options: list[str], environment: Mapping[str, str], hidden: Path | None = None) -> None:
        command = [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", *options, "--block", f"--node-name={name}"),
            *("--disable-usage-stats", "--dashboard-agent-listen-port=0", "--object-store-memory=80000000"),
        ]
        if hidden is not None:
            hide = 'mount -t tmpfs none "$0" && exec "$@"'
            command = ["unshare", "-m", "sh", "-c", hide, str(hidden), *command]
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            self.started[name] = subprocess.Popen(
                command, stdout=out, stderr=subprocess.STDOUT, cwd="/", env={**self.environment, **environment},
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 120
        while (
            b"Ray runtime started" not in log.read_bytes()
        ):  # one after the other: together they are late on two cores
            assert self.started[name].poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
