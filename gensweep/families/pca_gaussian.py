"""The baseline of two moments: a Gaussian on the first principal components."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.families._fitted import fitted_game
from gensweep.families._smoothing import Smoothing
from gensweep.families.base import Family, Fitted, Game, Setting
from gensweep.losses import Draw, Nets, Noise

_LARGEST = 1024  # dimensions whose eigenvectors take a second
_MORE = 48  # directions beside those that are kept, for they settle by the ratio to the first that is not among them
_PASSES = 50


class PCAGaussian(Family):
    """x = m + U_k L_k^(1/2) z with z ~ N(0, I_k), cut to the range of the data: their mean and largest k variances.

    U_k, L_k are the first k eigenvectors and eigenvalues of the covariance of the training items. With k at least the
    number of dimensions it is the Gaussian of maximum likelihood. Nothing is trained, and there is no likelihood: with
    fewer components all mass lies on a plane.

    Fields:
        k: principal components, >= 1.
        smoothing: sigma >= 0, in units of the data: the fit is to the data's law smoothed by N(0, sigma^2 I), whose covariance
            is S + sigma^2 I exactly, so that every one of the k variances is sigma^2 larger.

    Source: H. Hotelling, "Analysis of a Complex of Statistical Variables into Principal Components", 1933.
    """

    summary: ClassVar[str] = "baseline: a Gaussian on the first k principal components"
    paper: ClassVar[str] = "Hotelling 1933"
    ignores: ClassVar[frozenset[str]] = frozenset({"latent_size", "network", "training"})

    name: Literal["pca_gaussian"] = "pca_gaussian"
    k: int = Field(16, ge=1, description="principal components")
    smoothing: Smoothing = 0.0

    def game(self, setting: Setting) -> Game:
        """No player."""
        k = min(self.k, setting.n_dimensions)

        def fit(data: torch.Tensor) -> Fitted:
            flat = data.flatten(1)
            mean = flat.double().mean(0)
            map_ = _principal(flat, mean, k, self.smoothing)

            def sample(nets: Nets, noise: Noise) -> torch.Tensor:
                x = mean + noise["latent"].double() @ map_.T
                return setting.cut(x.to(noise["latent"])).reshape(-1, *setting.shape)

            return Fitted(sample)

        return fitted_game(fit, {"latent": Draw((k,))})


def _principal(flat: torch.Tensor, mean: torch.Tensor, k: int, sigma: float = 0.0) -> torch.Tensor:
    """U_k (L_k + sigma^2)^(1/2) [d, k] of items [n, d], exactly where that is quick; else by subspace iteration.

    It ends when no variance moves by more than 1e-5 of itself, or after 50 passes over the items.

    Source: Halko, Martinsson, Tropp, Finding Structure with Randomness, 2011, arXiv:0909.4061, algorithm 4.4.
    """
    n, d = flat.shape
    if d <= _LARGEST:
        centred = flat.double() - mean
        values, vectors = torch.linalg.eigh(centred.T @ centred / n)
        return torch.as_tensor(vectors[:, -k:] * _widened(values[-k:].clamp(min=0).sqrt(), sigma))
    centred = flat - mean.to(flat)
    generator = torch.Generator(flat.device).manual_seed(0)  # the fit is the same whatever was drawn before
    basis = torch.randn(d, min(k + _MORE, n, d), generator=generator, dtype=flat.dtype, device=flat.device)
    before = torch.zeros(k, dtype=flat.dtype, device=flat.device)
    for _ in range(_PASSES):
        basis = torch.linalg.qr(centred.T @ (centred @ basis))[0]
        _, singular, rotation = torch.linalg.svd(centred @ basis, full_matrices=False)
        if torch.allclose(singular[:k] ** 2, before, rtol=1e-5, atol=0):
            break
        before = singular[:k] ** 2
    return torch.as_tensor((basis @ rotation.mT[:, :k] * _widened(singular[:k], sigma * n**0.5)).double() / n**0.5)


def _widened(deviations: torch.Tensor, sigma: float) -> torch.Tensor:
    """(deviation^2 + sigma^2)^(1/2) of each, and to the last digit the deviation itself where sigma is 0."""
    return torch.hypot(deviations, torch.full_like(deviations, sigma))
