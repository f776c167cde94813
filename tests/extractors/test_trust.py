"""Files that may run code are opened only where the user, not a folder, says to trust them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import torch

from gensweep.component import build
from gensweep.errors import ConfigError
from gensweep.extractors.foreign import load, problem
from gensweep.extractors.trust import VARIABLE, trust, trusted

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.fixture(autouse=True)
def nothing_is_trusted(monkeypatch, own_cache) -> None:
    monkeypatch.setenv(VARIABLE, "")


@pytest.fixture
def scripted(tmp_path) -> Path:
    file = tmp_path / "network.pt"
    torch.jit.script(torch.nn.Flatten()).save(str(file))
    return file


def test_torchscript_is_refused_until_it_is_trusted(scripted):
    with pytest.raises(ConfigError, match=r"TorchScript, which can run code .* not opened.*`trust: true`.*--trust"):
        load("file", scripted, None)
    assert "--trust" in (problem("file", str(scripted)) or "")
    trust(scripted)
    assert problem("file", str(scripted)) is None
    assert load("file", scripted, None)[0](torch.zeros(2, 1, 3, 3)).shape == (2, 9)


def test_it_is_remembered_for_later_commands_by_content(scripted, monkeypatch):
    trust(scripted)
    trust(scripted)
    monkeypatch.setenv(VARIABLE, "")
    assert trusted() == {hashlib.sha256(scripted.read_bytes()).hexdigest()}
    torch.jit.script(torch.nn.Identity()).save(str(scripted))
    with pytest.raises(ConfigError, match="was not opened"):
        load("file", scripted, None)


def test_a_memory_that_others_may_have_written_does_not_count(scripted, own_cache, monkeypatch):
    trust(scripted)
    monkeypatch.setenv(VARIABLE, "")
    memory = next(own_cache.parent.rglob("trusted"))
    assert memory.stat().st_mode & 0o777 == 0o600
    memory.chmod(0o622)
    assert trusted() == set()
    memory.chmod(0o600)
    memory.rename(memory.with_name("elsewhere"))
    memory.symlink_to("elsewhere")
    assert trusted() == set()


def test_a_file_that_is_not_there_cannot_be_trusted(tmp_path):
    with pytest.raises(ConfigError, match="cannot be trusted"):
        trust(tmp_path / "missing.pt")


@pytest.mark.parametrize(("said", "is_trusted"), [({"trust": True}, True), ({"trust": False}, False), ({}, False)])
def test_a_metric_that_says_so_is_asked_and_its_configuration_does_not_say_it(scripted, said, is_trusted):
    metric = build("metrics", {"name": "fid", "extractor": f"file:{scripted}", **said})
    assert trusted() == set()  # a configuration alone, which may stand in anyone's folder, is not enough
    metric.trust()  # type: ignore[attr-defined]
    assert bool(trusted()) == is_trusted
    assert "trust" not in metric.dump()


def test_a_path_that_looks_like_a_hash_is_not_trusted_with_its_file(scripted, monkeypatch):
    other = scripted.with_name(hashlib.sha256(b"code of a stranger").hexdigest())
    other.mkdir()
    harmless = scripted.rename(other / "good.pt")
    trust(harmless)
    monkeypatch.setenv(VARIABLE, "")
    assert trusted() == {hashlib.sha256(harmless.read_bytes()).hexdigest()}
    monkeypatch.setenv(VARIABLE, f"{'a' * 64},/x/{'b' * 64},{'c' * 65}")
    assert trusted() - {hashlib.sha256(harmless.read_bytes()).hexdigest()} == {"a" * 64}


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "net.pt")
    with pytest.raises(ConfigError, match="is a pipe"):
        trust(tmp_path / "net.pt")
