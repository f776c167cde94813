"""From one latent to another, in steps: what lies between two points of the latent space, as items."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike

from gensweep.errors import ConfigError, suggest
from gensweep.models.arguments import Array
from gensweep.models.generative import GenerativeModel

How: TypeAlias = Literal["linear", "spherical"]


def interpolation(
    model: GenerativeModel, start: ArrayLike, end: ArrayLike, steps: int = 8, how: How = "spherical"
) -> Array:
    """Decoded latents on the way from each of `start` to each of `end`, codes [n, latent_size]: [n, steps, *shape].

    Args:
        model: with a latent space.
        start: where the ways begin, the first item of each.
        end: where they end, the last item of each.
        steps: items of a way, both ends among them, >= 2.
        how: `linear`, or `spherical`: on great circles, so that each step is as far from the centre as draws are.

    Raises:
        ConfigError: there is no such way, fewer than two steps, or the codes are not as many or none of the model's.
    """
    if how not in get_args(How):
        raise ConfigError(f"interpolation {how!r:.40}: {suggest(str(how), get_args(How))}")
    if not isinstance(steps, int) or steps < 2:
        raise ConfigError(f"steps: {steps!r:.40} are no way from one end to the other. Give 2 or more.")
    a, b = (torch.from_numpy(np.atleast_2d(np.asarray(ends, np.float32))) for ends in (start, end))
    if a.shape != b.shape or a.ndim != 2:
        raise ConfigError(f"ends of shapes {list(a.shape)} and {list(b.shape)}: as many of each are needed.")
    path = spherical(a, b, steps) if how == "spherical" else linear(a, b, steps)
    return model.decode(path.flatten(0, 1).numpy()).reshape(len(path), steps, *model.shape)


def linear(start: torch.Tensor, end: torch.Tensor, steps: int) -> torch.Tensor:
    """Latents on the line from each of `start` to each of `end` [n, d]: [n, steps, d]."""
    share = torch.linspace(0, 1, steps)[None, :, None]
    return (1 - share) * start[:, None] + share * end[:, None]


def spherical(start: torch.Tensor, end: torch.Tensor, steps: int) -> torch.Tensor:
    """Latents on the great circle from each of `start` to each of `end` [n, d], their lengths mixed evenly: [n, steps, d].

    Where there is no one great circle (opposite ends, one dimension) they lie on the line.

    Source: White, "Sampling generative networks", 2016, arXiv:1609.04468, section 3.1.
    """
    line = linear(start, end, steps)
    if start.shape[1] == 1:
        return line
    share = torch.linspace(0, 1, steps)[None, :, None]
    angle = torch.acos(torch.nn.functional.cosine_similarity(start, end, dim=1).clamp(-1, 1))[:, None, None]
    length = (1 - share) * start.norm(dim=1)[:, None, None] + share * end.norm(dim=1)[:, None, None]
    from_here = torch.sin((1 - share) * angle) * torch.nn.functional.normalize(start, dim=1)[:, None]
    to_there = torch.sin(share * angle) * torch.nn.functional.normalize(end, dim=1)[:, None]
    is_straight = torch.sin(angle) < 1e-6
    return torch.where(is_straight, line, length * (from_here + to_there) / torch.sin(angle).clamp(min=1e-6))
