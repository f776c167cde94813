"""The variational auto-encoder: maximum likelihood through the evidence lower bound."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.families._evidence import Variational, kl_to_standard_normal
from gensweep.families._smoothing import SmoothingKnob, smoothed
from gensweep.families.base import Family, Game, Player, Setting
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise, PopulationObjective


class VAE(Family):
    """An encoder q(z|x) = N(m(x), diag s(x)^2) and a decoder p(x|z), trained on the negative evidence lower bound.

    loss = E_q[-log p(x|z)] + beta KL(q(z|x) || N(0, I)), both summed over dimensions and averaged over the batch;
    KL = 1/2 sum(m^2 + s^2 - 1 - log s^2). At beta 1 it bounds -log p(x) from above, in nats.

    Fields:
        likelihood: p(x|z):
            gaussian: N(g(z), variance I), with its constant, so that values for different variances compare;
            learned_gaussian: the same with one variance for all values, learned from the start `variance`;
            bernoulli: of each value, for data in [0, 1]. On grey values it is no density, so it reports no likelihood.
        beta: weight of the KL term, >= 0; a knob. With a fixed variance only beta * variance counts for the networks: a
            linear decoder keeps the directions whose variance in the data is above it. With a learned variance the
            variance answers to the reconstruction error alone, and grows as a larger beta worsens it.
        variance: of the observation noise a value, in squared units of the data, > 0; a knob where it is fixed.
        samples: what a sample is: the decoder's `mean`, as is usual for images, or a draw from p(x|z), the
            `observation`. Only the second is a draw from the model whose likelihood is trained. The Gaussian knows no
            bounds: on data that have them, a value of the draw that lies outside is moved onto the bound.
        smoothing: sigma >= 0, in units of the data; a knob. It is trained on x + sigma eps, eps ~ N(0, I) anew each time, and
            scored on x: maximum likelihood on the data's law smoothed, which a covariance shows as sigma^2 I more, and a
            penalty on the slopes of the fit as sigma goes to 0.

    The likelihood that it reports is the importance-weighted bound of 64 draws, whatever beta was trained with.

    Source: Kingma and Welling, Auto-Encoding Variational Bayes, 2013, arXiv:1312.6114, equations 3 and 10;
    beta from Higgins et al., beta-VAE, 2017; the learned variance from Rybkin et al., 2020, arXiv:2006.13202;
    P. Vincent, "A Connection Between Score Matching and Denoising Autoencoders", Neural Computation 23, 2011
    (the smoothed law); C. Bishop, "Training with Noise is Equivalent to Tikhonov Regularization", Neural Computation 7, 1995.
    Differs: Adam instead of Adagrad.
    """

    summary: ClassVar[str] = "encoder and decoder trained on the evidence lower bound"
    paper: ClassVar[str] = "Kingma and Welling 2013, arXiv:1312.6114"

    name: Literal["vae"] = "vae"
    likelihood: Literal["gaussian", "learned_gaussian", "bernoulli"] = "learned_gaussian"
    beta: Annotated[float, Knob(), Field(ge=0, description="weight of the Kullback-Leibler term")] = 1.0
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

    def population_objective(self) -> PopulationObjective | None:
        """KL(P || Q) at beta 1, of the model that the likelihood means."""
        is_likelihood = self.beta == 1 and self.likelihood != "bernoulli" and self.samples == "observation"
        bias = f"of the data smoothed by {self.smoothing:g}, so the fit is wider" if self.smoothing else ""
        return PopulationObjective("kl", bias=bias) if is_likelihood else None

    def game(self, setting: Setting) -> Game:
        """One player, the auto-encoder."""
        model = Variational(setting, self.likelihood, self.variance)

        def loss(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            mean, log_variance = model.posterior(nets, batch)
            z = mean + torch.exp(0.5 * log_variance) * noise["posterior"]
            reconstruction = model.negative_log_likelihood(nets, batch, z, knobs["variance"]).mean()
            kl = kl_to_standard_normal(mean, log_variance).mean()
            return Loss(reconstruction + knobs["beta"] * kl, {"reconstruction": reconstruction, "kl": kl})

        networks = model.networks()
        draws = {"posterior": Draw((setting.batch_size, setting.latent_size))}
        player = smoothed(Player("autoencoder", tuple(networks), loss, draws), setting, self.smoothing)
        return replace(model.game(player, networks, self.samples), pads=setting.latent_size)
