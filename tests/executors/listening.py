"""Where processes of this machine listen, as the kernel says it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

_LISTEN = "0A"


def addresses(pids: list[int]) -> dict[tuple[IPv4Address | IPv6Address, int], int]:
    """Address and port of every TCP socket that one of the processes listens on, and which it is."""
    owners = {inode: pid for pid in pids for inode in _sockets(pid)}
    return {where: owners[inode] for where, inode in _listening() if inode in owners}


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            children.setdefault(int((folder / "stat").read_text().rpartition(")")[2].split()[1]), []).append(
                int(folder.name)
            )
    found = [pid]
    for one in found:
        found.extend(children.get(one, []))
    return found


def _sockets(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            target = os.readlink(descriptor)
            if target.startswith("socket:["):
                yield target[8:-1]


def _listening() -> Iterator[tuple[tuple[IPv4Address | IPv6Address, int], str]]:
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN:
                host, _, port = fields[1].partition(":")
                words = [bytes.fromhex(host[i : i + 8])[::-1] for i in range(0, len(host), 8)]  # each little-endian
                name = socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, b"".join(words))
                yield (ip_address(name), int(port, 16)), fields[9]
