"""A trial's state as bytes and back, without pickled code: tensors and plain data only."""

from __future__ import annotations

import io
from typing import Any

import torch


def to_bytes(state: dict[str, Any]) -> bytes:
    """The state in torch's format."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def from_bytes(data: bytes, device: torch.device) -> dict[str, Any]:
    """The state that `to_bytes` wrote, its tensors on `device`. Loads data only, never code."""
    state: dict[str, Any] = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    return state
