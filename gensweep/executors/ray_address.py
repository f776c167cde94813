"""Whether a Ray cluster can be joined at an address, asked before Ray itself tries: the answer is one line with the cure."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from gensweep.credentials import redacted
from gensweep.errors import CannotRun, ConfigError

_KNOCK = Path(__file__).with_name("_knock.py")
_REACHED = 10.0  # seconds in which a port answers
_ANSWERED = 30.0  # seconds in which the head does, the import of Ray among them
_PLACE = re.compile(r".+:\d{1,5}")
_ON_THE_CLUSTER = (
    "Run the command on the cluster: `ray job submit --address http://HEAD:8265 -- gensweep run ...`, or on one of its nodes "
    "with --address auto"
)
_REFUSED = ("InvalidAuthToken", "Unauthenticated", "AuthenticationError")
_NO_TOKEN = "couldn't find an authentication token"


def refuse_address(address: str) -> None:
    """Raise ConfigError for what is no address at which a driver can join a cluster."""
    scheme = address.partition("://")[0] if "://" in address else ""
    if scheme == "ray":
        why = f"is one of Ray Client, through which Ray Tune cannot be driven. {_ON_THE_CLUSTER}."
    elif scheme in ("http", "https"):
        job = f"gensweep submit FILE --address {redacted(address)}"
        why = f"is where jobs are handed in, and no cluster that can be joined. Hand the sweep in there: {job}"
    elif address == "local":
        why = "is no cluster. Leave --address out (GENSWEEP_ADDRESS and RAY_ADDRESS too) to run on this machine."
    elif scheme or (address != "auto" and not _PLACE.fullmatch(address)):
        why = "is no address of a cluster. Write HOST:PORT, as in head:6379, or auto on a node of it."
    else:
        return
    raise ConfigError(f"--address {redacted(address)}: {why}")


def found_head(address: str) -> str:
    """The HOST:PORT of the head of the cluster at `address`, which lets this process in as a driver.

    Raises:
        CannotRun: nobody, or no Ray, answers there; it wants another token; this machine is no node of it.
    """
    named = redacted(address)
    try:
        _reach(address)
        asked = subprocess.run(
            [sys.executable, "-P", str(_KNOCK), address],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWERED,
            check=False,
        )
        said, told = asked.stdout, asked.stderr
    except OSError as error:
        raise CannotRun(nobody(address, str(error))) from error
    except subprocess.TimeoutExpired as error:
        said, told = "", _text(error.stderr)
    try:
        found = json.loads(said.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise CannotRun(_why_not(address, told)) from None
    if not found["is_node"]:
        raise CannotRun(
            f"--address {named}: this machine is no node of that cluster, and a driver runs on one. {_ON_THE_CLUSTER}. Or make "
            f"this machine a node without places for trials: ray start --address {redacted(found['address'])} --num-cpus=0"
        )
    return str(found["address"])


def nobody(address: str, why: str) -> str:
    """That no cluster can be joined, and the cures."""
    return (
        f"--address {redacted(address)}: no Ray cluster can be joined there ({redacted(why, address)}). Start one with "
        f"`ray start --head`, check the address and RAY_AUTH_MODE / the token, or leave --address out to run on this machine."
    )


def _reach(address: str) -> None:
    """Raise OSError if nobody listens there."""
    host, _, port = address.rpartition(":")
    if port.isdecimal():
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_REACHED):
            pass


def _why_not(address: str, told: str) -> str:
    named = f"--address {redacted(address)}"
    if _NO_TOKEN in told:
        return (
            f"{named}: a cluster is joined with its token, and none is here. {PROVIDE}; where the cluster has none, set "
            "RAY_AUTH_MODE=disabled."
        )
    if any(word in told for word in _REFUSED):
        if os.environ.get("RAY_AUTH_MODE", "").lower() != "token":
            return (
                f"{named}: the cluster asks for a token, and RAY_AUTH_MODE says that it has none. Unset it. {PROVIDE}."
            )
        return f"{named}: the cluster has another token than {_whose_token()}. {PROVIDE}."
    last = next((line for line in reversed(told.strip().splitlines()) if _ERROR.match(line)), "")
    what = last or f"what listens there does not answer as the head of one, for {_ANSWERED:g} s"
    return nobody(address, what.partition(": ")[2] or what)


_ERROR = re.compile(r"[A-Za-z_.]*(?:Error|Exception)\b")
PROVIDE = (
    "RAY_AUTH_TOKEN_PATH=FILE names a file with the token of the head, which has it in ~/.ray/auth_token of who started it, "
    "and RAY_AUTH_TOKEN holds the token itself"
)


def _whose_token() -> str:
    """Where the token came from, in the order in which Ray looks."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return "RAY_AUTH_TOKEN says"
    return f"{os.environ.get('RAY_AUTH_TOKEN_PATH') or '~/.ray/auth_token'} holds"


def _text(written: bytes | str | None) -> str:
    return written.decode(errors="replace") if isinstance(written, bytes) else written or ""
