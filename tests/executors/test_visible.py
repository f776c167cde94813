"""What the nodes of a cluster see is asked before anything starts, on a real cluster of two nodes."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import gensweep
from gensweep.configuration import Resources
from gensweep.datasets.base import WORKING_FOLDER
from gensweep.devices import seen
from gensweep.errors import CannotRun
from gensweep.executors import _probe
from gensweep.executors.base import Answer
from gensweep.executors.in_process import InProcess
from gensweep.executors.ray_cluster import RayCluster
from gensweep.executors.ray_tune import RayTune
from gensweep.executors.visible import _differences, answers, worker_environment

TORCH = torch.__version__.partition("+")[0]


def test_workers_are_told_the_folders_that_this_process_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENSWEEP_DATA", "data")
    monkeypatch.setenv("GENSWEEP_CACHE", "~/cache")
    monkeypatch.delenv("GENSWEEP_INCEPTION", raising=False)
    assert worker_environment() == {
        "GENSWEEP_DATA": str(tmp_path / "data"),
        "GENSWEEP_CACHE": str(Path.home() / "cache"),
        WORKING_FOLDER: str(tmp_path),
    }


def test_in_this_process_nobody_else_is_asked() -> None:
    assert InProcess().elsewhere(lambda: 1) == {}


@pytest.fixture(scope="module")
def two_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayTune]:
    """A driver on the head of a cluster that has another node, with a GPU."""
    from ray._raylet import AuthenticationTokenLoader  # type: ignore[attr-defined]
    from ray.cluster_utils import Cluster  # not before gensweep.executors, which says how Ray is imported

    token = [
        sys.executable,
        "-m",
        "ray.scripts.scripts",
        "get-auth-token",
        "--generate",
    ]  # `ray start` wants to find one
    subprocess.run(token, check=True, stdout=subprocess.DEVNULL)
    AuthenticationTokenLoader.instance().reset_cache()  # this process may have had a Ray with another token
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes.add_node(num_cpus=1, num_gpus=1)  # one that Ray believes in
    joined = RayCluster(nodes.address, Resources())
    yield RayTune(joined, tmp_path_factory.mktemp("scratch"))
    joined.close()
    nodes.shutdown()


def test_a_ray_of_this_process_has_no_nodes_to_ask(tmp_path: Path) -> None:
    cluster: Any = SimpleNamespace(address=None, ready=lambda: None)
    alone = RayTune(cluster, tmp_path)
    assert not alone.is_elsewhere
    assert alone.elsewhere(os.getpid) == {}


@pytest.mark.slow  # a real cluster takes 15 s
def test_each_node_answers_for_itself(two_nodes: RayTune, tmp_path: Path) -> None:
    two_nodes.ready()
    assert two_nodes.is_elsewhere

    def asked(question: Callable[[], Any]) -> dict[str, Answer[Any]]:
        return answers(question, Resources(gpu=0), 120.0)

    pids = {name: answer.value for name, answer in asked(os.getpid).items()}
    assert len(pids) == 2, "both of one address, told apart"
    assert os.getpid() not in pids.values()
    told = asked(lambda: (os.environ[WORKING_FOLDER], (tmp_path / "data").exists()))
    (tmp_path / "data").touch()
    assert told == dict.fromkeys(pids, Answer((), (str(Path.cwd()), False)))
    assert asked((tmp_path / "data").exists) == dict.fromkeys(pids, Answer((), True))
    assert answers(os.getpid, Resources(cpu=2, gpu=0), 60.0) == {}, "no node can hold such a trial"
    failed = asked(lambda: 1 / 0)
    assert [answer.wrong[0][:38] for answer in failed.values()] == ["cannot run gensweep (ZeroDivisionError"] * 2


@pytest.mark.slow
def test_a_node_that_does_not_answer_is_wrong(two_nodes: RayTune) -> None:
    two_nodes.ready()
    late = answers(lambda: time.sleep(600), Resources(gpu=0), 0.5)
    assert [answer.wrong for answer in late.values()] == [
        ("did not answer within 0 s. See whether it is overloaded, or a folder of its hangs.",)
    ] * 2


@pytest.mark.parametrize(
    ("there", "missing", "says"),
    [
        ({}, {}, []),
        (
            {"torch": "2.0.9"},
            {},
            [f"torch 2.0.9 is there, and here it is {TORCH}. Install the same there: pip install"],
        ),
        ({"Python": "3.9"}, {}, ["Python 3.9 is there, and here it is 3."]),
        ({}, {"gensweep": "ModuleNotFoundError: x"}, ["gensweep cannot be imported (ModuleNotFoundError: x). Install"]),
        (
            {"torch": "2.0.9", "gensweep": "0"},
            {},
            ["torch 2.0.9 is", f"gensweep 0 is there, and here it is {gensweep.__version__}"],
        ),
    ],
)
def test_what_is_of_another_version_there_is_said_with_the_cure(
    there: dict[str, str], missing: dict[str, str], says: list[str]
) -> None:
    found, _ = _probe.versions()
    told = list(_differences({**found, **there}, missing))
    assert [line[: len(said)] for line, said in zip(told, says, strict=True)] == says


def test_a_build_for_another_device_and_a_patch_of_python_are_the_same_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", f"{TORCH}+cu999")
    monkeypatch.setattr("platform.python_version_tuple", lambda: ("3", "11", "99"))
    found, missing = _probe.versions()
    assert (found["Python"], found["torch"], missing) == ("3.11", TORCH, {})


def test_a_node_without_gensweep_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gensweep", None)
    said = _probe.reply(pickle.dumps(os.getpid))
    assert said["missing"]["gensweep"].startswith("ModuleNotFoundError")
    assert "answer" not in said


@pytest.mark.slow
def test_a_node_with_a_gpu_answers_for_it(two_nodes: RayTune) -> None:
    assert sorted(node.get("GPU", 0.0) for node in two_nodes.nodes) == [0.0, 1.0]
    assert two_nodes.n_at_once == 1, "what is left open is a GPU here"
    ((pid, visible),) = two_nodes.beside_gpus(lambda: (os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES"))).values()
    assert (pid != os.getpid(), visible) == (True, "0")
    (card,) = two_nodes.beside_gpus(seen).values()
    assert bool(card.n) != bool(card.why)
    two_nodes.settle(Resources(gpu=0))
    assert two_nodes.n_at_once == 2
    two_nodes.settle(Resources(cpu=0.25, gpu=0.5))
    assert two_nodes.n_at_once == 2
    with pytest.raises(CannotRun, match="no node has that"):
        two_nodes.settle(Resources(gpu=2))
    assert two_nodes.n_at_once == 2
