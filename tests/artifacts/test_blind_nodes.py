"""A cluster whose nodes share no folder: trials are kept at an S3 store, which each node has to reach before anything starts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gensweep.errors import Outcome
from gensweep.ledger.sweep_folder import SweepFolder
from tests.cli.conftest import SPACE
from tests.executors.ray_nodes import REPOSITORY, Nodes
from tests.executors.strangers import needs_root
from tests.s3_server import S3Server

pytestmark = [
    pytest.mark.slow,
    needs_root,
]  # each Ray takes 5 to 20 s to start; to hide a folder from a node takes root
MINE = """from typing import Literal
from gensweep.divergences.mmd import MMD
class Mine(MMD):
    name: Literal["mine"] = "mine"
"""
PATHS = os.pathsep.join([REPOSITORY, *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("here")
    (here / "shared").mkdir()
    (here / "plugins" / "divergences").mkdir(parents=True)
    (here / "plugins" / "divergences" / "mine.py").write_text(MINE)
    (here / "shared" / "space.yaml").write_text(SPACE.replace("divergence: mmd", "divergence: mine"))
    return here


@pytest.fixture(scope="module")
def nodes(here: Path, s3: S3Server) -> Iterator[Nodes]:
    """Two nodes that do not see the folder of the runs, one of them with the wrong password for the store."""
    found = Nodes()
    try:
        found.add("blind", PYTHONPATH=PATHS, hidden=here / "shared", **s3.environment)
        found.add(
            "stranger", PYTHONPATH=PATHS, hidden=here / "shared", **s3.environment | {"AWS_SECRET_ACCESS_KEY": "x"}
        )
        yield found
    finally:
        found.close()


def run(nodes: Nodes, here: Path, s3: S3Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **nodes.environment,
        **s3.environment,
        "PYTHONPATH": PATHS,
        "MLFLOW_TRACKING_URI": f"sqlite:///{here}/mlflow.db",
        "GENSWEEP_CACHE": f"{here}/cache",
    }
    command = [sys.executable, "-m", "gensweep", *arguments]
    return subprocess.run(command, cwd=here / "shared", env=environment, capture_output=True, text=True, timeout=420)


def begin(nodes: Nodes, here: Path, s3: S3Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(
        nodes, here, s3, "run", "space.yaml", "--address", nodes.address, "--plugins", f"{here}/plugins", *arguments
    )


def test_a_node_that_does_not_reach_the_store_is_named_before_anything_starts(
    nodes: Nodes, here: Path, s3: S3Server
) -> None:
    refused = begin(nodes, here, s3, "--artifacts", s3.url)
    assert refused.returncode == 4, refused.stderr
    host = nodes.address.partition(":")[0]
    assert f"node stranger ({host}): cannot write, read and delete at {s3.url} (" in refused.stderr
    assert "AWS_SECRET_ACCESS_KEY" in refused.stderr
    assert "node blind" not in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (here / "shared" / "runs").exists()


def test_a_sweep_is_done_by_nodes_that_share_no_folder(nodes: Nodes, here: Path, s3: S3Server) -> None:
    nodes.stop(*nodes.started.keys() - {"head", "blind"})
    refused = begin(nodes, here, s3)
    assert refused.returncode == 4, "without a store the node has to see the folder"
    assert "--artifacts" in refused.stderr
    ran = begin(nodes, here, s3, "--artifacts", s3.url)
    assert ran.returncode == 0, ran.stderr
    folder = SweepFolder.open(here / "shared" / "runs" / "tiny")
    records = folder.state().trials.values()
    assert {record.outcome for record in records} == {Outcome.COMPLETED}
    assert len(records) == 4
    for record in records:
        trial = folder.trial_of(record)
        assert trial.best() is not None
        assert [row.epoch for row in trial.rows()] == [1, 2]
        assert len(list(trial.path.glob("samples/*.png"))) == 2
    examined = run(nodes, here, s3, "doctor", "tiny")
    assert examined.returncode == 0, examined.stdout + examined.stderr
    more = run(nodes, here, s3, "resume", "tiny", "--samples", "+1", "--address", nodes.address)
    assert more.returncode == 0, more.stderr
    assert len(folder.state().trials) == 5, "there are two configurations of the other arm, which are done"
    assert {record.outcome for record in folder.state().trials.values()} == {Outcome.COMPLETED}
