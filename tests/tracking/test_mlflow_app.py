"""MLflow's server for strangers: who has no password gets nothing, and of files nobody gets more than the store's own."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from flask import Flask
from mlflow_server import Server
from tracked_sweep import Driver

from gensweep.tracking.access import ENTRY, USER
from gensweep.tracking.opening import Opening, opening_at
from gensweep.tracking.projection import Projection
from gensweep.tracking.run_store import open_store
from gensweep.tracking.tracking_server import trouble
from gensweep.tracking.view import View

NOBODY = 65534
API = "/api/2.0/mlflow"
HARMLESS = {"/health", "/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info", "/static-files/x"}

# What another account did with `gensweep ui`: an experiment of its own, whose artifacts it keeps, and a link among them.
ATTACK = """
import json, os, sys, urllib.error, urllib.parse, urllib.request
url, folder, secret = sys.argv[1:]
def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, data, {"Content-Type": "application/json"})) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b"{}"
code, said = ask("/api/2.0/mlflow/experiments/create", {"name": folder, "artifact_location": "file://" + folder})
print(code)
if code == 200:
    code, said = ask("/api/2.0/mlflow/runs/create", {"experiment_id": json.loads(said)["experiment_id"]})
    run = json.loads(said)["run"]["info"]["run_id"]
    os.mkdir(os.path.join(folder, run))
    os.symlink(os.path.dirname(secret), os.path.join(folder, run, "artifacts"))
    for path in ("/get-artifact", "/ajax-api/2.0/mlflow/artifacts/list"):
        print(*ask(path + "?" + urllib.parse.urlencode({"path": os.path.basename(secret), "run_id": run})))
