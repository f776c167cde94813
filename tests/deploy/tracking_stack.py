"""The services of compose.yaml as plain processes: the same command lines, with this machine's ports and folders."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compose_checks import DEPLOY, SECRETS, resolved, tool

NO_POSTGRES = """PostgreSQL's server is missing. Either
  apt-get install postgresql-15
or, without root, from the repository's root:
  mkdir -p .data/postgresql && cd .data/postgresql
  apt-get download postgresql-15 postgresql-client-15 libpq5 && for deb in *.deb; do dpkg-deb -x $deb .; done"""
NOBODY = 65534


def free_port() -> int:
    """A free port below 32768 - 10000: SeaweedFS listens on each of its ports and on that port + 10000."""
    import random

    while True:
        port = random.SystemRandom().randrange(11000, 22000)
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + 10000))
            except OSError:
                continue
            return port


def postgres_bin() -> Path:
    """The folder of initdb and postgres: Debian's packages, unpacked ones, or the path."""
    roots = Path("/usr/lib/postgresql"), DEPLOY.parent / ".data/postgresql/usr/lib/postgresql"
    found = [
        folder for root in roots for folder in sorted(root.glob("*/bin"), reverse=True) if (folder / "initdb").exists()
    ]
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path).parent)
    assert found, NO_POSTGRES
    return found[0]


def wait_for(ready: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Poll until it is ready; an error of the connection is "not yet"."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{what} did not come up in {seconds:.0f} s")


