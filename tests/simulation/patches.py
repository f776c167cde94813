"""What of the real world a simulation takes the place of: the disk, the clock, random names, the numbers of processes."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from gensweep.ledger import environment, events, lease, sweep_folder
from gensweep.orchestration import driver
from gensweep.tracking import describe
from tests.simulation import workers
from tests.simulation.world import World


@contextlib.contextmanager
def installed(world: World) -> Iterator[None]:
    """Inside, gensweep runs on `world`."""
    replaced = {**_fixed(), **_of(world)}
    before = {(place, name): getattr(place, name) for place, name in replaced}
    try:
        _put(replaced)
        cache_here = {"GENSWEEP_CACHE": str(Path(world.disk.root).parent / "cache")}
        with (
            mock.patch.dict(os.environ, cache_here),
            mock.patch.object(driver, "RESTS", (0.0,)),
        ):  # its time stands still
            yield
    finally:
        _put(before)


def _put(functions: Mapping[tuple[Any, str], Any]) -> None:
    for (place, name), function in functions.items():
        setattr(place, name, function)


def _of(world: World) -> Mapping[tuple[Any, str], Any]:
    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(world.clock, tz)

    def sleep(seconds: float) -> None:
        world.clock += seconds

    return {
        **world.disk.functions(),
        (time, "monotonic"): lambda: world.clock,
        (time, "time"): lambda: world.clock,
        (time, "perf_counter"): lambda: 0.0,  # seconds that are kept with a trial come from its epochs alone
        (time, "sleep"): sleep,
        (events, "datetime"): Now,
        (lease, "datetime"): Now,
        (os, "getpid"): lambda: world.stack[-1][0].pid if world.stack else 1,
        (secrets, "token_hex"): lambda n: f"{world.unique():0{2 * n}x}",
        (uuid, "uuid4"): lambda: uuid.UUID(int=world.unique()),
    }


@cache
def _fixed() -> dict[tuple[object, str], Callable[..., Any]]:
    """What takes long and is pure, once; what asks other programs, not at all."""
    described = environment.describe()
    return {
        **workers.functions(),
        (environment, "describe"): lambda: described,
        (describe, "as_yaml"): repr,
        (sweep_folder, "definition_in"): cache(sweep_folder.definition_in),
        (sweep_folder, "text_of"): _by_content(sweep_folder.text_of),
        (lease, "_owner_in"): cache(lease._owner_in),
        (driver, "configuration_of"): _by_content(driver.configuration_of),
        (driver, "issue"): _by_content(driver.issue),
    }


def _by_content(function: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[str, Any] = {}

    def call(content: Any) -> Any:
        if (key := repr(content)) not in known:
            known[key] = function(content)
        return known[key]

    return call
