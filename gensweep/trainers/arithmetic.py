"""How a process computes while it trains a trial: products in TF32 or not, and deterministically or as quickly as it can.

Both are switches of the whole process in torch, so that each is a context that leaves them as they were: a process trains one
trial after another, and a program that uses gensweep has its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal, TypeAlias

import torch

Precision: TypeAlias = Literal["float32", "tf32", "bfloat16"]
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_REPEATABLE = ":4096:8"  # eight buffers of 4 MiB: with them cuBLAS gives the same sums each time


def products(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    """Inside, float32 products on a GPU are in TF32, 10 bits of each factor, where `precision` says so, and else in float32.

    Both of matrices and of convolutions, which torch by itself computes in TF32. On a CPU nothing changes.
    """
    return _tf32(on=precision == "tf32") if device.type == "cuda" else nullcontext()


@contextmanager
def _tf32(*, on: bool) -> Iterator[None]:
    matmul: Any = torch.backends.cuda.matmul
    cudnn: Any = torch.backends.cudnn
    # torch has two names for each switch and reads both; the newer three are always readable, the older two not after them
    older = _older()
    newer = matmul.fp32_precision, cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision
    matmul.allow_tf32, cudnn.allow_tf32 = on, on
    try:
        yield
    finally:
        if older is not None:
            matmul.allow_tf32, cudnn.allow_tf32 = older
        matmul.fp32_precision, cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision = newer


def _older() -> tuple[bool, bool] | None:
    """The switches by their older names; None in a program that has used the newer ones."""
    try:
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    except RuntimeError:
        return None


def deterministic(*, wanted: bool) -> AbstractContextManager[None]:
    """Inside, where it is wanted, torch takes algorithms that give the same numbers each time, and refuses what has none.

    cuBLAS reads its part, `CUBLAS_WORKSPACE_CONFIG`, when a process begins to use a GPU: `prepare` before.

    Raises:
        RuntimeError: by an operation inside, with its name, where torch has no deterministic algorithm for it.
    """
    return _repeatable() if wanted else nullcontext()


@contextmanager
def _repeatable() -> Iterator[None]:
    cudnn = torch.backends.cudnn
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        cudnn.deterministic,
        cudnn.benchmark,
    )
    prepare()
    torch.use_deterministic_algorithms(True)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        cudnn.deterministic, cudnn.benchmark = before[2:]


def prepare() -> None:
    """See to it that cuBLAS can compute deterministically in this process, and in those that it starts."""
    os.environ.setdefault(WORKSPACE, _REPEATABLE)
