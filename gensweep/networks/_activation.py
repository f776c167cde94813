"""The names of the non-linearities that every architecture offers; `_layers` has the functions."""

from __future__ import annotations

from typing import Literal

Activation = Literal["relu", "leaky_relu", "tanh", "elu", "gelu", "silu"]
