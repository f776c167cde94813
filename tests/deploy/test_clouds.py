"""aws.yaml and gcp.yaml by Ray's own schema and launcher's preparation; and mutations that must not pass. No cloud is asked."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from compose_checks import DEPLOY
from ray_checks import cluster_problems

CLOUDS = {name: yaml.safe_load((DEPLOY / f"{name}.yaml").read_text()) for name in ("aws", "gcp")}
LOCAL = yaml.safe_load((DEPLOY / "ray-cluster.yaml").read_text())


@pytest.mark.parametrize("cloud", CLOUDS)
def test_ray_accepts_the_file(cloud: str) -> None:
    assert cluster_problems(CLOUDS[cloud]) == []


@pytest.mark.parametrize("cloud", CLOUDS)
def test_what_is_the_same_as_on_machines_of_ones_own(cloud: str) -> None:
    """Mounts, what is left out, how Ray starts, and the environment file."""
    for key in ("file_mounts", "rsync_exclude", "head_start_ray_commands", "worker_start_ray_commands"):
        assert CLOUDS[cloud][key] == LOCAL[key]
    written = [line for line in LOCAL["setup_commands"] if "gensweep-env" in line or "-m venv" in line]
    assert set(written) <= set(CLOUDS[cloud]["setup_commands"])


MUTATIONS: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "unknown key": ("aws", lambda f: f.update(max_worker=2), "max_worker"),
    "unknown key of a node type": (
        "gcp",
        lambda f: f["available_node_types"]["gpu"].update(min_worker=1),
        "min_worker",
    ),
    "unknown key of the provider": ("gcp", lambda f: f["provider"].update(project="x"), "unknown key of the provider"),
    "minutes as text": ("aws", lambda f: f.update(idle_timeout_minutes="5"), "'5' is not of type 'number'"),
    "a head of no type": ("aws", lambda f: f.update(head_node_type="heads"), "must be one of"),
    "no head type": ("gcp", lambda f: f.pop("head_node_type"), "head_node_type"),
    "a resource as text": ("aws", lambda f: f["available_node_types"]["gpu"]["resources"].update(GPU="1"), "'1'"),
    "stopped machines": ("aws", lambda f: f["provider"].pop("cache_stopped_nodes"), "go on costing"),
    "trials on the head": (
        "gcp",
        lambda f: f["available_node_types"]["head"]["resources"].update(CPU=4),
        "beside the driver",
    ),
    "a spot head": (
        "gcp",
        lambda f: f["available_node_types"]["head"]["node_config"].update(scheduling=[{"provisioningModel": "SPOT"}]),
        "the whole Ray is lost",
    ),
    "dear workers": (
        "aws",
        lambda f: f["available_node_types"]["gpu"]["node_config"].pop("InstanceMarketOptions"),
        "no spot machine",
    ),
    "no workers ever": (
        "aws",
        lambda f: f["available_node_types"]["gpu"].update(min_workers=0, max_workers=0),
        "never has a place",
    ),
    "a token that is not asked for": (
        "gcp",
        lambda f: f["setup_commands"].__setitem__(3, f["setup_commands"][3].replace("RAY_AUTH_MODE=token ", "")),
        "does not set RAY_AUTH_MODE",
    ),
    "an open dashboard": (
        "aws",
        lambda f: f["head_start_ray_commands"].__setitem__(
            1, f["head_start_ray_commands"][1].replace("127.0.0.1", "0.0.0.0")
        ),
        "dashboard",
    ),
    "trials on Ray's own machines": (
        "gcp",
        lambda f: f["worker_start_ray_commands"].__setitem__(1, ". ~/gensweep-env && ray start --head --port=6379"),
        "does not join the head",
    ),
    "no shared folder": (
        "aws",
        lambda f: f["setup_commands"].__setitem__(2, "mkdir -p /shared/gensweep"),
        "on the node's own disk",
    ),
    "a shared folder after a fault": (
        "gcp",
        lambda f: f["setup_commands"].__setitem__(2, f["setup_commands"][2].replace("-o hard,", "-o soft,")),
        "lost where the server is away",
    ),
    "more than the cluster's": (
        "gcp",
        lambda f: f["available_node_types"]["gpu"].update(max_workers=9),
        "than the cluster's",
    ),
    "the token left behind": ("aws", lambda f: f["file_mounts"].pop("~/.ray/auth_token"), "not copied"),
    "the token for everybody": ("gcp", lambda f: f["setup_commands"].pop(0), "readable by others"),
    "a worker that forgets the token": (
        "aws",
        lambda f: f["worker_start_ray_commands"].__setitem__(1, "ray start --address=$RAY_HEAD_IP:6379"),
        "without RAY_AUTH_MODE",
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    cloud, mutate, expected = MUTATIONS[name]
    document = copy.deepcopy(CLOUDS[cloud])
    mutate(document)
    problems = cluster_problems(document)
    captured = capsys.readouterr()
    assert expected in "\n".join([*problems, captured.out, captured.err])
