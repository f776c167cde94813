"""The baseline of two moments: a Gaussian on the first principal components."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.families._fitted import fitted_game
from gensweep.families.base import Family, Fitted, Game, Setting
from gensweep.losses import Draw, Nets, Noise


class PCAGaussian(Family):
    """x = m + U_k L_k^(1/2) z with z ~ N(0, I_k), cut to the range of the data: their mean and largest k variances.

    U_k, L_k are the first k eigenvectors and eigenvalues of the covariance of the training items. With k at least the
    number of dimensions it is the Gaussian of maximum likelihood. Nothing is trained, and there is no likelihood: with
    fewer components all mass lies on a plane.

    Fields:
        k: principal components, >= 1.

    Source: H. Hotelling, "Analysis of a Complex of Statistical Variables into Principal Components", 1933.
    """

    summary: ClassVar[str] = "baseline: a Gaussian on the first k principal components"
    paper: ClassVar[str] = "Hotelling 1933"
    ignores: ClassVar[frozenset[str]] = frozenset({"latent_size", "network", "training"})

    name: Literal["pca_gaussian"] = "pca_gaussian"
    k: int = Field(16, ge=1, description="principal components")

    def game(self, setting: Setting) -> Game:
        """No player."""
        k = min(self.k, setting.n_dimensions)

        def fit(data: torch.Tensor) -> Fitted:
            flat = data.flatten(1).double()
            mean = flat.mean(0)
            values, vectors = torch.linalg.eigh((flat - mean).T @ (flat - mean) / len(flat))
            map_ = vectors[:, -k:] * values[-k:].clamp(min=0).sqrt()

            def sample(nets: Nets, noise: Noise) -> torch.Tensor:
                x = mean + noise["latent"].double() @ map_.T
                return setting.cut(x.to(noise["latent"])).reshape(-1, *setting.shape)

            return Fitted(sample)

        return fitted_game(fit, {"latent": Draw((k,))})
