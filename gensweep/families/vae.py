"""The variational auto-encoder: maximum likelihood through the evidence lower bound."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.divergences.base import Draw, Knobs, Nets, Noise
from gensweep.families.base import Family, Game, Loss, Player, Setting


class VAE(Family):
    """An encoder q(z|x) = N(m(x), diag s(x)^2) and a decoder p(x|z), trained on the negative evidence lower bound.

    loss = E_q[-log p(x|z)] + beta KL(q(z|x) || N(0, I)), both summed over dimensions and averaged over the batch;
    KL = 1/2 sum(m^2 + s^2 - 1 - log s^2). At beta 1 it bounds -log p(x) from above, in nats.

    `likelihood` is
      gaussian:   N(g(z), variance I), with its constant, so that values for different variances compare;
      learned_gaussian: the same with one variance for all pixels, learned from the start value `variance`;
      bernoulli:  of each pixel, for data in [0, 1]. On grey values it is no density, so no likelihood to compare.
    `samples` says what a sample is: the decoder's mean, as is usual for images, or a draw from p(x|z).

    Source: Kingma and Welling, Auto-Encoding Variational Bayes, 2013, arXiv:1312.6114, equations 3 and 10;
    beta from Higgins et al., beta-VAE, 2017; the learned variance from Rybkin et al., 2020, arXiv:2006.13202.
    Differs: Adam instead of Adagrad.
    """

    summary: ClassVar[str] = "encoder and decoder trained on the evidence lower bound"
    paper: ClassVar[str] = "Kingma and Welling 2013, arXiv:1312.6114"

    name: Literal["vae"] = "vae"
    likelihood: Literal["gaussian", "learned_gaussian", "bernoulli"] = "learned_gaussian"
    beta: Annotated[float, Knob(), Field(ge=0, description="weight of the Kullback-Leibler term")] = 1.0
    variance: Annotated[float, Knob(), Field(gt=0, description="of the observation noise, per pixel")] = 0.1
    samples: Literal["mean", "observation"] = "mean"

    def misfit(self, shape: tuple[int, ...], bounds: tuple[float, float] | None) -> str | None:
        """A Bernoulli likelihood needs data in [0, 1]."""
        if self.likelihood == "bernoulli" and bounds != (0.0, 1.0):
            return "likelihood bernoulli needs data in [0, 1]; use likelihood: gaussian"
        return None

    def game(self, setting: Setting) -> Game:
        """One player, the auto-encoder."""
        latent = Draw((setting.latent_size,))
        observation = {"observation": Draw(setting.shape)} if self.samples == "observation" else {}

        def loss(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            mean, log_variance = nets["encoder"](batch).chunk(2, dim=-1)
            z = mean + torch.exp(0.5 * log_variance) * noise["posterior"]
            reconstruction = self._negative_log_likelihood(setting, nets, batch, nets["decoder"](z), knobs).mean()
            kl = kl_to_standard_normal(mean, log_variance).mean()
            return Loss(reconstruction + knobs["beta"] * kl, {"reconstruction": reconstruction, "kl": kl})

        def sample(nets: Nets, noise: Noise) -> torch.Tensor:
            decoded = nets["decoder"](noise["latent"])
            x = setting.into_bounds(decoded)
            if "observation" not in noise:
                return x
            if self.likelihood == "bernoulli":
                return torch.less(torch.special.ndtr(noise["observation"]), x).to(x.dtype)
            log_variance = nets["log_variance"]() if self.likelihood == "learned_gaussian" else math.log(self.variance)
            return x + torch.exp(0.5 * torch.as_tensor(log_variance)) * noise["observation"]

        networks = {
            "encoder": setting.network.encoder(setting.shape, 2 * setting.latent_size),
            "decoder": setting.network.decoder(setting.latent_size, setting.shape),
        }
        if self.likelihood == "learned_gaussian":
            from gensweep.families._scalar import Scalar

            networks["log_variance"] = Scalar(math.log(self.variance))
        player = Player("autoencoder", tuple(networks), loss, {"posterior": Draw((setting.batch_size, *latent.shape))})
        return Game(
            networks,
            (player,),
            sample,
            {"latent": latent, **observation},
            reconstruct=lambda nets, x: setting.into_bounds(nets["decoder"](nets["encoder"](x).chunk(2, dim=-1)[0])),
            encode=lambda nets, x: nets["encoder"](x).chunk(2, dim=-1)[0],
        )

    def _negative_log_likelihood(
        self, setting: Setting, nets: Nets, x: torch.Tensor, decoded: torch.Tensor, knobs: Knobs
    ) -> torch.Tensor:
        """-log p(x|z) [n], in nats, from the decoder's raw outputs [n, *shape]."""
        if self.likelihood == "bernoulli":
            bce = torch.nn.functional.binary_cross_entropy_with_logits(decoded, x, reduction="none")
            return bce.flatten(1).sum(-1)
        if self.likelihood == "learned_gaussian":
            return gaussian_nll(x, setting.into_bounds(decoded), nets["log_variance"]())
        return gaussian_nll(x, setting.into_bounds(decoded), knobs["variance"].log())


def kl_to_standard_normal(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, I)) of each row, [n] from [n, d], in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)


def gaussian_nll(x: torch.Tensor, mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """-log N(x; mean, exp(log_variance) I) of each item, [n] from [n, *shape] and a 0-d log variance, in nats."""
    squared = (x - mean).square().flatten(1)
    return 0.5 * (squared.sum(-1) / log_variance.exp() + squared.shape[-1] * (log_variance + math.log(2 * math.pi)))
