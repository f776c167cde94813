"""What the datasets share: fixed permutations, and the digest that goes into every protocol."""

from __future__ import annotations

import hashlib

import torch

from gensweep.datasets.base import Splits


def splits_of(train: torch.Tensor, validation: torch.Tensor, test: torch.Tensor) -> Splits:
    """The three tensors [n, *shape] with the SHA-256 of their shapes and bytes."""
    digest = hashlib.sha256()
    for part in (train, validation, test):
        digest.update(repr(tuple(part.shape)).encode())
        digest.update(part.contiguous().numpy().data)
    return Splits(train, validation, test, digest.hexdigest())


def permutation(n: int, seed: int) -> torch.Tensor:
    """A fixed permutation of 0 … n−1, [n], the same in every process."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))
