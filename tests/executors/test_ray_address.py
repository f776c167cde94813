"""What is no address of a cluster, and ports behind which there is none."""

from __future__ import annotations

import socket

import pytest

from gensweep.errors import CannotRun, ConfigError
from gensweep.executors import ray_address
from gensweep.executors.ray_address import found_head, refuse_address


@pytest.mark.parametrize("address", ["auto", "head:6379", "10.0.0.1:6379", "[::1]:6379"])
def test_a_host_and_a_port_are_an_address(address: str) -> None:
    refuse_address(address)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ray://me:s3cr3t@head:10001", r"^--address ray://head:10001: .*Ray Client.*ray job submit.*--address auto"),
        ("http://head:8265", r"Hand the sweep in there: gensweep submit FILE --address http://head:8265$"),
        ("local", "Leave --address out"),
        ("head", "Write HOST:PORT, as in head:6379, or auto"),
        ("", "Write HOST:PORT"),
        ("head:http", "Write HOST:PORT"),
        ("grpc://head:6379", "Write HOST:PORT"),
    ],
)
def test_what_is_none_is_refused_with_the_cure(address: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        refuse_address(address)


def test_where_nobody_listens_no_cluster_can_be_joined() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(CannotRun, match=rf"^--address {address}: no Ray cluster can be joined there .*refused"):
        found_head(address)


def test_what_listens_and_is_no_head_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_address, "_ANSWERED", 0.5)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(CannotRun, match=r"what listens there does not answer as the head of one, for 0\.5 s"),
    ):
        found_head(f"127.0.0.1:{server.getsockname()[1]}")
