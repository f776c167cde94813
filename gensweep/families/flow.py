"""A normalising flow: an invertible network with an exact likelihood."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field

from gensweep.divergences.base import Draw, Knobs, Nets, Noise
from gensweep.families.base import Family, Game, Likelihood, Loss, Player, Setting
from gensweep.networks._activation import Activation


class Flow(Family):
    """RealNVP: an invertible f from data to N(0, I), trained by exact maximum likelihood.

    loss = -E [log N(f(x); 0, I) + log |det df/dx|], in nats; samples are f^-1(z), z ~ N(0, I).

    f is a stack of affine couplings over all dimensions laid flat; each keeps every second dimension b and moves the
    others, a' = a exp(s(b)) + t(b). The latent space has as many dimensions as the data, so `latent_size` and `network`
    of the trial do not count here.

    Data with bounds go through y = logit(alpha + (1 - 2 alpha) v) first. Grey levels are discrete, on which a density
    can grow without bound, so each item is spread over the cell of one grey level above it by uniform noise. Then the
    likelihood is a lower bound of the log probability of the cell per unit of x, and exact without levels.

    Fields:
        couplings: >= 2.
        hidden: widths of the perceptrons for s and t.
        activation: of these perceptrons.
        log_scale_bound: largest |s| of a coupling, > 0. With eight couplings at 2, Adam with its rate of 1e-3 throws samples of
            ring 1e5 away within 25 steps; at 1 they stay, and digits become more likely.
        levels: grey levels of bounded data, or 0 where they are continuous; null: the data's own. Data that have levels
            take no other number, since every finer one would raise the likelihood. It is for data in floating point that
            do not say: with too many levels for them, the likelihood means nothing.
        alpha: how far v stays from 0 and 1, in [0, 0.5).

    Source: L. Dinh, J. Sohl-Dickstein, S. Bengio, "Density Estimation Using Real NVP", 2016, arXiv:1605.08803,
    equations 2, 3, 7 and 8, and section 4.1 (the logit; alpha 0.05).
    Differs: perceptrons over flat items instead of residual convolutions at several scales; no batch normalisation;
    s is bounded by a constant instead of a learned scale.
    """

    summary: ClassVar[str] = "RealNVP: an invertible network with an exact likelihood"
    paper: ClassVar[str] = "Dinh et al. 2016, arXiv:1605.08803"

    name: Literal["flow"] = "flow"
    couplings: int = Field(8, ge=2, description="affine couplings")
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field((256, 256), description="hidden layers of each coupling")
    activation: Activation = Field("relu", description="non-linearity of the couplings")
    log_scale_bound: float = Field(1.0, gt=0, description="largest log scale of a coupling")
    levels: int | None = Field(None, ge=0, description="of bounded data; 0: continuous; null: the data's own")
    alpha: float = Field(0.05, ge=0, lt=0.5, description="distance from the bounds, as a share, before the logit")

    def misfit(self, shape: tuple[int, ...], bounds: tuple[float, float] | None) -> str | None:
        """A coupling needs two halves."""
        if math.prod(shape) < 2:
            return "a flow of couplings needs data of two dimensions or more; use family: autoregressive"
        return None

    def levels_misfit(self, levels: int) -> str | None:
        """Noise over other cells than the data's own gives another likelihood."""
        if not levels or self.levels in (None, levels):
            return None
        return (
            f"the data have {levels} grey levels, and a density of {self.levels or 'none'} is of other data. "
            "Write levels: null, or leave it out"
        )

    def game(self, setting: Setting) -> Game:
        """One player, the flow."""
        from gensweep.families._couplings import Couplings
        from gensweep.families._unbounded import Unbounded

        d = setting.n_dimensions
        levels = setting.levels if self.levels is None else self.levels
        space = Unbounded(setting.shape, setting.bounds, levels, self.alpha)

        def log_likelihood(nets: Nets, x: torch.Tensor, noise: Noise) -> torch.Tensor:
            y, log_slope = space.forward(x, noise.get("cell"))
            z, log_determinant = nets["flow"](y)
            normal = -0.5 * (z.square().sum(1) + d * math.log(2 * math.pi))
            log_p: torch.Tensor = normal + log_determinant + log_slope
            return log_p

        def loss(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            return Loss(-log_likelihood(nets, batch, noise).mean(), {})

        def cell(*leading: int) -> dict[str, Draw]:
            return {"cell": Draw((*leading, *setting.shape), "uniform")} if space.takes_noise else {}

        return Game(
            {"flow": Couplings(d, self.couplings, self.hidden, self.activation, self.log_scale_bound)},
            (Player("flow", ("flow",), loss, cell(setting.batch_size)),),
            lambda nets, noise: space.inverse(nets["flow"](noise["latent"], invert=True)[0]),
            {"latent": Draw((d,))},
            likelihood=Likelihood(log_likelihood, is_exact=not space.takes_noise, noise=cell()),
        )
