"""A function of tensors under torch.compile, whole or not at all, and never silently as plain Python."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, cast

import torch

from gensweep.faults import Fault, fault_of
from gensweep.home import cache_folder

_FAULTS = (Fault.MEMORY, Fault.DEVICE)  # a disk that fails is that of torch's own files: nothing else is written here


class Uncompilable(Exception):
    """A function could not be compiled as one graph; it did not run, and its arguments are as they were."""


class Compiled:
    """`function` as one graph for one shape of its arguments.

    Raises, when called:
        Uncompilable: with the reason. Also where torch said nothing and ran the function as it stands.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        # torch counts recompilations by code object and gives up after eight: each shape needs code of its own
        plain = cast(FunctionType, function)
        own = FunctionType(
            plain.__code__.replace(), plain.__globals__, plain.__name__, plain.__defaults__, plain.__closure__
        )
        _prepare()
        self._graph = torch.compile(own, fullgraph=True, dynamic=False)
        self._failure, self._is_compiled = "", False

    def __call__(self, *arguments: Any) -> Any:
        """What the function gives."""
        if self._failure:
            raise Uncompilable(self._failure)
        before = _n_graphs()
        try:
            with warnings.catch_warnings(action="ignore"):  # of torch to itself
                result = self._graph(*arguments)
        except Exception as error:
            known = isinstance(error, torch._dynamo.exc.TorchDynamoException)
            if fault_of(error) in _FAULTS or (self._is_compiled and not known):
                raise
            self._failure = f"{type(error).__name__}: {' '.join(str(error).split()):.300}"
            raise Uncompilable(self._failure) from error
        if not self._is_compiled and _n_graphs() == before:
            self._failure = "torch ran it without compiling it"  # what it gave is right; the next call says so
        self._is_compiled = True
        return result


def _prepare() -> None:
    """What torch compiles outlives this process, where nobody else can put code of his own; and no process of torch's does."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "compiled"))
    with contextlib.suppress(OSError):
        Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]).mkdir(mode=0o700, parents=True, exist_ok=True)
    torch._inductor.config.compile_threads = 1


def _n_graphs() -> int:
    """How many graphs torch has compiled in this process."""
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])