"""


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that only its owner may read, in such a folder."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    (folder / "token").write_text("the victim's")
    (folder / "token").chmod(0o600)
    return folder / "token"


@pytest.fixture
def stranger(secret: Path) -> Iterator[Callable[[str], list[str]]]:
    """What the attack of another account on a server prints."""
    if os.geteuid():
        pytest.skip("only root can become another account: run the tests as root, in a container, for this one")
    folder = tempfile.mkdtemp(prefix="gensweep-stranger-")
    os.chown(folder, NOBODY, NOBODY)
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable  # ours may be out of its reach

    def attack(url: str) -> list[str]:
        done = subprocess.run(
            [python, "-I", "-c", ATTACK, url, folder, str(secret)], user=NOBODY, group=NOBODY, extra_groups=[],
            env={"no_proxy": "127.0.0.1"}, cwd="/", capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    yield attack
    shutil.rmtree(folder)


def test_another_account_gets_nothing_without_the_password(
    locked_server: Server, stranger: Callable[[str], list[str]]
) -> None:
    assert stranger(locked_server.url) == ["401"]


def test_another_account_gets_no_file_of_ours_where_no_password_is_asked_for(
    server: Server, stranger: Callable[[str], list[str]]
) -> None:
    assert stranger(server.url) == ["200", "403 b'{}'", "403 b'{}'"]


def test_what_acts_for_the_user_is_closed_where_everybody_may_ask(server: Server, locked_server: Server) -> None:
    """MLflow's assistant takes a model and `full_access` from whoever asks, and then runs that model's commands as us."""
    asked = (
        "/ajax-api/3.0/mlflow/assistant/config",
        "/api/3.0/mlflow/gateway/secrets/list",
        "/gateway/mlflow/v1/models",
    )
    for path in asked:
        assert requests.get(server.url + path, timeout=30).status_code == 403, path
    settings = {"providers": {"ollama": {"selected": True, "permissions": {"full_access": True}}}}
    assert requests.put(server.url + asked[0], json=settings, timeout=30).status_code == 403
    me = (USER, str(locked_server.access.password))
    assert requests.get(locked_server.url + asked[0], auth=me, timeout=30).status_code == 200


def routes() -> set[tuple[str, str]]:
    """Every method and path that MLflow's server answers, as its own tables say."""
    from mlflow.server import app
    from mlflow.server.auth import routes as of_users
    from mlflow.server.fastapi_app import app as outer

    found = {(method, rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods or ()}
    for included in outer.routes:
        for route in getattr(getattr(included, "original_router", None), "routes", ()):
            prefix = included.include_context.prefix or ""
            found |= {(method, f"{prefix}{route.path}") for method in route.methods}
    users = {path for path in vars(of_users).values() if isinstance(path, str) and path.startswith("/")}
    found |= {(method, path) for path in users for method in ("GET", "POST", "PATCH", "DELETE")}
    # HEAD and OPTIONS come with each GET, through the same gate
    return {
        (method, re.sub(r"<[^>]+>|{[^}]+}", "x", path)) for method, path in found if method not in ("HEAD", "OPTIONS")
    }


def test_every_route_asks_for_the_password(locked_server: Server) -> None:
    asked = routes()
    paths = {path for _, path in asked}
    for known in (
        "/get-artifact", "/model-versions/get-artifact", "/graphql", "/version", "/signup", "/v1/traces",
        "/ajax-api/2.0/mlflow/upload-artifact", "/api/2.0/mlflow-artifacts/artifacts/x", "/ajax-api/3.0/jobs/search",
        "/ajax-api/3.0/mlflow/assistant/message", "/ajax-api/3.0/mlflow/get-trace-artifact", "/gateway/mlflow/v1/models",
        "/ajax-api/3.0/mlflow/traces/x", "/api/2.0/mlflow/users/create",
    ):  # fmt: skip
        assert known in paths, f"MLflow's tables are read in a way that misses {known}"
    odd = {(method, path) for method in ("GET", "HEAD", "OPTIONS") for path in
           (ENTRY, "/metrics", "//get-artifact", "/docs", "/get-artifact", "/v1/traces", "/ajax-api/3.0/jobs/x")}  # fmt: skip
    with requests.Session() as session:
        session.trust_env = False
        open_to_all = {
            (method, path)
            for method, path in asked | odd
            if session.request(method, locked_server.url + path, timeout=30).status_code not in (401, 403, 405)
        }
    assert {path for _, path in open_to_all} == HARMLESS
    assert {method for method, _ in open_to_all} == {"GET"}


def test_who_has_the_password_gets_in_and_may_do_all(locked_server: Server) -> None:
    me = (USER, str(locked_server.access.password))
    for path in ("/", "/version", f"{API}/experiments/search?max_results=1", "/ajax-api/2.0/mlflow/users/current"):
        assert requests.get(locked_server.url + path, auth=me, timeout=30).status_code == 200, path
    wrong = requests.get(f"{locked_server.url}/version", auth=(USER, "password1234"), timeout=30)
    assert (wrong.status_code, wrong.headers["WWW-Authenticate"]) == (401, 'Basic realm="mlflow"')


@pytest.mark.parametrize("given", ["Bearer x", 'Digest username="gensweep"', "Token", "x", ","])
def test_another_scheme_than_basic_is_no_password(locked_server: Server, given: str) -> None:
    for path in ("/version", f"{API}/experiments/search?max_results=1", "/graphql", ENTRY, "/gateway/mlflow/v1/models"):
        answer = requests.get(locked_server.url + path, headers={"Authorization": given}, timeout=30)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="mlflow"'), path
    health = requests.get(f"{locked_server.url}/health", headers={"Authorization": given}, timeout=30)
    assert health.status_code == 200  # which asks for none


def test_a_link_with_the_password_leads_to_an_address_without_it(locked_server: Server) -> None:
    """Chromium: a page below http://user:password@… cannot fetch; one that it was redirected to can."""
    me = (USER, str(locked_server.access.password))
    answer = requests.get(locked_server.url + ENTRY, auth=me, allow_redirects=False, timeout=30)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{locked_server.url}/")
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_link_opens_on_the_trials_of_a_sweep(locked_server: Server) -> None:
    store = open_store(locked_server.store.uri)
    older = View("gensweep-older", "wae", "0" * 32, 1, "metrics.`best.fid`", True, ())
    for view in (replace(older, key="gensweep-newer", created=2), older):
        store.show(view)
    me = (USER, str(locked_server.access.password))
    share = "&viewStateShareKey=gensweep"
    for asked, opened in (
        ("", f"{share}-newer"),
        ("?view=gensweep-older", f"{share}-older"),
        ("?view=https://evil.example", ""),
    ):
        answer = requests.get(locked_server.url + ENTRY + asked, auth=me, allow_redirects=False, timeout=30)
        page = f"{locked_server.url}/#/experiments/1/runs?workflowType=machine_learning"
        assert (answer.status_code, answer.headers["Location"]) == (303, page + opened)
    found = opening_at(locked_server.url, me, None)
    assert found == Opening("wae", f"{page}{share}-newer",
                            f"{locked_server.url}/#/experiments/1/runs/{'0' * 32}?workflowType=machine_learning")  # fmt: skip
    assert opening_at(locked_server.url, None, None) is None  # who does not know the password is told nothing
    assert opening_at(locked_server.url, me, "gensweep-none") is None


def test_pages_for_everybody_say_that_there_is_no_gateway(server: Server) -> None:
    """MLflow's page of runs asks for it, and covers itself with the error where that is refused."""
    path = f"{server.url}/ajax-api/2.0/mlflow/gateway-proxy"
    answer = requests.get(path, params={"gateway_path": "api/2.0/endpoints/"}, timeout=30)
    assert (answer.status_code, answer.json()) == (200, {"endpoints": []})
    assert requests.post(path, json={"gateway_path": "api/2.0/endpoints/"}, timeout=30).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "10.evil.example:5000", "192.168.evil.example", "localhost.evil.example"]
)
def test_a_foreign_host_name_is_refused(locked_server: Server, host: str) -> None:
    """DNS rebinding: MLflow's own pattern for private networks, 10.*, is a name that anybody can register."""
    me = (USER, str(locked_server.access.password))
    answer = requests.get(f"{locked_server.url}/version", auth=me, headers={"Host": host}, timeout=30)
    assert answer.status_code == 200  # MLflow's health checks are not asked for a name, and tell nothing
    search = f"{locked_server.url}{API}/experiments/search?max_results=1"
    assert requests.get(search, auth=me, headers={"Host": host}, timeout=30).status_code == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:6666", "http://localhost", "https://evil.example", "null"])
