"""A normalising flow: an invertible network with an exact likelihood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import nn

from gensweep.families._smoothing import SmoothingKnob, smoothed
from gensweep.families._unbounded import Unbounded
from gensweep.families.base import Family, Game, Likelihood, Player, Setting, decoding
from gensweep.layers import Perceptron
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise
from gensweep.networks.base import Activation


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
        smoothing: as for `vae`, of data without bounds: a logit knows nothing outside of them.

    Source: L. Dinh, J. Sohl-Dickstein, S. Bengio, "Density Estimation Using Real NVP", 2016, arXiv:1605.08803,
    equations 2, 3, 7 and 8, and section 4.1 (the logit; alpha 0.05).
    Differs: perceptrons over flat items instead of residual convolutions at several scales; no batch normalisation;
    s is bounded by a constant instead of a learned scale.
    """

    summary: ClassVar[str] = "RealNVP: an invertible network with an exact likelihood"
    paper: ClassVar[str] = "Dinh et al. 2016, arXiv:1605.08803"
    ignores: ClassVar[frozenset[str]] = frozenset({"latent_size", "network"})

    name: Literal["flow"] = "flow"
    couplings: int = Field(8, ge=2, description="affine couplings")
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field((256, 256), description="hidden layers of each coupling")
    activation: Activation = Field("relu", description="non-linearity of the couplings")
    log_scale_bound: float = Field(1.0, gt=0, description="largest log scale of a coupling")
    levels: int | None = Field(None, ge=0, description="of bounded data; 0: continuous; null: the data's own")
    alpha: float = Field(0.05, ge=0, lt=0.5, description="distance from the bounds, as a share, before the logit")
    smoothing: SmoothingKnob = 0.0

    def misfit(self, shape: tuple[int, ...], bounds: tuple[float, float] | None) -> str | None:
        """A coupling needs two halves, and a logit values within bounds."""
        if math.prod(shape) < 2:
            return "a flow of couplings needs data of two dimensions or more; use family: autoregressive"
        if self.smoothing and bounds is not None:
            return "smoothing leaves the data's bounds, where the flow's logit ends; use smoothing: 0, or family: vae"
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
        d = setting.n_dimensions
        levels = setting.levels if self.levels is None else self.levels
        space = Unbounded(setting.shape, setting.bounds, levels, self.alpha)

        def log_likelihood(nets: Nets, x: torch.Tensor, noise: Noise) -> torch.Tensor:
            y, log_slope = space.forward(x, noise.get("cell"))
            z, log_determinant = nets["flow"](y)
            normal = -0.5 * (z.square().sum(1) + d * math.log(2 * math.pi))
            log_p: torch.Tensor = normal + log_determinant + log_slope
            return log_p

        def decode(nets: Nets, z: torch.Tensor) -> torch.Tensor:
            return space.inverse(nets["flow"](z, invert=True)[0])

        def loss(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            return Loss(-log_likelihood(nets, batch, noise).mean(), {})

        def cell(*leading: int) -> dict[str, Draw]:
            return {"cell": Draw((*leading, *setting.shape), "uniform")} if space.takes_noise else {}

        return Game(
            {"flow": Couplings(d, self.couplings, self.hidden, self.activation, self.log_scale_bound)},
            (smoothed(Player("flow", ("flow",), loss, cell(setting.batch_size)), setting, self.smoothing),),
            decoding(decode),
            {"latent": Draw((d,))},
            decode=decode,
            likelihood=Likelihood(log_likelihood, is_exact=not space.takes_noise, over_cells=True, noise=cell()),
        )


class Couplings(nn.Module):
    """y [n, d] -> z [n, d] and log |det dz/dy| [n]: couplings that take turns over the even and the odd dimensions.

    Each keeps one half b and moves the other: a' = a exp(s(b)) + t(b), with s = bound tanh(r(b)). All start at the
    identity, because the last layers of the perceptrons for (r, t) start at zero.
    """

    def __init__(
        self, n_dimensions: int, n_couplings: int, hidden: Sequence[int], activation: str, bound: float
    ) -> None:
        super().__init__()
        halves = list(range(0, n_dimensions, 2)), list(range(1, n_dimensions, 2))
        self.kept = [halves[k % 2] for k in range(n_couplings)]
        self.moved = [halves[1 - k % 2] for k in range(n_couplings)]
        self.bound = bound
        # where dimension i of (kept, moved) laid side by side comes from
        self.back = [_inverse(kept + moved) for kept, moved in zip(self.kept, self.moved, strict=True)]
        self.nets = nn.ModuleList(
            Perceptron(len(kept), hidden, (2, len(moved)), activation, "none")
            for kept, moved in zip(self.kept, self.moved, strict=True)
        )
        for net in self.nets:
            nn.init.zeros_(net.layers[-1].weight)  # type: ignore[union-attr, index]

    def forward(self, y: torch.Tensor, *, invert: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """z and log |det dz/dy|; inverted, from z, the y and the log |det dy/dz|."""
        log_determinant = torch.zeros_like(y[:, 0])
        for k in reversed(range(len(self.nets))) if invert else range(len(self.nets)):
            kept, moved = y[:, self.kept[k]], y[:, self.moved[k]]
            raw, t = self.nets[k](kept).to(y.dtype).unbind(1)  # the perceptron's may be bfloat16
            s = self.bound * torch.tanh(raw)
            moved, change = ((moved - t) * torch.exp(-s), -s) if invert else (moved * torch.exp(s) + t, s)
            y = torch.cat([kept, moved], 1)[:, self.back[k]]
            log_determinant = log_determinant + change.sum(1)
        return y, log_determinant


def _inverse(order: list[int]) -> list[int]:
    return sorted(range(len(order)), key=order.__getitem__)
