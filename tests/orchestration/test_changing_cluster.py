"""A cluster that changes, with real nodes: one is killed, one joins, the head dies; and what other nodes and sweeps do to it.

Trials train only while no gate is shut, so that what a test does to their cluster it does in the middle of them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gensweep.ledger.events import EventLog
from tests.counting import environment
from tests.executors.ray_nodes import REPOSITORY, Nodes
from tests.living_sweep import after_reports, events, finish, results, wait_until

pytestmark = pytest.mark.slow

N_TRIALS, EPOCHS = 8, 12
SPACE = f"""
defaults: [base, {{dataset: digits}}, _self_]
name: survivor
confirm: none
objective: {{metric: sliced_wasserstein}}
search: {{sampler: random, samples: {N_TRIALS}, seed: 4}}
early_stopping: {{name: none}}
resources: {{gpu: 0, pack: off, compile: off}}
trial:
  seed: 0
  network: {{name: mlp, hidden: [32]}}
  latent_size: choice(2, 4, 8)
  family: {{name: wae, lambda: "loguniform(1, 10)", divergence: gated}}
  training: {{epochs: {EPOCHS}, optimizer: {{lr: "loguniform(1e-4, 1e-3)"}}}}
  evaluation: {{metrics: [sliced_wasserstein], every: 1}}
"""
GATED = """import os, time
from pathlib import Path
from typing import Literal
from gensweep.divergences.mmd import MMD
class Gated(MMD):
    name: Literal["gated"] = "gated"
    def penalty(self, *given, **named):
        gate, until = Path(os.environ.get("GATE", "/none")), time.monotonic() + 600
        while gate.exists() and time.monotonic() < until:
            time.sleep(0.1)
        return super().penalty(*given, **named)
