"""An encoder q(z|x) and a decoder p(x|z), and what they say of log p(x): what the variational families share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from gensweep.families.base import Conditional, Game, Likelihood, Player, Setting
from gensweep.losses import Draw, Nets, Noise

PARTICLES = 64  # draws from q(z|x) for the bound that is reported as a likelihood
Observation = Literal["gaussian", "learned_gaussian", "bernoulli"]


@dataclass(frozen=True)
class Variational:
    """The networks `encoder`, `decoder` and, where it is learned, `log_variance`; `variance` is of the observation."""

    setting: Setting
    likelihood: Observation
    variance: float

    def networks(self) -> dict[str, torch.nn.Module]:
        """Fresh networks."""
        latent_size, shape = self.setting.latent_size, self.setting.shape
        networks = {
            "encoder": self.setting.network.encoder(shape, 2 * latent_size),
            "decoder": self.setting.network.decoder(latent_size, shape),
        }
        if self.likelihood == "learned_gaussian":
            networks["log_variance"] = Scalar(math.log(self.variance))
        return networks

    def posterior(self, nets: Nets, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance of q(z|x) for x [n, *shape], each [n, latent_size]."""
        mean, log_variance = torch.chunk(nets["encoder"](x), 2, dim=-1)
        return mean, log_variance

    def negative_log_likelihood(
        self, nets: Nets, x: torch.Tensor, z: torch.Tensor, variance: torch.Tensor | None = None
    ) -> torch.Tensor:
        """-log p(x|z) of x [n, *shape] at z [n, latent_size], [n], in nats; `variance` is a knob over the field."""
        decoded = nets["decoder"](z)
        if self.likelihood == "bernoulli":
            bce = torch.nn.functional.binary_cross_entropy_with_logits(decoded, x, reduction="none")
            return bce.sum(tuple(range(1, x.ndim)))
        log_variance = self._log_variance(nets, x)
        if variance is not None and self.likelihood == "gaussian":
            log_variance = variance.log()
        return gaussian_nll(x, self.setting.into_bounds(decoded), log_variance)

    def bound(self) -> Likelihood | None:
        """log (1/K) sum_k w_k with K = 64, a lower bound of log p(x); None for bernoulli, whose p is no density.

        Source: Burda, Grosse, Salakhutdinov, 2015, arXiv:1509.00519, equation 8.
        """

        def evaluate(nets: Nets, x: torch.Tensor, noise: Noise) -> torch.Tensor:
            mean, log_variance = self.posterior(nets, x)
            log_weights = []
            for draw in noise["particles"].unbind(1):  # all at once would be 64 batches of decodings
                z = mean + torch.exp(0.5 * log_variance) * draw
                log_weights.append(log_prior_ratio(z, draw, log_variance) - self.negative_log_likelihood(nets, x, z))
            return log_mean_exp(torch.stack(log_weights))

        if self.likelihood == "bernoulli":
            return None
        return Likelihood(evaluate, is_exact=False, noise={"particles": Draw((PARTICLES, self.setting.latent_size))})

    def conditional(self) -> Conditional | None:
        """log p(x|z) of all pairs of items and codes; None for bernoulli, as for `bound`."""

        def evaluate(nets: Nets, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
            items, means, log_variance = x.flatten(1), self._decode(nets, z).flatten(1), self._log_variance(nets, x)
            squared = torch.cdist(items, means, compute_mode="donot_use_mm_for_euclid_dist").square()
            return -0.5 * (squared / log_variance.exp() + items.shape[1] * (log_variance + math.log(2 * math.pi)))

        return None if self.likelihood == "bernoulli" else evaluate

    def game(
        self, player: Player, networks: dict[str, torch.nn.Module], samples: Literal["mean", "observation"]
    ) -> Game:
        """The game of one player on these networks, which samples the decoder's mean or p(x|z)."""
        noise = {"latent": Draw((self.setting.latent_size,))}
        if samples == "observation":
            noise["observation"] = Draw(self.setting.shape)
        return Game(
            networks,
            (player,),
            self._sample,
            noise,
            decode=self._decode,
            reconstruct=lambda nets, x: self._decode(nets, self.posterior(nets, x)[0]),
            encode=self._draw,
            encode_noise={"posterior": Draw((self.setting.latent_size,))},
            likelihood=self.bound(),
            conditional=self.conditional(),
        )

    def _decode(self, nets: Nets, z: torch.Tensor) -> torch.Tensor:
        return self.setting.into_bounds(nets["decoder"](z))

    def _draw(self, nets: Nets, x: torch.Tensor, noise: Noise) -> torch.Tensor:
        mean, log_variance = self.posterior(nets, x)
        return mean + torch.exp(0.5 * log_variance) * noise["posterior"]

    def _sample(self, nets: Nets, noise: Noise) -> torch.Tensor:
        x = self._decode(nets, noise["latent"])
        if "observation" not in noise:
            return x
        if self.likelihood == "bernoulli":
            is_on: torch.Tensor = torch.special.ndtr(noise["observation"]) < x
            return is_on.to(x.dtype)
        return self.setting.cut(x + torch.exp(0.5 * self._log_variance(nets, x)) * noise["observation"])

    def _log_variance(self, nets: Nets, like: torch.Tensor) -> torch.Tensor:
        if self.likelihood == "learned_gaussian":
            learned: torch.Tensor = nets["log_variance"]()
            return learned
        return torch.full((), math.log(self.variance), dtype=like.dtype, device=like.device)


def log_prior_ratio(z: torch.Tensor, draw: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """log p_z(z) - log q(z|x) at z = m(x) + s(x) draw, from [..., d] each and log s(x)^2 [n, d]: [...], in nats.

    With p_z = N(0, I) the constants of the two cancel: (|draw|^2 - |z|^2) / 2 + log |s|.
    """
    return 0.5 * (draw.square() - z.square() + log_variance).sum(-1)


def log_mean_exp(log_weights: torch.Tensor) -> torch.Tensor:
    """log (1/K) sum_k exp(log_weights[k]), [n] from [K, n]."""
    return torch.logsumexp(log_weights, 0) - math.log(len(log_weights))


def kl_to_standard_normal(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, I)) of each row, [n] from [n, d], in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)


def gaussian_nll(x: torch.Tensor, mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """-log N(x; mean, exp(log_variance) I) of each item, [n] from [n, *shape] and a 0-d log variance, in nats."""
    squared = (x - mean).square().sum(tuple(range(1, x.ndim)))
    return 0.5 * (squared / log_variance.exp() + math.prod(x.shape[1:]) * (log_variance + math.log(2 * math.pi)))


class Scalar(torch.nn.Module):
    """A single learned number, as a network of no inputs: () -> its value, 0-d."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(start))

    def forward(self) -> torch.Tensor:
        """The value."""
        return self.value
