"""Seeded damage to the bytes of a file: what disks, editors, programs and strangers do to it."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]
TOKENS = (
    b"..", b"../../../outside", b"/etc/passwd", b"!!python/object/apply:os.system ['true']", b"!!python", b"${", b"${trial}",
    b"${oc.env:HOME}", b"&a [*a, *a]", b"*a", b"<<: {}", b"1e400", b"-1", b"0", b"9" * 25, b"9" * 5000, b"0x" + b"f" * 400,
    b"NaN", b"Infinity", b".nan", b".inf", b"null", b"~", b"true", b'""', b"[]", b"{}", b"[" * 200, b"{a: " * 60, b'{"a":' * 1500,
    b"choice()", b"choice(1, 1)", b"uniform(1, 0)", b"int(1, 1000000000000)", b"loguniform(0, 1)", b"one_of: []",
    b"_target_: os.system",
    b"\0", b"\x1b]0;x\x07", b"\xff\xfe", b"\xe2\x80\xae", b"%s%n", b"| `x` <img src=x onerror=alert(1)>", b"\n", b"\r", b"\t",
    b": ", b"- ",
    b"COMPLETED", b"FAILED", b"a" * 300,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 10**9, 10**30, 0.5, float("nan"), float("inf"), "", "x", "../../outside", "/outside", "\0", "a" * 300,
    "\x1b[2J", [], {}, [[]], {"name": "vae"}, {"name": 3}, [1, "a"], {"one_of": []}, "choice(1, 2)", "${name}",
)  # fmt: skip


def flipped(data: bytes, rng: random.Random) -> bytes:
    """A few bytes are others."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def truncated(data: bytes, rng: random.Random) -> bytes:
    """The end is missing."""
    return data[: rng.randrange(len(data) + 1)]


def deleted(data: bytes, rng: random.Random) -> bytes:
    """A part is missing."""
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def doubled(data: bytes, rng: random.Random) -> bytes:
    """A part is there twice, or many times."""
    start, end = _span(data, rng)
    return data[:end] + data[start:end] * rng.choice((1, 1, 3, 50)) + data[end:]


def inserted(data: bytes, rng: random.Random) -> bytes:
    """A token stands where none belongs, or in another's place."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(TOKENS) + data[at + rng.choice((0, 0, 1, 5, 20)) :]


def swapped_lines(data: bytes, rng: random.Random) -> bytes:
    """Lines are in another order."""
    parts = data.split(b"\n")
    i, j = rng.randrange(len(parts)), rng.randrange(len(parts))
    parts[i], parts[j] = parts[j], parts[i]
    return b"\n".join(parts)


def retyped(data: bytes, rng: random.Random) -> bytes:
    """In a JSON document or a line of one a value has another type, with the checksum that then belongs to it."""
    parts = data.split(b"\n")
    filled = [i for i, part in enumerate(parts) if part.strip()]
    for i in rng.sample(filled, min(len(filled), rng.choice((1, 1, 3)))):
        try:
            value = json.loads(parts[i])
        except ValueError:
            return inserted(data, rng)
        parts[i] = _sealed(_changed(value, rng))
    return b"\n".join(parts)


EVERY: tuple[Mutation, ...] = (
    flipped,
    truncated,
    deleted,
    doubled,
    inserted,
    inserted,
    swapped_lines,
    retyped,
    retyped,
)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The data after one mutation, or two."""
    for _ in range(rng.choice((1, 1, 1, 2))):
        data = rng.choice(EVERY)(data, rng)
    return data


def _span(data: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 3, 10, 40, 200)))


def _changed(value: Any, rng: random.Random) -> Any:
    """The value with one part of it another, missing or new."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        how = rng.random()
        if how < 0.15:
            return {k: v for k, v in value.items() if k != key}
        if how < 0.25:
            return {**value, str(rng.choice(VALUES)): rng.choice(VALUES)}
        return {**value, key: _changed(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        i = rng.randrange(len(value))
        return [*value[:i], _changed(value[i], rng), *value[i + 1 :]]
    return rng.choice(VALUES)


def _sealed(value: Any) -> bytes:
    """A line, with the checksum of an event where it is one."""
    if not isinstance(value, dict) or "crc" not in value:
        return json.dumps(value).encode()
    rest = {key: part for key, part in value.items() if key != "crc"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()
    return text[:-1] + b',"crc":"%08x"}' % zlib.crc32(text)
