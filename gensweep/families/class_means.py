"""The baseline that knows one item a class: its mean."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.families._fitted import chosen, fitted_game
from gensweep.families._mixture import k_means
from gensweep.families.base import Family, Fitted, Game, Setting
from gensweep.losses import Draw, Nets, Noise


class ClassMeans(Family):
    """Samples are the means of the training items of each class, drawn as often as the class occurs.

    Where the data have no classes, the centres of k-means with `clusters` clusters stand for them. No metric of sample
    quality should rank these few blurred items above a model; Wasserstein-1 on raw pixels ranks them above a Gaussian.
    Nothing is trained.

    Fields:
        clusters: how many clusters for data without classes, >= 1.

    Source: S. Lloyd, "Least Squares Quantization in PCM", 1982 (k-means); the rows of reference of every comparison.
    """

    summary: ClassVar[str] = "baseline: the mean of each class, or k-means centres where there are no classes"
    paper: ClassVar[str] = "Lloyd 1982"
    ignores: ClassVar[frozenset[str]] = frozenset({"latent_size", "network", "training"})

    name: Literal["class_means"] = "class_means"
    clusters: int = Field(10, ge=1, description="centres of k-means where the data have no classes")

    def game(self, setting: Setting) -> Game:
        """No player."""

        def fit(data: torch.Tensor) -> Fitted:
            means, weights = self._means(data, setting)

            def sample(nets: Nets, noise: Noise) -> torch.Tensor:
                return means[chosen(noise["class"], weights)].to(noise["class"])

            return Fitted(sample)

        return fitted_game(fit, {"class": Draw((), "uniform")})

    def _means(self, data: torch.Tensor, setting: Setting) -> tuple[torch.Tensor, torch.Tensor]:
        """The means [k, *shape] and their weights [k], float64."""
        flat = data.flatten(1)
        of = setting.labels() if setting.labels else None
        if of is None:
            of = torch.cdist(flat, k_means(flat, self.clusters)).argmin(1)
        classes, index = torch.unique(of.to(data.device), return_inverse=True)
        shares = torch.nn.functional.one_hot(index, len(classes)).double()
        counts = shares.sum(0)
        means = (shares.T @ flat.double() / counts[:, None]).to(data.dtype)
        return means.reshape(-1, *setting.shape), counts / counts.sum()
