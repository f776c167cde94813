"""What of the real world a simulation takes the place of: the disk, the clock, random names, the numbers of processes."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from gensweep import campaign, changes
from gensweep.axes import distributions
from gensweep.early_stopping import pbt
from gensweep.ledger import environment, events, foreign, lease, sweep_folder
from gensweep.orchestration import driver
from gensweep.spaces import sweep
from gensweep.tracking import describe
from tests.simulation import workers
from tests.simulation.names import ROOT
from tests.simulation.world import World


@contextlib.contextmanager
def installed(world: World) -> Iterator[None]:
    """Inside, gensweep runs on `world`."""
    replaced = {**_fixed(), **_of(world)}
    before = {(place, name): getattr(place, name) for place, name in replaced}
    try:
        _put(replaced)
        cache_here = {"GENSWEEP_CACHE": str(world.cache)}
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

    def document(path: Path, largest: int = 0) -> bytes:
        return world.disk.content(path)

    def lines(path: Path, start: int = 0) -> bytes:
        return world.disk.content(path)[start:]

    return {
        **world.disk.functions(),
        **_everywhere(foreign.document, document),
        **_everywhere(foreign.lines, lines),
        (time, "monotonic"): lambda: world.clock,
        (time, "time"): lambda: world.clock,
        (time, "perf_counter"): lambda: 0.0,  # seconds that are kept with a trial come from its epochs alone
        (time, "sleep"): sleep,
        (events, "datetime"): Now,
        (lease, "datetime"): Now,
        (os, "getpid"): lambda: world.stack[-1][0].pid if world.stack else 1,
        (secrets, "token_hex"): lambda n: f"{world.unique():0{2 * n}x}",
        (workers, "is_mended"): lambda: world.is_mended,
        (uuid, "uuid4"): lambda: uuid.UUID(int=world.unique()),
    }


@cache
def _fixed() -> dict[tuple[object, str], Callable[..., Any]]:
    """What takes long and is pure, once; what asks other programs, not at all."""
    described = environment.describe()
    return {
        **workers.functions(),
        **_everywhere(foreign.refuse_links, lambda folder: None),  # there are none
        **_everywhere(distributions.parse, cache(distributions.parse)),
        **_everywhere(sweep.difference, _by_content(sweep.difference)),
        (changes, "from_definition"): _by_content(sweep.from_definition),
        (campaign, "say"): lambda text: None,
        (pbt, "knob_axes"): _by_identity(pbt.knob_axes),
        (json, "dumps"): _without_indent,
        (Path, "__truediv__"): _joined,
        (Path, "resolve"): _resolved,
        (environment, "describe"): lambda: described,
        (describe, "as_yaml"): repr,
        (sweep_folder, "definition_in"): cache(sweep_folder.definition_in),
        (sweep_folder, "text_of"): _by_content(sweep_folder.text_of),
        (lease, "_owner_in"): cache(lease._owner_in),
        (driver, "configuration_of"): _by_content(driver.configuration_of),
        (driver, "issue"): _by_content(driver.issue),
    }


@cache
def _places(function: Callable[..., Any]) -> tuple[tuple[Any, str], ...]:
    """The modules of gensweep that know a function, and by which name."""
    ours = [module for key, module in sys.modules.items() if key.startswith("gensweep")]
    return tuple((module, name) for module in ours for name, one in vars(module).items() if one is function)


def _everywhere(function: Callable[..., Any], other: Callable[..., Any]) -> dict[tuple[Any, str], Callable[..., Any]]:
    return dict.fromkeys(_places(function), other)


def _by_content(function: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[str, Any] = {}

    def call(*content: Any) -> Any:
        if (key := repr(content)) not in known:
            known[key] = function(*content)
        return known[key]

    return call


def _by_identity(function: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[int, tuple[Any, Any]] = {}

    def call(of: Any) -> Any:
        if id(of) not in known:
            known[id(of)] = of, function(of)
        return known[id(of)][1]

    return call


_dumps, _truediv, _resolve = json.dumps, Path.__truediv__, Path.resolve
_children: dict[tuple[str, str], Path] = {}


def _without_indent(value: Any, *, indent: object = None, **options: Any) -> str:
    """Python encodes what is indented ten times slower."""
    return _dumps(value, **options)


def _joined(path: Path, name: str) -> Path:
    if (known := _children.get(key := (str(path), name))) is None:
        known = _children[key] = _truediv(path, name)
    return known


def _resolved(path: Path, strict: bool = False) -> Path:
    return path if str(path).startswith(ROOT) and ".." not in path.parts else _resolve(path, strict)
