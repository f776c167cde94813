"""What is wrong with a cluster-launcher file: Ray's own preparation and schema, then what they do not look at."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from typing import Any

PROVIDER_KEYS = {"type", "head_ip", "worker_ips"}  # Ray's schema lets any key of a provider pass


def cluster_problems(document: dict[str, Any]) -> list[str]:
    """Every reason not to ship this file; an empty list when there is none."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.autoscaler._private.util import prepare_config, validate_config

    try:
        validate_config(prepare_config(copy.deepcopy(document)))
    except (Exception, SystemExit) as error:  # `cli_logger.abort` leaves by SystemExit or click's error
        return [f"{type(error).__name__}: {getattr(error, 'message', error)}"]
    return [*_provider_problems(document), *_token_problems(document), *_start_problems(document)]


def _provider_problems(document: dict[str, Any]) -> Iterator[str]:
    provider = document["provider"]
    yield from (f"unknown key of the provider: {key}" for key in sorted(provider.keys() - PROVIDER_KEYS))
    if not provider["worker_ips"]:
        yield "no worker_ips"
    if provider["head_ip"] in provider["worker_ips"]:
        yield "the head is among worker_ips: it would be started twice"


def _token_problems(document: dict[str, Any]) -> Iterator[str]:
    if "~/.ray/auth_token" not in document.get("file_mounts", {}):
        yield "the token is not copied to the nodes"
    setup = "\n".join(document.get("setup_commands", []))
    if "chmod 600 ~/.ray/auth_token" not in setup:
        yield "the token stays readable by others"
    if "export RAY_AUTH_MODE=token" not in setup:
        yield "the environment file does not set RAY_AUTH_MODE=token"


def _start_problems(document: dict[str, Any]) -> Iterator[str]:
    starts = {kind: document[f"{kind}_start_ray_commands"] for kind in ("head", "worker")}
    for kind, commands in starts.items():
        for command in commands:
            if not command.startswith(". ~/gensweep-env && "):
                yield f"{kind}: `{command}` runs without the environment file, hence without RAY_AUTH_MODE"
        if not any("ray start" in command for command in commands):
            yield f"{kind}: nothing starts Ray"
    head = " ".join(starts["head"])
    if "--autoscaling-config=~/ray_bootstrap_config.yaml" not in head:
        yield "head: without --autoscaling-config no worker is ever started"
    if "--dashboard-host=127.0.0.1" not in head:
        yield "head: the dashboard is not bound to 127.0.0.1"
    if "--address=$RAY_HEAD_IP:6379" not in " ".join(starts["worker"]):
        yield "worker: does not join the head"
