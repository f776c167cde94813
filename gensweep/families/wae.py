"""Wasserstein auto-encoders: optimal transport to the model, relaxed to a penalty on the latent space."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, field_validator

from gensweep.component import Knob, Member
from gensweep.divergences.base import Divergence
from gensweep.divergences.mmd import MMD
from gensweep.families._costs import COSTS, FEATURES, CostName, extractor_misfit, feature_network, known_extractor
from gensweep.families._divergence_critic import critic_of
from gensweep.families._priors import Prior, PriorName, prior_of
from gensweep.families.base import LATENT, Family, Game, Player, Setting, WarmUp, decoding
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise, PopulationObjective, prefixed, scoped

_PRETRAINING_ITEMS = 1000


class WAE(Family):
    """An auto-encoder whose aggregated codes q_Z are held close to the prior p_z, by default N(0, I).

    loss = recon_scale E c(x, g(z)) + lambda D(q_Z, p_z), the cost averaged over the batch. As lambda grows the minimum
    tends to the cost of optimal transport between the data and the model, min over couplings of E c(X, Y), which the cost
    names. `cost`:
        squared: ||x - y||^2, summed over dimensions: the limit is W_2^2, W_2 squared and not W_1;
        l1: sum_i |x_i - y_i|: the limit is W_1 of the l1 norm;
        feature: ||phi(x) - phi(y)||^2 with phi the frozen network `extractor`: the limit is W_2^2 between the laws of the
            features, which is 0 for different laws of items where phi takes them for the same.
    `effective_lambda` = lambda / recon_scale is logged: it is what two codes with different scales have in common.

    `prior` is the law that codes are held to and samples are decoded from:
        normal: N(0, I);
        uniform_sphere: on the sphere of radius sqrt(d), of which the covariance is I too, so that a divergence's lengths, such
            as the bandwidth of mmd, mean the same;
        uniform_cube: on [-1, 1]^d, with the covariance I / 3;
        mixture: `prior_components` equal Gaussians of deviation `prior_deviation`, evenly on the line or on a circle in one
            and two dimensions and in random directions beyond; its mean is 0 and its variance 1 a coordinate on average.

    `divergence` compares the batch's codes with as many draws from the prior; one that learns a critic on the latent
    space (jensen_shannon, kl, wasserstein_dual, …) adds the critic as a second player. A gaussian encoder draws z from
    N(m(x), diag s(x)^2).

    `pretraining_steps` are moves of the encoder alone before training, each on 1000 items (or all, if there are fewer),
    that bring the mean m and the covariance C of their codes to the prior's, 0 and S: the loss is the mean over entries of
    m^2 plus that of (C - S)^2. The log of the first epoch has what is left of both.

    Source: Tolstikhin et al., Wasserstein Auto-Encoders, 2017, arXiv:1711.01558, equation 4 and Algorithms 1 and 2, Theorem 1
    (any cost); S. Kolouri et al., "Sliced-Wasserstein Autoencoder", 2018, arXiv:1804.01947 (priors that are not normal).
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
    recon_scale: Annotated[float, Knob(), Field(gt=0, description="factor on the cost")] = 1.0
    divergence: Annotated[Divergence, Member("divergences")] = MMD()
    encoder: Literal["deterministic", "gaussian"] = "deterministic"
    pretraining_steps: int = Field(0, ge=0, description="moves of the encoder alone before training; 0: none")
    # A sweep that names none of these is what it was before there were others.
    cost: CostName = Field(
        "squared", exclude_if=lambda c: c == "squared", description="c of an item and its reconstruction"
    )
    extractor: str | None = Field(
        None, exclude_if=lambda name: name is None, description="of cost feature: one that ships, or spectrum"
    )
    prior: PriorName = Field("normal", exclude_if=lambda p: p == "normal", description="the law of codes")
    prior_components: int = Field(10, ge=2, exclude_if=lambda k: k == 10, description="Gaussians of prior mixture")
    prior_deviation: float = Field(
        0.3, gt=0, lt=1, exclude_if=lambda s: s == 0.3, description="of each Gaussian of prior mixture"
    )

    @field_validator("extractor")
    @classmethod
    def _ships(cls, extractor: str | None) -> str | None:
        return known_extractor(extractor)

    def misfit(self, shape: tuple[int, ...], bounds: tuple[float, float] | None) -> str | None:
        """Features are of the items that their extractor takes."""
        return extractor_misfit(self.extractor, shape, bounds) if self.cost == "feature" else None

    def population_objective(self) -> PopulationObjective | None:
        """What the cost makes of optimal transport in the limit of a large lambda; W_2^2 where it is squared.

        Where the cost is squared, the divergence is W_2^2 of codes, and the prior normal, it is known at any lambda, as the
        relaxed form.
        """
        weight, between = self.lambda_ / self.recon_scale, self.divergence.population_objective()
        if weight == 0:
            return None
        limit = f"reached as lambda grows; here it is {weight:g}"
        if self.cost == "l1":
            return PopulationObjective("wasserstein_1", bias=f"of the l1 norm, {limit}")
        if self.cost == "feature":
            return PopulationObjective("feature_wasserstein_2", bias=f"between the laws of the features, {limit}")
        if self.prior == "normal" and between is not None and between.name == "wasserstein_2":
            return PopulationObjective(
                "relaxed_wasserstein_2", weight, between.bias and f"of the codes: {between.bias}"
            )
        return PopulationObjective("wasserstein_2", bias=limit)

    def game(self, setting: Setting) -> Game:
        """The auto-encoder, and the divergence's critic where it has one."""
        n, d = setting.batch_size, setting.latent_size
        prior, cost_of = self._prior(d), COSTS[self.cost]
        draws = {
            **prior.noise("prior", n),
            **self._posterior(n, d),
            **prefixed("divergence", self.divergence.noise(n, d)),
        }

        def decode(nets: Nets, z: torch.Tensor) -> torch.Tensor:
            return setting.into_bounds(nets["decoder"](z))

        def autoencoder(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            z = self._codes(nets, batch, noise)
            cost = cost_of(nets, batch, decode(nets, z)).mean()
            divergence = self.divergence.measured(
                z, prior.draws(noise, "prior"), nets, scoped(noise, "divergence"), _of_codes(knobs)
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
            return self._codes(nets, batch, noise), prior.draws(noise, "prior")

        law = None if self.prior == "normal" else lambda noise: prior.draws(noise, LATENT)
        critics, learners = critic_of(self.divergence, d, samples, draws)
        n_outputs = d if self.encoder == "deterministic" else 2 * d
        return Game(
            {
                "encoder": setting.network.encoder(setting.shape, n_outputs),
                "decoder": setting.network.decoder(d, setting.shape),
                **critics,
                **({FEATURES: feature_network(self.extractor)} if self.cost == "feature" and self.extractor else {}),
            },
            (*learners, Player("autoencoder", ("encoder", "decoder"), autoencoder, draws)),
            sample=decoding(decode, law),
            sample_noise=prior.noise(LATENT),
            decode=decode,
            prior=law,
            reconstruct=lambda nets, x: decode(nets, self._codes(nets, x, {})),
            encode=self._codes,
            encode_noise=self._posterior(d),
            warm_up=self._warm_up(d),
            # the moments of a warm-up, and the laws of other priors, count the dimensions
            pads=d if self.prior == "normal" and not self.pretraining_steps else 0,
            notes=prefixed("autoencoder.divergence", self.divergence.notes()),
        )

    def _prior(self, latent_size: int) -> Prior:
        return prior_of(self.prior, latent_size, self.prior_components, self.prior_deviation)

    def _warm_up(self, latent_size: int) -> WarmUp | None:
        covariance = self._prior(latent_size).covariance()

        def pretraining(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            return moment_gap(self._codes(nets, batch, noise), covariance)

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


def moment_gap(codes: torch.Tensor, prior_covariance: torch.Tensor) -> Loss:
    """How far the mean m and covariance C of codes [n, d] are from 0 and S [d, d], 0-d: mean of m^2 + mean of (C - S)^2."""
    mean = codes.mean(0)
    covariance = (codes - mean).T @ (codes - mean) / (len(codes) - 1)
    parts = {"mean": mean.square().mean(), "covariance": (covariance - prior_covariance.to(codes)).square().mean()}
    return Loss(parts["mean"] + parts["covariance"], parts)
