"""What strangers send: extractors with code in them, and sweep folders that were written by hand."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch

from gensweep.extractors.frozen import load_extractor
from gensweep.extractors.trust import VARIABLE
from gensweep.metrics.base import scorer
from tests.cli.conftest import Command
from tests.extractors.test_exported import changed, pickled

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
SPACE = """
defaults: [base, {dataset: ring}, _self_]
name: tiny
objective: fid
search: {sampler: random, samples: 1, seed: 0}
trial:
  network: {name: mlp, hidden: [8]}
  latent_size: 2
  family: vae
  training: {epochs: 1}
  evaluation: {metrics: [{name: fid, extractor: file:network.pt2}], every: 1}
  seed: 0
"""


@pytest.fixture
def forget(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(VARIABLE, "")
    load_extractor.cache_clear()
    scorer.cache_clear()


def exported() -> bytes:
    linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2, 3))
    program = torch.export.export(linear, (torch.zeros(4, 2),), dynamic_shapes=({0: torch.export.Dim("n")},))
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize("member", ["data/sample_inputs/model.pt", "data/weights/model.pt", "data/constants/model.pt"])
def test_no_command_unpickles_what_an_extractor_holds(gensweep: Command, tmp_path: Path, member: str) -> None:
    """Of a sweep that ran with an honest network: whoever can write its file is no user of this account."""
    (tmp_path / "space.yaml").write_text(SPACE)
    (tmp_path / "network.pt2").write_bytes(exported())
    assert gensweep("run", "space.yaml", "--in-process").code == 0
    load_extractor.cache_clear()
    scorer.cache_clear()
    planted = tmp_path / "planted"
    (tmp_path / "network.pt2").write_bytes(changed(exported(), member, lambda _: pickled(planted)))
    codes = [
        gensweep(*command.split()).code
        for command in (
            "check space.yaml", "plan space.yaml", "run space.yaml name=other --in-process",
            "resume tiny --samples 2 --in-process", "sync tiny", "evaluate tiny/0 --metrics fid,extractor=file:network.pt2",
            "evaluate --sanity --reference ring --metrics fid,extractor=file:network.pt2", "show tiny", "compare tiny", "ls",
        )
    ]  # fmt: skip
    assert not planted.exists()
    is_left_out = "inputs" in member  # then the rest of the file is as good as ever
    assert codes == [0] * 10 if is_left_out else [2, 2, 2, 2, 0, 2, 2, 0, 0, 0]


@pytest.mark.usefixtures("forget")
def test_torchscript_runs_where_the_users_file_or_command_trusts_it(gensweep: Command, tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Flatten()).save(str(tmp_path / "network.pt"))
    text = SPACE.replace("network.pt2", "network.pt")
    (tmp_path / "space.yaml").write_text(text)
    refused = gensweep("run", "space.yaml", "--in-process")
    assert refused.code == 2
    assert "space.yaml:11" in refused.err and "--trust" in refused.err
    assert not (tmp_path / "runs").exists()
    (tmp_path / "space.yaml").write_text(text.replace("network.pt}", "network.pt, trust: true}"))
    assert gensweep("run", "space.yaml", "--in-process").code == 0
    assert gensweep("resume", "tiny", "--in-process").code == 0  # remembered


@pytest.mark.usefixtures("forget")
def test_a_folder_that_says_trust_is_not_believed(gensweep: Command, tmp_path: Path, monkeypatch) -> None:
    torch.jit.script(torch.nn.Flatten()).save(str(tmp_path / "network.pt"))
    (tmp_path / "space.yaml").write_text(SPACE.replace("network.pt2", "network.pt, trust: true"))
    assert gensweep("run", "space.yaml", "--in-process").code == 0
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "of another user"))
    monkeypatch.setenv(VARIABLE, "")
    load_extractor.cache_clear()
    scorer.cache_clear()
    assert "trust: true" in (tmp_path / "runs/tiny/sweep.yaml").read_text()
    refused = gensweep("resume", "tiny", "--samples", "2", "--in-process")
    assert refused.code == 2
    assert "was not opened" in refused.err
    assert gensweep("resume", "tiny", "--samples", "2", "--in-process", "--trust", "network.pt").code == 0
