"""What strangers send: extractors with code in them, and sweep folders that were written by hand."""

from __future__ import annotations

import io
import json
import shutil
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep.extractors.frozen import load_extractor
from gensweep.extractors.trust import VARIABLE
from gensweep.ledger.checkpoints import Checkpoints
from gensweep.metrics.base import scorer
from gensweep.trainers.checkpoint import to_bytes
from tests.cli.conftest import Command
from tests.extractors.test_exported import changed, pickled

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
SPACE = """
defaults: [base, {dataset: ring}, _self_]
name: tiny
confirm: none
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
    assert "space.yaml:12" in refused.err
    assert "--trust" in refused.err
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


EVERY = ("ls", "show tiny", "compare tiny", "resume tiny --in-process", "sync tiny", "evaluate tiny/0")


def crafted(folder: Path, finished: Path, **changes: object) -> Path:
    """A copy of a finished sweep whose log says something else of its first trial, with checksums that are right."""
    sweep = folder / "runs" / "tiny"
    shutil.copytree(finished / "runs" / "tiny", sweep)
    log = sweep / "ledger" / "events.jsonl"
    events = [json.loads(line) for line in log.read_bytes().splitlines()]
    first = next(event for event in events if event["event"] == "issued")
    first |= changes
    write_log(log, events)
    return sweep


def write_log(log: Path, events: list[dict[str, Any]]) -> None:
    lines = []
    for event in events:
        said = {name: value for name, value in event.items() if name != "crc"}
        text = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
        lines.append(text[:-1] + b',"crc":"%08x"}\n' % zlib.crc32(text))
    log.write_bytes(b"".join(lines))


@pytest.mark.parametrize("arm", ["x/../../../../outside", "/outside", "a\0b", "a" * 400])
def test_a_log_that_names_a_folder_elsewhere_is_damage(gensweep: Command, tmp_path: Path, done, arm: str) -> None:
    crafted(tmp_path, done[0], arm=arm)
    before = sorted(path for path in tmp_path.rglob("*") if "tiny/" not in str(path))
    ends = [gensweep(*line.split()) for line in EVERY]
    assert [ended.code for ended in ends] == [5] * len(EVERY)
    assert all("name no folder" in ended.err for ended in ends)
    assert sorted(path for path in tmp_path.rglob("*") if "tiny/" not in str(path)) == before


def test_a_trial_that_was_never_drawn_is_not_gone_on_with(gensweep: Command, tmp_path: Path, done) -> None:
    crafted(tmp_path, done[0], parameters={"latent_size": 10**6})
    ended = gensweep("resume", "tiny", "--samples", "3", "--in-process")
    assert ended.code == 5
    assert "has the parameter 'latent_size' = 1000000, which sweep.yaml does not know" in ended.err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"dataset": {"name": "digits"}}, "another 'dataset' than sweep.yaml gives it"),
        ({"training": {"epochs": 10**6}}, "another 'training' than sweep.yaml gives it"),
        ({"latent_size": 10**9}, "no configuration: trial.latent_size: was drawn"),
        ({"seed": "x"}, "no configuration: trial.seed: was drawn"),
    ],
)
def test_an_unfinished_trial_is_trained_as_its_definition_says_or_not(
    gensweep: Command, tmp_path: Path, done, change: dict[str, object], says: str
) -> None:
    """A log of a stranger names what is trained next; what it says of finished trials nobody trains."""
    sweep = crafted(tmp_path, done[0])
    log = sweep / "ledger" / "events.jsonl"
    events = [json.loads(line) for line in log.read_bytes().splitlines()]
    issued = next(at for at, event in enumerate(events) if event["event"] == "issued")
    events[issued]["configuration"] |= change
    write_log(log, events[: issued + 1])
    for later in (sweep / "trials").glob("*[1-9]-*"):  # which this log does not know
        shutil.rmtree(later)
    ended = gensweep("resume", "tiny", "--in-process")
    assert ended.code == 5
    assert says in ended.err


def test_a_definition_of_another_name_does_not_run_another_folder(gensweep: Command, tmp_path: Path, done) -> None:
    sweep = crafted(tmp_path, done[0])
    text = (sweep / "sweep.yaml").read_text().replace("name: tiny", "name: other", 1)
    (sweep / "sweep.yaml").write_text(text)
    log = sweep / "ledger" / "events.jsonl"
    events = [json.loads(line) for line in log.read_bytes().splitlines()]
    write_log(log, [event | ({"definition": text} if event["event"] == "defined" else {}) for event in events])
    ended = gensweep("resume", "tiny", "--in-process")
    assert ended.code == 5
    assert "Give the folder that name" in ended.err
    assert not (tmp_path / "runs" / "other").exists()


def test_links_in_a_sweep_are_not_followed(gensweep: Command, tmp_path: Path, done) -> None:
    sweep = crafted(tmp_path, done[0])
    private = tmp_path / "private"
    private.mkdir()
    (sweep / "report").rename(private / "report")
    (sweep / "report").symlink_to(private / "report")
    before = {path: path.stat().st_mtime_ns for path in private.rglob("*")}
    assert [gensweep(*line.split()).code for line in EVERY] == [5] * len(EVERY)
    assert {path: path.stat().st_mtime_ns for path in private.rglob("*")} == before


def test_names_reach_terminals_as_text_and_reports_escaped(gensweep: Command, tmp_path: Path, done) -> None:
    evil = "\x1b]0;owned\x07<img src=x onerror=alert(1)>|`x`"
    sweep = crafted(tmp_path, done[0], configuration={"family": {"name": evil}, "latent_size": evil})
    for line in ("show tiny", "show tiny 0", "compare tiny --by family", "sync tiny"):
        ended = gensweep(*line.split())
        assert ended.code == 0, ended.err
        assert not {"\x1b", "\x07"} & set(ended.out + ended.err)
    page = (sweep / "report" / "comparison.md").read_text()
    assert "<img" not in page
    assert "\x1b" not in page


@pytest.mark.parametrize(
    "change",
    [{}, {"family": {"name": "\x1b]0;owned\x07x"}}, {"latent_size": 10**15}, {"network": {"name": "mlp", "hidden": [65536] * 30}},
     {"dataset": {"name": "ring", "radius": float("nan")}}],
)  # fmt: skip
def test_a_configuration_that_is_none_is_damage(gensweep: Command, tmp_path: Path, done, change: dict) -> None:
    trial = next((crafted(tmp_path, done[0]) / "trials").glob("0000-*"))
    file = trial / "configuration.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change if change else {}))
    ended = gensweep("evaluate", "tiny/0")
    assert ended.code == 5, ended.err
    assert "Restore it from a copy" in ended.err
    assert not {"\x1b", "\x07"} & set(ended.err)


@pytest.mark.parametrize(
    "state", [{}, {"trainee": 5}, {"trainee": {}}, {"trainee": {"step": 1, "networks": []}}, {"trainee": {"step": [1]}}]
)
def test_a_checkpoint_of_other_content_is_damage(gensweep: Command, tmp_path: Path, done, state: dict) -> None:
    trial = next((crafted(tmp_path, done[0]) / "trials").glob("0000-*"))
    shutil.rmtree(trial / "checkpoints")
    Checkpoints(trial / "checkpoints").save(1, {"state.pt": to_bytes(state | {"x": torch.zeros(9999)})}, best=True)
    ended = gensweep("evaluate", "tiny/0")
    assert ended.code == 5, ended.err
    assert "no trial of this configuration wrote" in ended.err


def test_a_traceback_is_text(gensweep: Command, monkeypatch) -> None:
    def fail(_words: object) -> None:
        raise RuntimeError("\x1b]0;owned\x07unforeseen")

    monkeypatch.setattr("gensweep.cli.program._refuse_no_place", fail)
    ended = gensweep("ls")
    assert ended.code == 1
    assert "unforeseen" in ended.err
    assert not {"\x1b", "\x07"} & set(ended.err)
