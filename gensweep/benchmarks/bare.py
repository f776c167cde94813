"""Auto-encoders by hand, as a script has them: networks, losses and the step, with nothing around them.

The steps are measured against this, and the plain script trains by it. The numbers are those of `wae` and `vae` on an
`mlp`, so that the same weights and draws give the same losses.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn

_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def perceptron(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers with ReLU between them: [n, sizes[0]] -> [n, sizes[-1]]."""
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class WAE(nn.Module):
    """A Wasserstein auto-encoder of items flattened to [n, d] in [0, 1], with the kernel of its authors' code."""

    def __init__(self, d: int, hidden: Sequence[int], latent_size: int, weight: float = 10.0) -> None:
        super().__init__()
        self.encoder = perceptron([d, *hidden, latent_size])
        self.decoder = perceptron([latent_size, *hidden[::-1], d])
        self.weight, self.latent_size = weight, latent_size

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Items [n, d] of codes [n, latent_size]."""
        return torch.sigmoid(self.decoder(z))

    def loss(self, x: torch.Tensor, prior: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The loss of x [n, d] and draws of the prior [n, latent_size], its squared cost and its MMD^2, each 0-d."""
        z = self.encoder(x)
        cost = (x - self.decode(z)).square().sum(1).mean()
        divergence = mmd_squared(z, prior)
        return cost + self.weight * divergence, cost, divergence


class VAE(nn.Module):
    """A variational auto-encoder with one learned variance of the observations."""

    def __init__(self, d: int, hidden: Sequence[int], latent_size: int, variance: float = 0.1) -> None:
        super().__init__()
        self.encoder = perceptron([d, *hidden, 2 * latent_size])
        self.decoder = perceptron([latent_size, *hidden[::-1], d])
        self.log_variance = nn.Parameter(torch.tensor(math.log(variance)))
        self.latent_size = latent_size

    def loss(self, x: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The negative evidence bound of x [n, d] by noise [n, latent_size], its two terms, each 0-d and in nats."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_variance) * noise
        squared = (x - torch.sigmoid(self.decoder(z))).square().sum(1)
        constant = x.shape[1] * (self.log_variance + math.log(2 * math.pi))
        nll = (0.5 * (squared / self.log_variance.exp() + constant)).mean()
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        return nll + kl, nll, kl


def mmd_squared(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The unbiased MMD^2 of x [n, d] and y [n, d] under seven inverse multiquadrics, 0-d."""
    n = len(x)
    c = 2 * x.shape[1] * torch.tensor(_SCALES)[:, None, None]
    k_xx, k_yy, k_xy = (c / (c + _squared(*pair)) for pair in ((x, x), (y, y), (x, y)))
    within = k_xx.sum() + k_yy.sum() - sum(k.diagonal(dim1=1, dim2=2).sum() for k in (k_xx, k_yy))
    return within / (n * (n - 1)) - 2 * k_xy.sum() / n**2


def _squared(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return x.square().sum(1)[:, None] + y.square().sum(1)[None, :] - 2 * x @ y.T


def play(
    model: WAE | VAE,
    optimizer: torch.optim.Optimizer,
    data: torch.Tensor,
    batches: torch.Tensor,
    noise: torch.Tensor,
) -> torch.Tensor:
    """Steps on items data[batches[i]] and noise[i]; the means of the loss and of its parts, [3].

    data [n, d], batches [steps, b], noise [steps, b, k].
    """
    losses = []
    for batch, drawn in zip(batches, noise, strict=True):
        optimizer.zero_grad()
        loss, *parts = model.loss(data[batch], drawn)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(torch.stack([loss.detach(), *(part.detach() for part in parts)]))
    return torch.stack(losses).mean(0)
