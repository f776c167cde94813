"""A cluster of others, with real nodes: whom it lets in, and what of its nodes is asked before anything starts."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gensweep.errors import CannotRun, Outcome
from gensweep.executors.ray_address import found_head
from gensweep.ledger.sweep_folder import SweepFolder
from tests.cli.conftest import SPACE
from tests.executors.ray_nodes import REPOSITORY, Nodes
from tests.executors.strangers import needs_root

pytestmark = [
    pytest.mark.slow,
    needs_root,
]  # each Ray takes 5 to 20 s to start; to hide a folder from a node takes root

ODD = """import os, time
from pathlib import Path
from typing import Literal
from gensweep.divergences.mmd import MMD
class Odd(MMD):
    name: Literal["odd"] = "odd"
    def model_post_init(self, context):
        if os.environ.get("LOSES_TRIALS"):
            os.kill(os.getpid(), 9)
        log, until = Path(os.environ.get("WAITS_FOR_THE_END_OF", "/none")), time.monotonic() + 300
        while log.exists() and "left_out" not in log.read_text() and time.monotonic() < until:
            time.sleep(0.1)
"""
OTHER_TORCH = """import importlib.util, sys
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "torch.version":
            return importlib.util.spec_from_file_location(name, __file__.replace("sitecustomize", "torch_version"))
sys.meta_path.insert(0, Finder)
"""
VERSION = "__version__ = '2.0.9+cpu'\ncuda = hip = rocm = xpu = git_version = None\ndebug = False\n"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a sweep that takes a component of an installed package, and the folder of that package."""
    here = tmp_path_factory.mktemp("here")
    (here / "space.yaml").write_text(SPACE.replace("divergence: mmd", "divergence: odd"))
    (here / "package" / "odd-1.0.dist-info").mkdir(parents=True)
    (here / "package" / "odd.py").write_text(ODD)
    described = here / "package" / "odd-1.0.dist-info"
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[gensweep.divergences]\nodd = odd:Odd\n")
    (here / "old").mkdir()
    (here / "old" / "sitecustomize.py").write_text(OTHER_TORCH)
    (here / "old" / "torch_version.py").write_text(VERSION)
    (here / "shared").mkdir()
    return here


@pytest.fixture(scope="module")
def nodes(here: Path) -> Iterator[Nodes]:
    whole = f"{here}/package:{REPOSITORY}"
    found = Nodes()
    try:
        log = here / "shared" / "runs" / "lossy" / "ledger" / "events.jsonl"
        found.add("fine", PYTHONPATH=whole, WAITS_FOR_THE_END_OF=str(log))  # of another node, else it is done before
        found.add("blind", PYTHONPATH=whole, hidden=here / "shared")
        found.add("bare")
        found.add("old", PYTHONPATH=f"{here}/old:{whole}")
        yield found
    finally:
        found.close()


def run(nodes: Nodes, here: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **nodes.environment,
        "PYTHONPATH": f"{here}/package:{REPOSITORY}",
        "MLFLOW_TRACKING_URI": f"sqlite:///{here}/mlflow.db",
        "GENSWEEP_CACHE": f"{here}/cache",
    }
    command = [sys.executable, "-m", "gensweep", "run", "space.yaml", "--address", nodes.address, *arguments]
    return subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, timeout=420)


def test_all_that_the_nodes_lack_is_one_message_before_anything_starts(nodes: Nodes, here: Path) -> None:
    refused = run(nodes, here, "--runs", f"{here}/shared/runs")
    assert refused.returncode == 4, refused.stderr
    host = nodes.address.partition(":")[0]
    said = [line for line in refused.stderr.splitlines() if "node" in line.partition(":")[0]]
    lines = {line.removeprefix("gensweep: ").partition(": ")[0]: line.partition(": ")[2] for line in said}
    told = refused.stderr
    assert (
        f"node blind ({host}): does not see the folder of the runs: what the driver wrote into {here}/shared is" in told
    )
    assert f"node bare ({host}): has no divergence 'odd'. Install there the package that it is of" in told
    assert f"node old ({host}): torch 2.0.9 is there, and here it is " in told
    assert "pip install torch==" in told
    assert "node fine" not in told, lines
    assert "Traceback" not in told
    assert os.listdir(here / "shared") == [], "nothing was started, and nothing is left of the question"


def test_without_such_nodes_it_runs(nodes: Nodes, here: Path) -> None:
    nodes.stop(*nodes.started.keys() - {"head", "fine"})
    ran = run(nodes, here, "--runs", f"{here}/shared/runs")
    assert ran.returncode == 0, ran.stderr
    state = SweepFolder.open(here / "shared" / "runs" / "tiny").state()
    assert {record.host for record in state.trials.values()} == {platform.node()}


def test_a_node_that_loses_three_trials_in_a_row_gets_no_more(nodes: Nodes, here: Path) -> None:
    nodes.stop(*nodes.started.keys() - {"head", "fine"})
    nodes.add("lossy", PYTHONPATH=f"{here}/package:{REPOSITORY}", LOSES_TRIALS="1")
    family = "{name: wae, lambda: 1.0, divergence: odd}"
    ran = run(nodes, here, "--runs", f"{here}/shared/runs", "name=lossy", f"trial.family={family}", "trial.seed=null",
              "search.samples=5")  # fmt: skip
    host = nodes.address.partition(":")[0]
    assert ran.returncode == 0, ran.stderr
    said = f"no more trials on node lossy ({host}): it lost 3 trials in a row, the last because its process or node was lost"
    assert said in ran.stderr
    assert "node fine" not in ran.stderr
    folder = SweepFolder.open(here / "shared" / "runs" / "lossy")
    (left_out,) = folder.events.of_kind("left_out")
    assert left_out["host"] == f"lossy ({host})"
    later = [event for event in folder.events.of_kind("lost") if event["seq"] > left_out["seq"]]
    assert len(later) <= 1, "what was placed there already"
    assert {record.outcome for record in folder.state().trials.values()} == {Outcome.COMPLETED}


def test_a_head_answers_who_has_its_token(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", nodes.token)
    assert found_head(nodes.address) == nodes.address
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    assert found_head("auto") == nodes.address


@pytest.mark.parametrize(
    ("token", "mode", "says"),
    [
        ("f" * 64, "token", "another token than RAY_AUTH_TOKEN says. RAY_AUTH_TOKEN_PATH=FILE names"),
        (None, "token", "joined with its token, and none is here. RAY_AUTH_TOKEN_PATH=FILE names"),
        (None, "disabled", "asks for a token, and RAY_AUTH_MODE says that it has none. Unset it."),
    ],
)
def test_whom_a_head_does_not_let_in_hears_of_the_token(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, token: str | None, mode: str, says: str
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    if token:
        monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    with pytest.raises(CannotRun) as refused:
        found_head(nodes.address)
    assert f"--address {nodes.address}: " in str(refused.value)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert token is None or token not in str(refused.value)


def test_a_machine_without_ray_is_told_where_to_run_the_command(nodes: Nodes) -> None:
    code = (
        "import sys; from gensweep.executors.ray_address import found_head; from gensweep.errors import CannotRun\n"
        "try: found_head(sys.argv[1])\n"
        "except CannotRun as error: print(error)\n"
    )
    login = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code, nodes.address]
    told = subprocess.run(login, env=nodes.environment, capture_output=True, text=True, timeout=60)
    assert "this machine is no node of that cluster" in told.stdout, told.stderr
    assert "`ray job submit --address http://HEAD:8265 -- gensweep run ...`" in told.stdout
    assert f"ray start --address {nodes.address} --num-cpus=0" in told.stdout
