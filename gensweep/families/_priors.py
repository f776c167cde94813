"""The laws that codes are held close to: each a map of standard normal draws, so that seeds and stacks are those of N(0, I)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch

from gensweep.losses import Draw, Noise

PriorName: TypeAlias = Literal["normal", "uniform_sphere", "uniform_cube", "mixture"]
_COMPONENT = "component"


@dataclass(frozen=True)
class Prior(ABC):
    """A law on R^d with mean 0, d being `latent_size`."""

    latent_size: int

    def noise(self, name: str, *leading: int) -> dict[str, Draw]:
        """What `draws` needs for codes [*leading, d]: a normal vector for each, which is called `name`, and what else."""
        return {name: Draw((*leading, self.latent_size))}

    @abstractmethod
    def draws(self, noise: Noise, name: str) -> torch.Tensor:
        """Codes [..., d] by this law, each a function of its own row of the noise alone."""

    @abstractmethod
    def covariance(self) -> torch.Tensor:
        """Of the law, [d, d]."""


@dataclass(frozen=True)
class Normal(Prior):
    """N(0, I)."""

    def draws(self, noise: Noise, name: str) -> torch.Tensor:
        """The noise itself."""
        return noise[name]

    def covariance(self) -> torch.Tensor:
        """I."""
        return torch.eye(self.latent_size)


@dataclass(frozen=True)
class UniformSphere(Prior):
    """Uniform on the sphere of radius sqrt(d) around 0.

    Of this radius the covariance is I, as that of N(0, I), which in high dimension lies close to this very sphere: lengths in
    a divergence mean the same for both. The direction of a normal vector is uniform (M. Muller, 1959).
    """

    def draws(self, noise: Noise, name: str) -> torch.Tensor:
        """sqrt(d) z / |z|."""
        return math.sqrt(self.latent_size) * torch.nn.functional.normalize(noise[name], dim=-1)

    def covariance(self) -> torch.Tensor:
        """I."""
        return torch.eye(self.latent_size)


@dataclass(frozen=True)
class UniformCube(Prior):
    """Uniform on [-1, 1]^d."""

    def draws(self, noise: Noise, name: str) -> torch.Tensor:
        """2 Phi(z) - 1, Phi being the distribution function of a standard normal."""
        uniform: torch.Tensor = torch.erf(noise[name] / math.sqrt(2))
        return uniform

    def covariance(self) -> torch.Tensor:
        """I / 3."""
        return torch.eye(self.latent_size) / 3


@dataclass(frozen=True, eq=False)
class Mixture(Prior):
    """K equal Gaussians (1/K) sum_k N(m_k, s^2 I), with mean 0 and a variance of 1 in the mean over coordinates.

    The m_k lie evenly on the line where d is 1, evenly on a circle where it is 2, and beyond that in directions that are
    drawn once and for all; then they are moved and scaled so that their mean is 0 and their mean square is d (1 - s^2).
    """

    means: torch.Tensor
    deviation: float

    @classmethod
    def spread(cls, latent_size: int, n_components: int, deviation: float) -> Mixture:
        """That of so many Gaussians in R^latent_size."""
        k, d = n_components, latent_size
        with torch.device("cpu"):  # also where a game is only outlined
            if d == 1:
                points = torch.linspace(-1, 1, k)[:, None]
            elif d == 2:
                angles = torch.arange(k) * (2 * math.pi / k)
                points = torch.stack([angles.cos(), angles.sin()], 1)
            else:
                drawn = torch.randn(k, d, generator=torch.Generator().manual_seed(0))
                points = torch.nn.functional.normalize(drawn, dim=1)
            centred = points - points.mean(0)
            radius = math.sqrt(d * (1 - deviation**2))
            return cls(d, centred * (radius / centred.square().sum(1).mean().sqrt()), deviation)

    def noise(self, name: str, *leading: int) -> dict[str, Draw]:
        """Also a uniform number for each, which chooses the Gaussian."""
        return {**super().noise(name, *leading), _COMPONENT: Draw(leading, "uniform")}

    def draws(self, noise: Noise, name: str) -> torch.Tensor:
        """m_k + s z, with k = floor(K u)."""
        normal, n = noise[name], len(self.means)
        k = (noise[_COMPONENT] * n).long().clamp(max=n - 1)
        return self.means.to(normal)[k] + self.deviation * normal

    def covariance(self) -> torch.Tensor:
        """s^2 I plus that of the means."""
        return self.deviation**2 * torch.eye(self.latent_size) + self.means.T @ self.means / len(self.means)


PRIORS: dict[PriorName, Callable[[int], Prior]] = {
    "normal": Normal,
    "uniform_sphere": UniformSphere,
    "uniform_cube": UniformCube,
}


def prior_of(name: PriorName, latent_size: int, n_components: int, deviation: float) -> Prior:
    """The prior of this name on R^latent_size; the last two are of `mixture`."""
    return Mixture.spread(latent_size, n_components, deviation) if name == "mixture" else PRIORS[name](latent_size)
