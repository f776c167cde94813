"""What is wrong with a cluster-launcher file: Ray's own preparation and schema, then what they do not look at."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterator
from typing import Any

# Ray's schema lets any key of a provider pass.
PROVIDER_KEYS = {
    "local": {"type", "head_ip", "worker_ips"},
    "aws": {"type", "region", "availability_zone", "cache_stopped_nodes", "security_group", "use_internal_ips"},
    "gcp": {"type", "region", "availability_zone", "project_id", "cache_stopped_nodes", "use_internal_ips"},
}


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
    known = PROVIDER_KEYS[provider["type"]]
    yield from (f"unknown key of the provider: {key}" for key in sorted(provider.keys() - known))
    if provider["type"] != "local":
        if provider.get("cache_stopped_nodes") is not False:
            yield "machines are stopped, not ended, and their disks go on costing"
        yield from _node_type_problems(document)
        yield from _mount_problems("\n".join(document["setup_commands"]))
        return
    if not provider["worker_ips"]:
        yield "no worker_ips"
    if provider["head_ip"] in provider["worker_ips"]:
        yield "the head is among worker_ips: it would be started twice"


def _node_type_problems(document: dict[str, Any]) -> Iterator[str]:
    """The head stays and runs no trial; workers are spot machines."""
    types = document["available_node_types"]
    head = types[document["head_node_type"]]
    workers = {name: each for name, each in types.items() if each is not head}
    if head["resources"].get("CPU") != 0:
        yield "the head runs trials beside the driver"
    if _is_spot(head["node_config"]):
        yield "the head is a spot machine, with which the whole Ray is lost"
    for name, each in workers.items():
        if not _is_spot(each["node_config"]):
            yield f"{name}: no spot machine, at three times the price"
        if not each.get("max_workers", document["max_workers"]):
            yield f"{name}: never has a place for a trial"
        if each.get("max_workers", 0) > document["max_workers"]:
            yield f"{name}: more max_workers than the cluster's"


def _mount_problems(setup: str) -> Iterator[str]:
    """Every machine mounts the runs, for good: with `soft` a server that is away for a minute is a write that failed."""
    options = re.search(r"mount -t nfs4? -o (\S+) \S+ /shared$", setup, re.M)
    if options is None:
        yield "the runs are on the node's own disk"
    elif "hard" not in options[1].split(","):
        yield "what is written is lost where the server is away"


def _is_spot(node: dict[str, Any]) -> bool:
    market, scheduling = node.get("InstanceMarketOptions", {}), node.get("scheduling", [])
    return market.get("MarketType") == "spot" or any(each.get("provisioningModel") == "SPOT" for each in scheduling)


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
