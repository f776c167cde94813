"""compose.yaml for real: PostgreSQL, an S3 store and the very `mlflow server` line, under the name `mlflow`."""

from __future__ import annotations

import os
import re
import runpy
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from compose_checks import DEPLOY, SECRETS, resolved
from mlflow.utils import request_utils
from tracking_stack import TrackingStack, postgres_bin, start_stack

from gensweep.errors import CannotRun
from gensweep.tracking.store import check_reachable
from tests.cli.conftest import call

ROUTE = "/api/2.0/mlflow/experiments/search?max_results=1"


pytestmark = pytest.mark.slow  # half a minute of installing and of servers


@pytest.fixture(scope="module")
def stack() -> Iterator[TrackingStack]:
    stack = start_stack()
    yield stack
    stack.close()


@pytest.fixture
def compose_dns(stack: TrackingStack, monkeypatch: pytest.MonkeyPatch) -> None:
    find_mlflow_at(stack.ports["mlflow"], monkeypatch)


def find_mlflow_at(here: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the compose network's name server does: `mlflow:5000` is found, and that name is the client's Host."""
    find = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        is_mlflow = (host, port) == ("mlflow", 5000)
        return find("127.0.0.1", here, *rest, **options) if is_mlflow else find(host, port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    request_utils._cached_get_request_session.cache_clear()  # a kept connection goes to whom the name meant before
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def status(stack: TrackingStack, server: str, host: str, route: str = ROUTE, **options: Any) -> int:
    url = f"http://127.0.0.1:{stack.ports[server]}{route}"
    return requests.get(url, headers={"Host": host}, timeout=20, **options).status_code


@pytest.mark.usefixtures("compose_dns")
def test_a_run_with_an_artifact_comes_back(stack: TrackingStack, tmp_path: Path) -> None:
    import boto3
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts
    from mlflow.entities import Metric, Param

    client = MlflowClient(tracking_uri="http://mlflow:5000")
    experiment = client.create_experiment("stack")
    run = client.create_run(experiment).info.run_id
    points = [Metric("fid", 40.0 - step, 1_700_000_000_000 + step, step) for step in range(10)]
    client.log_batch(run, metrics=points, params=[Param("family", "wae")])
    (tmp_path / "samples.txt").write_text("not an image")
    client.log_artifact(run, str(tmp_path / "samples.txt"), "epoch-5")
    client.set_terminated(run)

    assert [(point.step, point.value) for point in client.get_metric_history(run, "fid")] == [
        (point.step, point.value) for point in points
    ]
    back = client.get_run(run)
    assert (back.data.params, back.info.status) == ({"family": "wae"}, "FINISHED")
    assert back.info.artifact_uri.startswith("mlflow-artifacts:"), "clients need no key of the store"
    file = download_artifacts(f"{back.info.artifact_uri}/epoch-5/samples.txt", tracking_uri="http://mlflow:5000")
    assert Path(file).read_text() == "not an image"
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{stack.ports['s3']}",
        region_name="us-east-1",
        aws_access_key_id=SECRETS["S3_ACCESS_KEY"],
        aws_secret_access_key=SECRETS["S3_SECRET_KEY"],
    )
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket="mlflow")["Contents"]]
    assert [key for key in keys if run in key and key.endswith("samples.txt")]


@pytest.mark.parametrize(("host", "expected"), [("mlflow:5000", 200), ("localhost:5000", 200), ("evil.example", 403)])
def test_the_host_header_decides(stack: TrackingStack, host: str, expected: int) -> None:
    assert status(stack, "mlflow", host) == expected


def test_a_health_check_on_health_would_see_nothing(stack: TrackingStack) -> None:
    """Why compose.yaml asks a real route: this one answers under any name."""
    assert status(stack, "mlflow", "evil.example", "/health") == 200


def test_a_foreign_page_may_not_write(stack: TrackingStack) -> None:
    url = f"http://127.0.0.1:{stack.ports['mlflow']}/api/2.0/mlflow/experiments/create"
    headers = {"Host": "localhost:5000", "Origin": "https://evil.example"}
    assert requests.post(url, json={"name": "x"}, headers=headers, timeout=20).status_code == 403


def test_jobs_are_off(stack: TrackingStack) -> None:
    """The job interface asked for no password in some versions; and its eight processes are not started."""
    url = f"http://127.0.0.1:{stack.ports['mlflow']}/ajax-api/3.0/jobs/"
    job: dict[str, Any] = {"job_name": "invoke_scorer", "params": {}}
    refused = requests.post(url, json=job, headers={"Host": "localhost:5000"}, timeout=20)
    assert refused.status_code >= 400
    assert "MLFLOW_SERVER_ENABLE_JOB_EXECUTION" in refused.text
    group = subprocess.run(
        ["pgrep", "-a", "-g", str(stack.groups["mlflow"])], capture_output=True, text=True, check=True
    )
    assert "huey" not in group.stdout
    assert len(group.stdout.splitlines()) <= 6, group.stdout


def test_the_store_refuses_who_has_no_key(stack: TrackingStack) -> None:
    assert requests.get(f"http://127.0.0.1:{stack.ports['s3']}/mlflow", timeout=20).status_code == 403


def test_only_s3_leaves_the_container(stack: TrackingStack) -> None:
    """The other services of SeaweedFS ask for no password; compose.yaml binds them to loopback or turns them off."""
    s3 = {stack.ports["s3"], stack.ports["s3"] + 10000}
    inner = {stack.ports[name] + more for name in ("master", "volume", "filer") for more in (0, 10000)}
    loopback: set[int] = set()
    everywhere: set[int] = set()
    for table in ("tcp", "tcp6"):
        listening = re.findall(r"\d+: (\w+):(\w{4}) 0+:0000 0A", Path(f"/proc/net/{table}").read_text())
        for address, port in listening:
            (loopback if address == "0100007F" else everywhere).add(int(port, 16))
    assert s3 <= everywhere
    assert inner <= loopback
    assert not inner & everywhere
    assert "Iceberg" not in (stack.folder / "s3.log").read_text()


def test_users_see_nothing_until_they_are_told(stack: TrackingStack) -> None:
    import secrets

    def search(user: str, password: str) -> requests.Response:
        url = f"http://127.0.0.1:{stack.ports['mlflow-auth']}/api/2.0/mlflow/experiments/search?max_results=100"
        return requests.get(url, headers={"Host": "mlflow:5000"}, auth=(user, password), timeout=20)

    assert status(stack, "mlflow-auth", "mlflow:5000") == 401
    assert search("admin", "password1234").status_code == 401
    admin = search("admin", SECRETS["MLFLOW_ADMIN_PASSWORD"])
    assert admin.json()["experiments"]
    password = secrets.token_hex(12)
    created = requests.post(
        f"http://127.0.0.1:{stack.ports['mlflow-auth']}/api/2.0/mlflow/users/create",
        json={"username": "reader", "password": password},
        headers={"Host": "mlflow:5000"},
        auth=("admin", SECRETS["MLFLOW_ADMIN_PASSWORD"]),
        timeout=20,
    )
    assert created.status_code == 200
    assert search("reader", password).json().get("experiments", []) == []


@pytest.fixture
def outdated(stack: TrackingStack) -> None:
    """A database `old` with MLflow's tables, as far as they are looked at, of an earlier version."""
    service = resolved([DEPLOY / "compose.yaml"])["postgres"]
    stack.sql("postgres", "CREATE DATABASE old", service)
    for statement in (
        "CREATE TABLE experiments (experiment_id int, name text, lifecycle_stage text)", "CREATE TABLE runs (run_uuid text)",
        "CREATE TABLE alembic_version (version_num text)", "INSERT INTO alembic_version VALUES ('27a6a02d2cf1')",
    ):  # fmt: skip
        stack.sql("old", statement, service)


@pytest.mark.usefixtures("outdated")
def test_a_sweep_says_what_is_wrong_with_a_database_before_anything_is_written(
    stack: TrackingStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    password, port = quote(SECRETS["POSTGRES_PASSWORD"], safe=""), stack.ports["postgres"]

    def uri(database: str = "mlflow", secret: str = password, at: int = port) -> str:
        return f"postgresql+psycopg2://mlflow:{secret}@127.0.0.1:{at}/{database}"

    shown = f"postgresql+psycopg2://127.0.0.1:{port}"
    check_reachable(uri())  # the server's own is as it should be
    for given, words in [
        (uri(secret="wr0ng"), ["password authentication failed for user", "Check name, user and password"]),
        (uri("nowhere"), ['database "nowhere" does not exist', "Check name, user and password"]),
        (uri(at=1), ["Connection refused", "or name another store"]),
    ]:
        with pytest.raises(CannotRun) as refused:
            check_reachable(given)
        said = str(refused.value)
        assert [word for word in words if word not in said] == [], said
        assert not any(secret in said for secret in ("wr0ng", password, SECRETS["POSTGRES_PASSWORD"]))
    smoke = str(DEPLOY.parent / "search_spaces" / "smoke.yaml")
    ended = call(tmp_path, ("run", smoke, "--in-process", "--tracking-uri", uri("old")), monkeypatch, capfd.readouterr)
    assert ended.code == 4, ended.err
    assert f"MLflow at {shown}/old cannot be used (its schema 27a6a02d2cf1 is older" in ended.err
    assert f"mlflow db upgrade {shown}/old" in ended.err
    assert password not in ended.err
    assert list(tmp_path.iterdir()) == []


def test_the_sweeps_user_writes_its_experiment_and_sees_no_other(
    stack: TrackingStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """compose.auth.yaml's service `user`, run twice, and then what a sweep does, with what its container has."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    services = resolved([DEPLOY / "compose.yaml", DEPLOY / "compose.auth.yaml"])
    find_mlflow_at(stack.ports["mlflow-auth"], monkeypatch)
    _, program, *arguments = services["user"]["command"]
    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch:
            for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
                patch.setenv(name, "")  # the program sets its own, and they go again
            for name, value in services["user"]["environment"].items():
                patch.setenv(name, value)
            runpy.run_path(str(DEPLOY / program))["main"](*arguments)
        assert "user sweep: may write to experiment gensweep" in capsys.readouterr().out
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, services["sweep"]["environment"][name])
    client = MlflowClient(tracking_uri=services["sweep"]["environment"]["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("gensweep").experiment_id
    run = client.create_run(experiment).info.run_id
    client.log_metric(run, "fid", 1.0)
    client.log_text(run, "a picture", "samples/a.txt")
    client.set_terminated(run)
    assert [found.info.run_id for found in client.search_runs([experiment])] == [run]
    assert [found.name for found in client.search_experiments()] == ["gensweep"]
    with pytest.raises(MlflowException, match="Permission denied"):
        client.get_experiment("0")
    body = {"username": "more", "password": "a-long-password"}
    me = ("sweep", SECRETS["MLFLOW_SWEEP_PASSWORD"])
    create = requests.post("http://mlflow:5000/api/2.0/mlflow/users/create", json=body, auth=me, timeout=20)
    assert create.status_code == 403


def test_upgrade_and_backup_of_the_page_run(stack: TrackingStack) -> None:
    """`mlflow db upgrade` and `pg_dump` with the words of README.md, on the stack's database."""
    page = (DEPLOY / "README.md").read_text()
    environment = stack.environment(resolved([DEPLOY / "compose.yaml"])["mlflow"])
    upgrade = re.search(r"mlflow db upgrade (\S+)", page)
    assert upgrade
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", stack.adapted(upgrade[1])]
    subprocess.run(command, env=environment, check=True, capture_output=True, cwd=stack.folder)

    dump = re.search(r"(pg_dump -U mlflow \S+ mlflow) >", page)
    assert dump
    program, *words = dump[1].split()
    command = [str(postgres_bin() / program), "-h", "127.0.0.1", "-p", str(stack.ports["postgres"]), *words]
    libraries = postgres_bin().parents[3] / f"lib/{os.uname().machine}-linux-gnu"
    done = subprocess.run(
        command, env=environment | {"LD_LIBRARY_PATH": str(libraries)}, check=True, capture_output=True
    )
    restore = [str(postgres_bin() / "pg_restore"), "--list"]
    listed = subprocess.run(
        restore, input=done.stdout, env={"LD_LIBRARY_PATH": str(libraries)}, check=True, capture_output=True
    )
    assert b"TABLE DATA public experiments" in listed.stdout
    assert b"TABLE DATA public users" in listed.stdout, "the users of basic-auth are in the same backup"
