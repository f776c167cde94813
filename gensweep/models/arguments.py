"""What a program gives to a model, looked at before it is used: arrays, counts, seeds, devices."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from gensweep.devices import n_usable
from gensweep.errors import ConfigError

Array: TypeAlias = NDArray[np.float32]


def device_of(name: str) -> torch.device:
    """The device of this name; ConfigError where it is not here."""
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ConfigError(f"device {name!r:.40} is none. Accepted: cpu, cuda, cuda:0, …") from error
    if device.type == "cuda" and not n_usable():
        raise ConfigError(f"device {name}: no CUDA device is here. Use cpu.")
    return device


def tensor_of(what: str, values: ArrayLike | torch.Tensor) -> torch.Tensor:
    """Finite numbers in float32; ConfigError where they are none. `what` names them in its message."""
    try:
        given = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
        array = given.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what} that are no array of numbers ({error}). Give an array of NumPy.") from error
    if not np.isfinite(array).all():
        raise ConfigError(f"{what} with values that are not finite.")
    return torch.from_numpy(np.ascontiguousarray(array))


def array_of(values: torch.Tensor) -> Array:
    """The same as an array on the CPU."""
    return values.detach().to("cpu", torch.float32).numpy()


def need_count(name: str, value: object) -> None:
    """Raise ConfigError where it is no whole number from 1 on."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{name}: {value!r:.40} is no count. Give a whole number from 1 on.")


def need_seed(value: object) -> None:
    """Raise ConfigError where it is no whole number."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise ConfigError(f"seed: {value!r:.40} is none. Give a whole number.")