def test_a_page_of_another_origin_gets_no_answer(locked_server: Server, origin: str) -> None:
    """The browser would send the password with it; other accounts may have pages on other ports of this machine."""
    me = (USER, str(locked_server.access.password))
    for method in ("GET", "POST", "OPTIONS"):
        answer = requests.request(
            method, f"{locked_server.url}{API}/experiments/search?max_results=1", auth=me, headers={"Origin": origin}, timeout=30
        )  # fmt: skip
        assert answer.status_code == 403, method
        assert "Access-Control-Allow-Origin" not in answer.headers
    own = {"Origin": locked_server.url}
    body = {"max_results": 1}
    found = requests.post(f"{locked_server.url}{API}/experiments/search", json=body, auth=me, headers=own, timeout=30)
    assert found.status_code == 200


def test_sweeps_are_sent_to_it_with_the_password_alone(
    locked_server: Server, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = trouble(locked_server.url)
    assert refused is not None
    assert "MLFLOW_TRACKING_PASSWORD" in str(refused.cure)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", str(locked_server.access.password))
    assert trouble(locked_server.url) is None
    driver.issue(0)
    driver.rows(0, range(1, 3))
    projection = Projection(driver.folder, locked_server.url)
    projection.start()
    assert projection.close(final=True).is_done
    ((run_id, _),) = locked_server.store.runs().values()
    picture = f"{locked_server.url}/get-artifact?run_id={run_id}&path=samples/epoch-0002.png"
    assert requests.get(picture, timeout=30).status_code == 401
    assert requests.get(picture, auth=(USER, str(locked_server.access.password)), timeout=30).content == b"\x89PNG"


@pytest.fixture
def served(server: Server) -> Callable[[str], requests.Response]:
    """What the server answers to who wants the file `token` of a run whose artifacts are at a place."""

    def ask(location: str) -> requests.Response:
        made = requests.post(f"{server.url}{API}/runs/create", json={"experiment_id": "0"}, timeout=30).json()
        run_id = made["run"]["info"]["run_id"]
        with closing(sqlite3.connect(server.database, timeout=30)) as database, database:
            database.execute("update runs set artifact_uri = ? where run_uuid = ?", (location, run_id))
        return requests.get(f"{server.url}/get-artifact", params={"run_id": run_id, "path": "token"}, timeout=30)

    return ask


@pytest.mark.parametrize(
    "place",
    ["file://{private}", "{private}", "file:{private}", "file://{own}/../../{private}", "file://{own}/link", "{own}/link/deep",
     "s3://bucket/x", "runs:/x/y", "models:/x/1"],
)  # fmt: skip
def test_what_a_database_names_outside_of_the_store_is_not_read(
    server: Server, served: Callable[[str], requests.Response], secret: Path, place: str
) -> None:
    own = server.database.parent / "mlartifacts" / uuid.uuid4().hex
    own.mkdir(parents=True)
    (own / "link").symlink_to(secret.parent)
    (secret.parent / "deep").mkdir()
    shutil.copy(secret, secret.parent / "deep")
    answer = served(place.format(private=secret.parent, own=own))
    assert answer.status_code == 403, answer.text
    assert "outside of this store" in answer.text


@pytest.mark.parametrize("place", ["http://169.254.169.254/latest", "ftp://127.0.0.1/x", "mlflow-artifacts:/../x"])
def test_nor_is_another_host_asked(served: Callable[[str], requests.Response], place: str) -> None:
    """MLflow refuses the second itself, and looks for the others in its own folder, where they are not."""
    assert served(place).status_code >= 400


def test_what_is_the_stores_own_is_read_and_no_link_in_it(
    server: Server, served: Callable[[str], requests.Response], secret: Path
) -> None:
    own = server.database.parent / "mlartifacts" / uuid.uuid4().hex
    own.mkdir(parents=True)
    (own / "token").symlink_to(secret)
    assert "victim" not in served(own.as_uri()).text
    (own / "token").unlink()
    (own / "token").write_text("a picture")
    for place in (own.as_uri(), str(own)):
        assert served(place).text == "a picture"
    (own / "traces.json").symlink_to(secret)  # MLflow reads this one whatever it is
    assert served(own.as_uri()).status_code == 403


def test_a_link_in_place_of_the_artifacts_is_not_followed(
    server: Server, served: Callable[[str], requests.Response], secret: Path
) -> None:
    link = server.database.parent / "mlruns"
    link.symlink_to(secret.parent)
    try:
        answer = served(link.as_uri())
    finally:
        link.unlink()
    assert answer.status_code == 403
    assert "--artifacts FOLDER" in answer.text


def test_workers_make_the_tables_of_the_users_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gensweep.tracking import mlflow_app  # which reads the settings of MLflow's users

    (config := tmp_path / "auth.ini").touch()
    made: list[str] = []

    def take(how: int) -> None:
        with config.open("rb") as another:
            fcntl.flock(another, how | fcntl.LOCK_NB)

    def create_app() -> Flask:
        with pytest.raises(BlockingIOError):
            take(fcntl.LOCK_SH)
        made.append("tables")
        return Flask("app")

    monkeypatch.setenv("MLFLOW_AUTH_CONFIG_PATH", str(config))
    monkeypatch.setattr(mlflow_app, "_confine_artifacts", lambda: None)
    monkeypatch.setattr(mlflow_app, "flask_app", Flask("app"))
    monkeypatch.setattr(mlflow_app.auth, "create_app", create_app)
    mlflow_app.private()
    take(fcntl.LOCK_EX)
    assert made == ["tables"]
