"""Training, packs, metrics and the GPU's benchmark need neither Ray nor MLflow nor Optuna, nor a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gensweep

ROOT = Path(gensweep.__file__).parents[1]
ABSENT = (
    "ray", "mlflow", "optuna", "hydra", "omegaconf", "sqlalchemy", "matplotlib", "plotly", "typer", "cmaes", "requests",
)  # fmt: skip
CODE = f"""
import sys, tempfile
from pathlib import Path

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT}:
            raise ImportError(name + " is not installed")

class Offline:
    def __init__(self, *_, **__):
        raise OSError("there is no network")

sys.meta_path.insert(0, Absent())
import socket
socket.socket.connect = Offline
import torch
torch.set_num_threads(1)
from gensweep.component import importable
from gensweep.packs import Pack
from gensweep.trial import Job
from tests.conftest import job, small_configuration

for kind in ("families", "metrics", "networks", "datasets", "optimizers", "divergences", "constraints", "lr_schedules"):
    assert importable(kind), kind
plain = small_configuration(epochs=1)
plain["evaluation"] = {{"metrics": ["fid", "kid", "sliced_wasserstein", "wasserstein"], "every": 1}}
for rows in (1, 2):
    pack = Pack(job(Path(tempfile.mkdtemp()), plain, shape="one", rows=rows))
    while pack:
        for said in pack.turn():
            print(rows, said.outcome.name + " " + said.mode if hasattr(said, "outcome") else said.details)
import gensweep.benchmarks.gpu
print("loaded", *sorted({{name.partition(".")[0] for name in sys.modules}} & set({ABSENT})))
"""


@pytest.mark.slow
def test_a_pack_is_trained_and_scored_where_nothing_else_is_installed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])},
    )
    assert done.returncode == 0, done.stderr
    assert re.sub(r" +", " ", done.stdout).splitlines() == ["1 COMPLETED alone", "2 COMPLETED pack of 2", "loaded"]
