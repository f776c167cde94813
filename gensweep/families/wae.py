"""Wasserstein auto-encoders: optimal transport to the model, relaxed to a penalty on the latent space."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field

from gensweep.component import Knob, Member
from gensweep.divergences.base import Divergence
from gensweep.divergences.mmd import MMD
from gensweep.families._divergence_critic import critic_of
from gensweep.families.base import Family, Game, Player, Setting, WarmUp, decoding
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise, PopulationObjective, prefixed, scoped

_PRETRAINING_ITEMS = 1000


class WAE(Family):
    """An auto-encoder whose aggregated codes q_Z are held close to the prior p_z = N(0, I).

    loss = recon_scale E ||x - g(z)||^2 + lambda D(q_Z, p_z), the cost summed over dimensions and averaged over the
    batch. As lambda grows the minimum tends to W_2^2(P, Q): the cost is squared, so it is W_2 squared and not W_1.
    `effective_lambda` = lambda / recon_scale is logged: it is what two codes with different scales have in common.

    `divergence` compares the batch's codes with as many draws from the prior; one that learns a critic on the latent
    space (jensen_shannon, kl, wasserstein_dual, …) adds the critic as a second player. A gaussian encoder draws z from
    N(m(x), diag s(x)^2).

    `pretraining_steps` are moves of the encoder alone before training, each on 1000 items (or all, if there are fewer),
    that bring the mean m and the covariance C of their codes to the prior's: the loss is the mean over entries of m^2
    plus that of (C - I)^2. The log of the first epoch has what is left of both.

    Source: Tolstikhin et al., Wasserstein Auto-Encoders, 2017, arXiv:1711.01558, equation 4 and Algorithms 1 and 2.
    Differs: recon_scale is 1; the authors' code multiplies the squared cost by 0.05, so its lambda of 10 is an effective
    lambda of 200 here. The critic's loss is not multiplied by lambda, which Adam's steps do not feel. pretraining_steps
    is 0, because they read batches beyond the epochs that a fair comparison gives to every family; the authors' code
    makes 200, or fewer once the loss is below 0.1, and takes the prior's moments from a sample, which here are exact.
    """

    summary: ClassVar[str] = "auto-encoder with a divergence between its codes and the prior"
    paper: ClassVar[str] = "Tolstikhin et al. 2017, arXiv:1711.01558"
    default_optimizer: ClassVar[dict[str, object]] = {"name": "adam", "lr": 1e-3, "betas": (0.5, 0.999)}

    name: Literal["wae"] = "wae"
    lambda_: Annotated[float, Knob(), Field(alias="lambda", ge=0, description="weight of the divergence")] = 10.0
    recon_scale: Annotated[float, Knob(), Field(gt=0, description="factor on the squared cost")] = 1.0
    divergence: Annotated[Divergence, Member("divergences")] = MMD()
    encoder: Literal["deterministic", "gaussian"] = "deterministic"
    pretraining_steps: int = Field(0, ge=0, description="moves of the encoder alone before training; 0: none")

    def population_objective(self) -> PopulationObjective | None:
        """W_2^2 in the limit of a large lambda, and at any lambda its relaxed form where the divergence is W_2^2 of codes."""
        weight, between = self.lambda_ / self.recon_scale, self.divergence.population_objective()
        if weight == 0:
            return None
        if between is not None and between.name == "wasserstein_2":
            return PopulationObjective(
                "relaxed_wasserstein_2", weight, between.bias and f"of the codes: {between.bias}"
            )
        return PopulationObjective("wasserstein_2", bias=f"reached as lambda grows; here it is {weight:g}")

    def game(self, setting: Setting) -> Game:
        """The auto-encoder, and the divergence's critic where it has one."""
        n, d = setting.batch_size, setting.latent_size
        draws = {"prior": Draw((n, d)), **self._posterior(n, d), **prefixed("divergence", self.divergence.noise(n, d))}

        def decode(nets: Nets, z: torch.Tensor) -> torch.Tensor:
            return setting.into_bounds(nets["decoder"](z))

        def autoencoder(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            z = self._codes(nets, batch, noise)
            cost = (batch - decode(nets, z)).square().sum(tuple(range(1, batch.ndim))).mean()
            divergence = self.divergence.measured(
                z, noise["prior"], nets, scoped(noise, "divergence"), _of_codes(knobs)
            )
            return Loss(
                knobs["recon_scale"] * cost + knobs["lambda"] * divergence.total,
                {
                    "reconstruction": cost,
                    "divergence": divergence.total,
                    **prefixed("divergence", divergence.parts),
                    "effective_lambda": knobs["lambda"] / knobs["recon_scale"],
                },
            )

        def samples(nets: Nets, batch: torch.Tensor, noise: Noise) -> tuple[torch.Tensor, torch.Tensor]:
            return self._codes(nets, batch, noise), noise["prior"]

        critics, learners = critic_of(self.divergence, d, samples, draws)
        n_outputs = d if self.encoder == "deterministic" else 2 * d
        return Game(
            {
                "encoder": setting.network.encoder(setting.shape, n_outputs),
                "decoder": setting.network.decoder(d, setting.shape),
                **critics,
            },
            (*learners, Player("autoencoder", ("encoder", "decoder"), autoencoder, draws)),
            sample=decoding(decode),
            sample_noise={"latent": Draw((d,))},
            decode=decode,
            reconstruct=lambda nets, x: decode(nets, self._codes(nets, x, {})),
            encode=self._codes,
            encode_noise=self._posterior(d),
            warm_up=self._warm_up(d),
            pads=0 if self.pretraining_steps else d,
            notes=prefixed("autoencoder.divergence", self.divergence.notes()),
        )

    def _warm_up(self, latent_size: int) -> WarmUp | None:
        def pretraining(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            return moment_gap(self._codes(nets, batch, noise))

        def player(n: int) -> Player:
            return Player("pretraining", ("encoder",), pretraining, self._posterior(n, latent_size))

        return WarmUp(player, self.pretraining_steps, _PRETRAINING_ITEMS) if self.pretraining_steps else None

    def _posterior(self, *shape: int) -> dict[str, Draw]:
        """What a stochastic encoder asks for."""
        return {"posterior": Draw(shape)} if self.encoder == "gaussian" else {}

    def _codes(self, nets: Nets, x: torch.Tensor, noise: Noise) -> torch.Tensor:
        """The codes of x, [n, latent_size]: means where no noise is given."""
        outputs = nets["encoder"](x)
        if self.encoder == "deterministic":
            return outputs
        mean, log_variance = outputs.chunk(2, dim=-1)
        return mean + torch.exp(0.5 * log_variance) * noise["posterior"] if "posterior" in noise else mean


def _of_codes(knobs: Knobs) -> dict[str, torch.Tensor]:
    """The divergence's knobs; in a stack of several latent sizes also how many dimensions the codes have of their own."""
    own = {"dimensions": knobs["latent_size"]} if "latent_size" in knobs else {}
    return {**scoped(knobs, "divergence"), **own}


def moment_gap(codes: torch.Tensor) -> Loss:
    """How far the mean m and covariance C of codes [n, d] are from those of N(0, I), 0-d: mean of m^2 + mean of (C - I)^2."""
    mean = codes.mean(0)
    covariance = (codes - mean).T @ (codes - mean) / (len(codes) - 1)
    identity = torch.eye(len(mean), dtype=codes.dtype, device=codes.device)
    parts = {"mean": mean.square().mean(), "covariance": (covariance - identity).square().mean()}
    return Loss(parts["mean"] + parts["covariance"], parts)
