"""The importance-weighted auto-encoder: a tighter bound from several draws."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.families._evidence import Variational, log_mean_exp, log_prior_ratio
from gensweep.families._smoothing import SmoothingKnob, smoothed
from gensweep.families.base import Family, Game, Player, Setting
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise


class IWAE(Family):
    """The encoder and decoder of a variational auto-encoder, trained on the bound of K importance weights.

    loss = -E log (1/K) sum_k w_k,  w_k = p(x|z_k) p(z_k) / q(z_k|x),  z_k ~ q(z|x) independent, in nats.

    The bound does not fall as K grows and tends to log p(x); K = 1 is the evidence lower bound. Where q is the exact
    posterior every w_k is p(x), and K does not matter.

    Fields:
        particles: K, >= 1. A step costs K decodings of the batch.
        likelihood, variance, samples: as for `vae`; a draw outside the data's bounds is moved onto them.
        smoothing: as for `vae`.

    The likelihood that it reports is the bound of 64 draws, as for `vae`.

    Source: Y. Burda, R. Grosse, R. Salakhutdinov, "Importance Weighted Autoencoders", 2015, arXiv:1509.00519,
    equations 8 and 13; K = 50 is the largest of its training.
    Differs: a Gaussian observation by default instead of a Bernoulli on binarised digits; Adam at a constant rate of
    1e-3, where the paper's falls in eight stages (training.lr_schedule).
    """

    summary: ClassVar[str] = "variational auto-encoder with a bound of K importance weights"
    paper: ClassVar[str] = "Burda et al. 2015, arXiv:1509.00519"

    name: Literal["iwae"] = "iwae"
    particles: int = Field(50, ge=1, description="K, draws from the posterior for each item")
    likelihood: Literal["gaussian", "learned_gaussian", "bernoulli"] = "learned_gaussian"
    variance: Annotated[float, Knob(), Field(gt=0, description="of the observation noise, per value")] = 0.1
    samples: Literal["mean", "observation"] = "mean"
    smoothing: SmoothingKnob = 0.0

    def misfit(self, shape: tuple[int, ...], bounds: tuple[float, float] | None) -> str | None:
        """A Bernoulli likelihood needs data in [0, 1]."""
        if self.likelihood == "bernoulli" and bounds != (0.0, 1.0):
            return "likelihood bernoulli needs data in [0, 1]; use likelihood: gaussian"
        if self.likelihood == "bernoulli" and self.smoothing:
            return "likelihood bernoulli is of values in [0, 1], which smoothing leaves; use likelihood: gaussian"
        return None

    def game(self, setting: Setting) -> Game:
        """One player, the auto-encoder."""
        model = Variational(setting, self.likelihood, self.variance)

        def loss(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            mean, log_variance = model.posterior(nets, batch)
            draws = noise["posterior"]  # [K, n, latent_size]
            z = mean + torch.exp(0.5 * log_variance) * draws
            repeated = batch.expand(self.particles, *batch.shape).flatten(0, 1)
            nll = model.negative_log_likelihood(nets, repeated, z.flatten(0, 1), knobs["variance"])
            reconstruction = nll.reshape(self.particles, len(batch))
            log_weights = log_prior_ratio(z, draws, log_variance) - reconstruction
            bound = log_mean_exp(log_weights).mean()
            return Loss(-bound, {"reconstruction": reconstruction.mean(), "elbo": log_weights.mean()})

        networks = model.networks()
        draws = {"posterior": Draw((self.particles, setting.batch_size, setting.latent_size))}
        player = smoothed(Player("autoencoder", tuple(networks), loss, draws), setting, self.smoothing)
        # its codes are not padded: of a dimension whose draws are 0, the slope of log w in log s^2 is 1/2 and not 0
        return model.game(player, networks, self.samples)