@dataclass
class TrackingStack:
    """PostgreSQL, SeaweedFS and MLflow on loopback; `close` ends them and removes their folder."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="gensweep-stack-")))
    ports: dict[str, int] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    running: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.running.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)
        for name in ("postgres", "s3", "mlflow", "mlflow-auth"):
            self.ports[name] = free_port()

    def close(self) -> None:
        """End every process group, the newest first."""
        self.running.close()

    def adapted(self, text: str) -> str:
        """A word of compose.yaml with the names that only the compose network knows replaced by this machine's."""
        return text.replace("postgres:5432", f"127.0.0.1:{self.ports['postgres']}").replace(
            "http://s3:8333", f"http://127.0.0.1:{self.ports['s3']}"
        )

    def environment(self, service: Mapping[str, Any]) -> dict[str, str]:
        """The service's variables and of ours only what finds programs."""
        own = {name: self.adapted(value) for name, value in (service.get("environment") or {}).items()}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder), **own}

    def start(self, name: str, command: list[str], environment: Mapping[str, str], **options: Any) -> None:
        """Run it in its own process group, with its output in a file of the stack's folder."""
        log = self.running.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            command, env=dict(environment), cwd=self.folder, stdout=log, stderr=log, start_new_session=True, **options
        )
        self.running.callback(_end, process)
        self.groups[name] = process.pid

    def start_postgres(self, service: Mapping[str, Any]) -> None:
        """initdb as the image does it (a superuser with a password), then the server on loopback."""
        bin_folder, data = postgres_bin(), self.folder / "postgres"
        data.mkdir()
        password = self.folder / "password"
        password.write_text(service["environment"]["POSTGRES_PASSWORD"])
        # The server refuses to run as root.
        options: dict[str, Any] = {}
        if os.geteuid() == 0:
            options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            os.chown(data, NOBODY, NOBODY)
            os.chown(password, NOBODY, NOBODY)
        libraries = bin_folder.parents[3] / f"lib/{os.uname().machine}-linux-gnu"
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": str(libraries)}
        initdb = [str(bin_folder / "initdb"), "-D", str(data), "-U", service["environment"]["POSTGRES_USER"]]
        initdb += ["--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
        subprocess.run(initdb, env=environment, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **options)
        server = [str(bin_folder / "postgres"), "-D", str(data), "-k", str(data), "-p", str(self.ports["postgres"])]
        server += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        self.start("postgres", server, environment, **options)
        wait_for(lambda: _connects(self.ports["postgres"]), "PostgreSQL")
        self.sql("postgres", f"CREATE DATABASE {service['environment']['POSTGRES_DB']}", service)

    def sql(self, database: str, statement: str, service: Mapping[str, Any]) -> None:
        """One statement outside a transaction."""
        import psycopg2

        settings = service["environment"]
        login = {"user": settings["POSTGRES_USER"], "password": settings["POSTGRES_PASSWORD"], "dbname": database}
        for attempt in range(50):
            try:
                connection = psycopg2.connect(host="127.0.0.1", port=self.ports["postgres"], **login)
                break
            except psycopg2.OperationalError:  # "the database system is starting up"
                if attempt == 49:
                    raise
                time.sleep(0.2)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()

    def start_s3(self, service: Mapping[str, Any]) -> None:
        """SeaweedFS with compose.yaml's options; four of its ports are free ones here."""
        (self.folder / "s3").mkdir()
        command = [tool("weed"), *service["command"]]
        command = [word.replace("-dir=/data", f"-dir={self.folder / 's3'}") for word in command]
        command = [word.replace("-s3.port=8333", f"-s3.port={self.ports['s3']}") for word in command]
        for other in ("master", "volume", "filer"):
            self.ports[other] = free_port()
            command.append(f"-{other}.port={self.ports[other]}")
        self.start("s3", command, self.environment(service))

    def s3_healthy(self, service: Mapping[str, Any]) -> bool:
        """What compose's healthcheck of the store answers."""
        url = service["healthcheck"]["test"][-1].replace(":8333", f":{self.ports['s3']}")
        return _status(url) == 200

    def start_mlflow(self, name: str, service: Mapping[str, Any], **more: str) -> None:
        """`mlflow server` with compose.yaml's words, on this stack's port."""
        command = [self.adapted(word) for word in service["command"]]
        command[command.index("--port") + 1] = str(self.ports[name])
        command[command.index("--host") + 1] = "127.0.0.1"
        self.start(name, command, self.environment(service) | more)

    def healthy(self, name: str, service: Mapping[str, Any]) -> bool:
        """What compose's healthcheck of the service answers."""
        test = [
            word.replace('"127.0.0.1", 5000', f'"127.0.0.1", {self.ports[name]}')
            for word in service["healthcheck"]["test"]
        ]
        assert test[:3] == ["CMD", "python", "-c"]
        return subprocess.run([sys.executable, *test[2:]], capture_output=True, check=False).returncode == 0


def start_stack() -> TrackingStack:
    """The stores, the bucket, and both servers: the open one and the one with users."""
    plain = resolved([DEPLOY / "compose.yaml"], SECRETS)
    users = resolved([DEPLOY / "compose.yaml", DEPLOY / "compose.auth.yaml"], SECRETS)
    stack = TrackingStack()
    try:
        stack.start_s3(plain["s3"])
        stack.start_postgres(plain["postgres"])
        stack.start_mlflow(
            "mlflow", plain["mlflow"]
        )  # before the bucket is there, to use the time: only writing needs it
        wait_for(lambda: stack.s3_healthy(plain["s3"]), "SeaweedFS")
        bucket = [sys.executable, str(DEPLOY / plain["bucket"]["command"][1]), *plain["bucket"]["command"][2:]]
        for _ in range(2):  # the second start of the stack finds the bucket there
            subprocess.run(bucket, env=stack.environment(plain["bucket"]), check=True, stdout=subprocess.DEVNULL)
        _wait_for_mlflow(stack, "mlflow", plain["mlflow"])
        settings = stack.folder / "basic_auth.ini"
        settings.write_text(stack.adapted((DEPLOY / "basic_auth.ini").read_text()))
        stack.start_mlflow("mlflow-auth", users["mlflow"], MLFLOW_AUTH_CONFIG_PATH=str(settings))
        _wait_for_mlflow(stack, "mlflow-auth", users["mlflow"])
    except BaseException:
        for log in sorted(stack.folder.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")
        stack.close()
        raise
    return stack


def _wait_for_mlflow(stack: TrackingStack, name: str, service: Mapping[str, Any]) -> None:
    wait_for(lambda: _connects(stack.ports[name]), name, seconds=300)
    wait_for(lambda: stack.healthy(name, service), name, seconds=300)


def _connects(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def _status(url: str) -> int:
    import requests

    return requests.get(url, timeout=5).status_code


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole group at once: a server's workers outlive its parent otherwise, and nothing here is kept."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
