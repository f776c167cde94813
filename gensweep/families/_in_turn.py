"""Values that are computed one after the other, as one loop in an exported program: unrolled, an image is thousands of nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch

State: TypeAlias = tuple[torch.Tensor, ...]
Next: TypeAlias = Callable[[torch.Tensor, State], State]


def in_turn(start: State, following: Next) -> State:
    """Tensors [n, d] whose column i is what `following(i, state)` gives, each [n], when the columns before i are known.

    i is a 0-d tensor; `start` are the tensors before anything is known.
    """
    d, device = start[0].shape[1], start[0].device
    places = torch.arange(d, device=device)

    def is_left(i: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return i < d

    def body(i: torch.Tensor, *state: torch.Tensor) -> State:
        values = following(i, state)
        filled = (torch.where(places == i, value[:, None], known) for value, known in zip(values, state, strict=True))
        return (i + 1, *filled)

    first = torch.zeros((), dtype=torch.int64, device=device)
    found: State = torch.while_loop(is_left, body, (first, *start))  # type: ignore[no-untyped-call]
    return found[1:]


def column(values: torch.Tensor, i: torch.Tensor) -> torch.Tensor:
    """Column i of values [n, d, ...], [n, ...], for a 0-d tensor i."""
    return torch.index_select(values, 1, i.reshape(1))[:, 0]