"""


class Here:
    """A working folder with the sweep and its component, whose `gate` a test shuts and opens."""

    def __init__(self, folder: Path, empty_database: Path) -> None:
        self.folder, self.gate = folder, folder / "gate"
        shutil.copy(empty_database, folder / "mlflow.db")
        (folder / "space.yaml").write_text(SPACE)
        described = folder / "package" / "gated-1.0.dist-info"
        described.mkdir(parents=True)
        (folder / "package" / "gated.py").write_text(GATED)
        (described / "METADATA").write_text("Metadata-Version: 2.1\nName: gated\nVersion: 1.0\n")
        (described / "entry_points.txt").write_text("[gensweep.divergences]\ngated = gated:Gated\n")
        self.of_nodes = {"PYTHONPATH": f"{folder}/package:{REPOSITORY}", "GATE": str(self.gate)}

    def start(self, nodes: Nodes | None, *arguments: str) -> subprocess.Popen[str]:
        told = {} if nodes is None else {k: v for k, v in nodes.environment.items() if k.startswith("RAY_")}
        where = ["--in-process"] if nodes is None else ["--address", nodes.address]
        return subprocess.Popen(
            [sys.executable, "-m", "gensweep", *arguments, *where], cwd=self.folder, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**environment(self.folder), **told, "PYTHONPATH": self.of_nodes["PYTHONPATH"], "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def sizes(self) -> list[tuple[int, int]]:
        """How many places on how many nodes each event tells."""
        return [(event["places"], event["nodes"]) for event in self.of("resized")]

    def of(self, kind: str = "") -> list[dict[str, Any]]:
        return events(self.folder, kind)  # type: ignore[return-value]

    def in_hand(self, after: int = 0, before: float = float("inf")) -> list[int]:
        """How many trials a driver had given out after each of its events, of those between two."""
        n, found = 0, []
        for event in self.of():
            kind = event["event"]
            n = 0 if kind == "started" else n + (kind in ("issued", "continued")) - (kind in ("lost", "ended"))
            if after < event["seq"] < before:
                found.append(n)
        return found


@pytest.fixture
def here(tmp_path: Path, empty_database: Path) -> Here:
    return Here(tmp_path, empty_database)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> bytes:
    """What the sweep comes to, left alone and in one process."""
    here = Here(tmp_path_factory.mktemp("undisturbed"), empty_database)
    code, _, err = finish(here.start(None, "run", "space.yaml"))
    assert code == 0, err
    return results(here.folder)


@pytest.fixture
def new_nodes() -> Iterator[Callable[..., Nodes]]:
    made: list[Nodes] = []

    def make(*given: Any, **named: str) -> Nodes:
        made.append(Nodes(*given, **named))
        return made[-1]

    yield make
    for nodes in made:
        nodes.close()


def no_report_twice(here: Here) -> None:
    reported = Counter((event["number"], event["epoch"]) for event in here.of("reported"))
    assert set(reported.values()) == {1}
    assert len(reported) == N_TRIALS * EPOCHS


def test_a_node_that_is_killed_and_one_that_joins(
    here: Here, new_nodes: Callable[..., Nodes], undisturbed: bytes
) -> None:
    nodes = new_nodes()
    nodes.add("first", cpus=2, **here.of_nodes)
    nodes.add("second", cpus=2, **here.of_nodes)
    driver = here.start(nodes, "run", "space.yaml")
    after_reports(here.folder, driver, 1)
    here.gate.touch()
    wait_until(lambda: here.in_hand()[-1] == 4, driver)
    nodes.kill("second", "raylet")
    wait_until(lambda: here.sizes()[-1:] == [(2, 1)] and here.in_hand()[-1] == 2, driver)
    nodes.add("third", cpus=2, **here.of_nodes)
    wait_until(lambda: here.sizes()[-1:] == [(4, 2)] and here.in_hand()[-1] == 4, driver)
    here.gate.unlink()
    code, _, err = finish(driver)
    assert code == 0, err
    (started,) = here.of("started")
    assert [started["at_once"], *(places for places, _ in here.sizes())] == [4, 2, 4]
    gone, joined = here.of("resized")
    host = nodes.address.partition(":")[0]
    assert (gone["gone"], gone["joined"]) == ([f"second ({host})"], [])
    assert (joined["gone"], joined["joined"]) == ([], [f"third ({host})"])
    assert max(here.in_hand(before=gone["seq"])) == 4
    assert here.in_hand(before=joined["seq"])[-1] == 2
    assert max(here.in_hand(after=joined["seq"])) == 4
    assert f"node second ({host}) is gone: 2 trials side by side on 1 node" in err
    assert f"node third ({host}) joined: 4 trials side by side on 2 nodes" in err
    no_report_twice(here)
    assert results(here.folder) == undisturbed


def test_a_head_that_is_killed_and_another_cluster(
    here: Here, new_nodes: Callable[..., Nodes], undisturbed: bytes
) -> None:
    nodes = new_nodes()
    nodes.add("first", cpus=2, **here.of_nodes)
    driver = here.start(nodes, "run", "space.yaml")
    after_reports(here.folder, driver, 4)
    here.gate.touch()
    nodes.kill("head", "gcs_server", "raylet")
    code, _, err = finish(driver)
    assert code == 75, err
    assert "gensweep resume survivor" in err
    assert here.of()[-1]["event"] == "stopped"
    n = len(here.of("reported"))
    assert n < N_TRIALS * EPOCHS, "it ended in the middle"
    nodes.close()
    here.gate.unlink()
    other = new_nodes()
    other.add("first", cpus=2, **here.of_nodes)
    code, _, err = finish(here.start(other, "resume", "survivor"))
    assert code == 0, err
    no_report_twice(here)
    assert results(here.folder) == undisturbed


def test_nodes_are_waited_for_and_those_that_join_are_asked(here: Here, new_nodes: Callable[..., Nodes]) -> None:
    nodes, few = new_nodes(), ["search.samples=3", "trial.training.epochs=2"]
    code, _, err = finish(here.start(nodes, "run", "space.yaml", "resources.node_timeout=0"))
    assert (code, "no node has that (0 CPU, 0 GPU). Lower resources.cpu" in err) == (4, True), err
    assert not (here.folder / "runs").exists(), "nothing was started"
    here.gate.touch()
    driver = here.start(nodes, "run", "space.yaml", *few)
    assert driver.stderr is not None
    lines = iter(driver.stderr.readline, "")
    told = next(line for line in lines if "waiting for nodes" in line)
    assert "up to 30 min (resources.node_timeout): resources: a trial asks for 1 CPU and 0 GPU, and no node has" in told
    nodes.add("first", cpus=2, **here.of_nodes)
    wait_until(lambda: here.in_hand()[-1:] == [2], driver)
    nodes.add("bare", cpus=2)
    wait_until(lambda: bool(here.of("left_out")), driver)
    here.gate.unlink()
    code, _, err = finish(driver)
    assert code == 0, err
    (left_out,) = here.of("left_out")
    assert left_out["host"] == f"bare ({nodes.address.partition(':')[0]})"
    assert left_out["reason"].startswith("it joined and lacks what they need: has no divergence 'gated'. Install there")
    assert f"no more trials on node {left_out['host']}: it joined and lacks" in err
    assert (here.sizes(), max(here.in_hand()), here.of("lost")) == ([], 2, [])


def test_two_sweeps_have_as_many_places_each(here: Here, new_nodes: Callable[..., Nodes], undisturbed: bytes) -> None:
    nodes = new_nodes()
    nodes.add("first", cpus=2, **here.of_nodes)
    first = here.start(nodes, "run", "space.yaml")
    after_reports(here.folder, first, 1)
    here.gate.touch()
    second = here.start(nodes, "run", "space.yaml", "name=second", "search.samples=2")
    log = EventLog(here.folder / "runs" / "second")
    wait_until(lambda: here.sizes() == [(1, 1)] and bool(log.of_kind("started")), second)
    assert (here.in_hand()[-1], log.of_kind("issued")) == (2, []), "what trains is not interrupted"
    here.gate.unlink()
    wait_until(lambda: here.in_hand()[-1] == 1, first)
    here.gate.touch()
    wait_until(lambda: bool(log.of_kind("issued")), second)
    assert here.in_hand()[-1] == 1, "one each"
    here.gate.unlink()
    for driver in (first, second):
        code, _, err = finish(driver)
        assert code == 0, err
    shared = here.of("resized")[0]
    assert (shared["places"], shared["why"]) == (1, "the cluster is shared with 1 other sweep")
    assert results(here.folder) == undisturbed


def test_a_cluster_that_grows_from_nothing(here: Here, new_nodes: Callable[..., Nodes]) -> None:
    kind = {
        "resources": {"CPU": 1, "object_store_memory": 80_000_000},
        "node_config": {},
        "min_workers": 0,
        "max_workers": 2,
    }
    nodes = new_nodes({"one": kind}, **here.of_nodes)
    here.gate.touch()
    driver = here.start(nodes, "run", "space.yaml", "search.samples=3", "trial.training.epochs=2")
    wait_until(lambda: here.in_hand()[-1:] == [2], driver)
    here.gate.unlink()
    code, _, err = finish(driver)
    assert code == 0, err
    assert "waiting for nodes, up to 30 min (resources.node_timeout)" in err
    assert here.of("started")[0]["at_once"] == 1
    assert here.sizes() == [(2, 2)], "one for the first trial, and one for what waited beside it"
