"""What is wrong with the Caddyfile: Caddy's own reader first, then the proxy itself before a server that says what it heard."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from compose_checks import tool

UPSTREAM = "mlflow:5000"


def caddy_problems(text: str) -> list[str]:
    """Every reason not to ship this Caddyfile; an empty list when there is none."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "Caddyfile"
        file.write_text(text)
        for verb in ("validate", "adapt"):
            done = _caddy(verb, file)
            if done.returncode:
                return done.stderr.splitlines()[-1:]
        if problems := list(_settings_problems(json.loads(done.stdout))):
            return problems
        return list(_behaviour_problems(text, Path(name)))


def _caddy(verb: str, file: Path, site: str = "mlflow.example.org") -> subprocess.CompletedProcess[str]:
    command = [tool("caddy"), verb, "--adapter", "caddyfile", "--config", str(file)]
    return subprocess.run(
        command, env=_environment(file.parent, site), capture_output=True, text=True, check=False, timeout=60
    )


def _environment(home: Path, site: str) -> dict[str, str]:
    return {"SITE": site, "HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}


def _settings_problems(adapted: Any) -> Iterator[str]:
    if not adapted.get("admin", {}).get("disabled"):
        yield "its own interface, which asks for no password, would change what it does"
    servers = adapted["apps"]["http"]["servers"].values()
    if {address for server in servers for address in server["listen"]} != {":443"}:
        yield "does not serve TLS at port 443 alone"
    if (upstreams := set(re.findall(r'"dial": *"([^"]+)"', json.dumps(adapted)))) != {UPSTREAM}:
        yield f"leads to {', '.join(sorted(upstreams))}, where no MLflow is"


def _behaviour_problems(text: str, folder: Path) -> Iterator[str]:
    """Without TLS, on ports of its own: who gets through, and what MLflow then hears."""
    with _server() as (upstream, heard), _proxy(text, upstream, folder) as site:
        nobody = requests.get(site, timeout=20)
        other = requests.get(site, headers={"Authorization": "Bearer x"}, timeout=20)
        if heard or {nobody.status_code, other.status_code} != {401}:
            yield "who gives no password gets through"
        if not nobody.headers.get("WWW-Authenticate", "").startswith("Basic "):
            yield "no browser asks for the password"
        heard.clear()
        user = requests.get(site, auth=("sweep", "secret"), timeout=20)
        if user.status_code != 200 or len(heard) != 1:
            yield f"who gives a password gets {user.status_code}"
        elif heard[0]["Host"] != UPSTREAM:
            yield f"MLflow hears the name {heard[0]['Host']}, which --allowed-hosts refuses"
        elif heard[0].get("Authorization") != user.request.headers["Authorization"]:
            yield "the password does not reach MLflow"
        if "max-age" not in user.headers.get("Strict-Transport-Security", ""):
            yield "a browser may come back without TLS"


@contextmanager
def _server() -> Iterator[tuple[int, list[dict[str, str]]]]:
    """A server in MLflow's place: its port, and the headers that it hears."""
    heard: list[dict[str, str]] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(dict(self.headers))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], heard
        server.shutdown()


@contextmanager
def _proxy(text: str, upstream: int, folder: Path) -> Iterator[str]:
    """Caddy, as the file says, before a server at another port; its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site, file = f"http://127.0.0.1:{port}", folder / "run"
    file.write_text(text.replace(f"reverse_proxy {UPSTREAM}", f"reverse_proxy 127.0.0.1:{upstream}"))
    command = [tool("caddy"), "run", "--adapter", "caddyfile", "--config", str(file)]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, env=_environment(folder, site), stderr=log) as caddy,
    ):
        try:
            deadline = time.monotonic() + 60
            while caddy.poll() is None and time.monotonic() < deadline:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
                    break
                time.sleep(0.05)
            yield site
        finally:
            caddy.kill()
