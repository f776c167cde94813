"""What the nodes of a cluster see is asked before anything starts, on a real cluster of two nodes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gensweep.configuration import Resources
from gensweep.datasets.base import WORKING_FOLDER
from gensweep.devices import seen
from gensweep.errors import CannotRun
from gensweep.executors.in_process import InProcess
from gensweep.executors.ray_cluster import RayCluster
from gensweep.executors.ray_tune import RayTune
from gensweep.executors.visible import answers, worker_environment


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


@pytest.mark.slow  # a real cluster takes 15 s
def test_the_other_node_answers_for_itself(two_nodes: RayTune, tmp_path: Path) -> None:
    (address,) = two_nodes.elsewhere(os.getpid)
    told = two_nodes.elsewhere(lambda: (os.getpid(), os.environ[WORKING_FOLDER], (tmp_path / "data").exists()))
    (tmp_path / "data").touch()
    (pid, folder, seen) = told[address]
    assert (pid != os.getpid(), folder, seen) == (True, str(Path.cwd()), False)
    assert two_nodes.elsewhere((tmp_path / "data").exists) == {address: True}
    assert answers(os.getpid, Resources(cpu=2)) == {}, "no other node can hold such a trial"
    with pytest.raises(CannotRun, match=f"node {address}: cannot run gensweep .*ZeroDivisionError"):
        two_nodes.elsewhere(lambda: 1 / 0)


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
