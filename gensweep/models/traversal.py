"""Along one axis of the latent space at a time: what each of its coordinates does to an item."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from gensweep.errors import ConfigError
from gensweep.models.arguments import Array
from gensweep.models.generative import GenerativeModel

_TAIL = 0.01  # of the codes, left out at either end: outliers would stretch every row


def traversal(model: GenerativeModel, base: ArrayLike, values: ArrayLike, axes: Sequence[int]) -> Array:
    """Items at the code `base` [latent_size] with one coordinate moved: [axes, steps, *shape].

    Args:
        model: with a latent space.
        base: the code that all rows pass by, up to the coordinate that they move.
        values: what each coordinate takes in turn, [latent_size, steps].
        axes: the coordinates that are moved, a row each.

    Raises:
        ConfigError: the model has no such coordinate, or these are no code and values of its.
    """
    d = model.latent_size or 0
    centre, moved = np.asarray(base, np.float32), np.asarray(values, np.float32)
    if model.latent_size and (centre.shape != (d,) or moved.ndim != 2 or len(moved) != d):
        raise ConfigError(
            f"a code of shape {list(centre.shape)} and values of shape {list(moved.shape)}; {model.name} takes [{d}] and "
            f"[{d}, steps]."
        )
    if model.latent_size and (wrong := [axis for axis in axes if not 0 <= axis < d]):
        raise ConfigError(f"axis {wrong[0]}: {model.name} has {d} latent axes, from 0 to {d - 1}.")
    codes = np.repeat(centre[None], len(axes) * moved.shape[-1], 0).reshape(len(axes), moved.shape[-1], -1)
    for row, axis in enumerate(axes):
        codes[row, :, axis] = moved[axis]
    return model.decode(codes.reshape(-1, codes.shape[-1])).reshape(*codes.shape[:2], *model.shape)


def evenly(n_axes: int, steps: int, reach: float = 3.0) -> Array:
    """From -reach to reach in even steps for each axis, [n_axes, steps]: standard deviations of the prior."""
    return np.repeat(np.linspace(-reach, reach, steps, dtype=np.float32)[None], n_axes, 0)


def quantiles(codes: ArrayLike, steps: int) -> Array:
    """The quantiles of codes [n, d] from 1 % to 99 % in even steps of their share, for each axis: [d, steps]."""
    found = np.quantile(np.asarray(codes, np.float64), np.linspace(_TAIL, 1 - _TAIL, steps), axis=0)
    return found.T.astype(np.float32)
