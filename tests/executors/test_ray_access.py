"""Who reaches Ray: the token that it asks for, and what is said where a user has opened it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray._private import ray_constants

from gensweep.errors import CannotRun
from gensweep.executors.private_folder import PrivateFolder
from gensweep.executors.ray_access import on_loopback, provide_token, warnings, withdraw_token


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder() -> Iterator[PrivateFolder]:
    made = PrivateFolder()
    yield made
    made.remove()


@pytest.mark.parametrize("mode", ["token", "TOKEN", "Token"])
def test_ray_is_given_the_folders_token_however_its_mode_is_spelled(
    folder: PrivateFolder, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Else Ray writes one into the home, which all may read."""
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "")
    provide_token(folder)
    assert os.environ["RAY_AUTH_TOKEN_PATH"] == str(folder.token)
    withdraw_token(folder)
    assert "RAY_AUTH_TOKEN_PATH" not in os.environ


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file"), (b"", "it is empty"), (b" \n", "it is empty"), (b"\xff\xfe", "not text")],
)
def test_a_users_file_without_a_token_is_refused(
    folder: PrivateFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(file))
    with pytest.raises(CannotRun, match=f"RAY_AUTH_TOKEN_PATH: {file} holds no token.*{why}.*umask 077"):
        provide_token(folder)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "one that counts before the file")
    provide_token(folder)


@pytest.mark.parametrize(
    ("mode", "address", "everywhere", "said"),
    [
        ("disabled", None, "", "every account of this machine can run code as you"),
        ("DISABLED", None, "", "every account of this machine can run code as you"),
        ("", None, "", "every account of this machine can run code as you"),
        ("disabled", None, "1", "everybody who reaches a port of this machine can run code as you"),
        ("disabled", "me:s3cr3t@head:6379", "", "reaches the ports of the cluster at head:6379 can run code on it"),
    ],
)
def test_a_ray_without_a_token_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, mode: str, address: str | None, everywhere: str, said: str
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", everywhere)
    (line,) = warnings(address)
    assert said in line
    assert "s3cr3t" not in line
    assert "\n" not in line


def test_a_users_token_that_others_can_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file := tmp_path / "token").write_text("a token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(file))
    file.chmod(0o600)
    assert warnings(None) == []
    file.chmod(0o640)
    (line,) = warnings(None)
    assert f"chmod 600 {file}" in line


def test_ray_is_kept_to_the_loopback_only_while_it_starts_and_only_where_the_user_does_not_want_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = ray_constants.ENABLE_RAY_CLUSTER
    with on_loopback():
        assert not ray_constants.ENABLE_RAY_CLUSTER
    assert before == ray_constants.ENABLE_RAY_CLUSTER
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "1")
    with on_loopback():
        assert ray_constants.ENABLE_RAY_CLUSTER
