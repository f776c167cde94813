"""MMD GAN: a kernel's maximum mean discrepancy, on learned features or on the data themselves."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field

from gensweep.component import Knob, Member
from gensweep.constraints.base import Constraint
from gensweep.constraints.gradient_penalty import GradientPenalty
from gensweep.families._adversarial import Adversarial, Critic, generator_of, misfit_of
from gensweep.families.base import Family, Game, Player, Setting, decoding
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise
from gensweep.mathematics.kernels import (
    Kernel,
    gaussian,
    mmd_squared_unbiased,
    negative_distance,
    rational_quadratic,
    squared_distances,
)
from gensweep.networks.base import Network


class MMDGAN(Family):
    """A generator that minimises the squared maximum mean discrepancy of features h, against a critic that learns them.

    MMD^2 = E k(h(x), h(x')) + E k(h(y), h(y')) - 2 E k(h(x), h(y)), without bias, for x, x' ~ P and y, y' ~ Q. The critic
    ascends it, and the constraint holds the witness f(x) = E_P k(h(x), h(.)) - E_Q k(h(x), h(.)).
    `space` data has h(x) = x, flat, and one player: a generative moment matching network. `feature_size`, `constraint`,
    `critic_moves` and `critic_lr_ratio` are not used there.

    `kernel`, with lengths in units of `bandwidth`:
      rational_quadratic:         sum over a in 0.1, 1, 10 of (1 + d^2 / 2a)^-a;
      rational_quadratic_linear:  the same plus the inner product, which keeps a gradient between far laws;
      rbf:                        sum over s in 1, 2, 4, 8, 16 of exp(-d^2 / 2s^2);
      gaussian:                   exp(-d^2 / 2);
      energy:                     -d, whose MMD^2 is the energy distance.
    `mmd_squared` in the log is that of the critic's batch; values of two kernels or two critics do not compare.

    Source: M. Binkowski, D. Sutherland, M. Arbel, A. Gretton, "Demystifying MMD GANs", 2018, arXiv:1801.01401, sections
    2 and 4, with the kernel, weight 1 of the penalty and other defaults of the authors' code; C.-L. Li et al., "MMD GAN",
    2017, arXiv:1705.08584 (rbf with constraint: clip); Y. Li, K. Swersky, R. Zemel, "Generative Moment Matching
    Networks", 2015, arXiv:1502.02761 (space: data).
    Differs: no penalty on the sizes of the critic's layers (the first), no auto-encoder term and no hinge on the means
    (the second); MMD^2, not its root (the last two).
    """

    summary: ClassVar[str] = "generator against learned features, or none: a kernel's maximum mean discrepancy"
    paper: ClassVar[str] = "Binkowski et al. 2018, arXiv:1801.01401; Li et al. 2017, arXiv:1705.08584"
    default_optimizer: ClassVar[dict[str, object]] = {"name": "adam", "lr": 1e-4, "betas": (0.5, 0.9)}

    name: Literal["mmd_gan"] = "mmd_gan"
    space: Literal["features", "data"] = Field("features", description="where the kernel compares")
    kernel: Literal["rational_quadratic_linear", "rational_quadratic", "rbf", "gaussian", "energy"] = Field(
        "rational_quadratic_linear", description="the kernel k"
    )
    bandwidth: Annotated[float, Knob(), Field(gt=0, description="unit of length of the kernel")] = 1.0
    feature_size: int = Field(16, ge=1, description="dimensions of h")
    constraint: Annotated[Constraint, Member("constraints")] = GradientPenalty(weight=1.0)
    critic_moves: int = Field(5, ge=1, description="critic moves for each generator move")
    critic_lr_ratio: float = Field(1.0, gt=0, description="critic learning rate as a multiple of the trial's")

    def misfit(self, shape: tuple[int, ...], bounds: tuple[float, float] | None) -> str | None:
        """Features could grow without end under two of the kernels; the others are bounded."""
        grows = self.space == "features" and self.kernel in ("rational_quadratic_linear", "energy")
        return misfit_of(self.constraint, needs_bound=grows, allows_equality=False)

    def critic_misfit(self, network: Network) -> str | None:
        """On the data there is no critic."""
        return super().critic_misfit(network) if self.space == "features" else None

    def game(self, setting: Setting) -> Game:
        """See the class."""
        return self._on_data(setting) if self.space == "data" else self._on_features(setting)

    def _on_data(self, setting: Setting) -> Game:
        decode = generator_of(setting)

        def loss(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            fake = decode(nets, noise["latent"])
            squared = mmd_squared(self.kernel, batch.flatten(1), fake.flatten(1), knobs["bandwidth"])
            return Loss(squared, {"mmd_squared": squared})

        latent = Draw((setting.batch_size, setting.latent_size))
        return Game(
            networks={"generator": setting.network.decoder(setting.latent_size, setting.shape)},
            players=(Player("generator", ("generator",), loss, {"latent": latent}),),
            sample=decoding(decode),
            sample_noise={"latent": Draw((setting.latent_size,))},
            decode=decode,
            pads=setting.latent_size,
        )

    def _on_features(self, setting: Setting) -> Game:
        return Adversarial(
            critic_loss=self._critic_loss,
            generator_loss=self._generator_loss,
            constraint=self.constraint,
            critic_moves=self.critic_moves,
            critic_lr_ratio=self.critic_lr_ratio,
            critic_outputs=self.feature_size,
            witness=self._witness,
        ).game(setting)

    def _critic_loss(self, h: Critic, real: torch.Tensor, fake: torch.Tensor, knobs: Knobs) -> Loss:
        squared = mmd_squared(self.kernel, h(real), h(fake), knobs["bandwidth"])
        return Loss(-squared, {"mmd_squared": squared})

    def _generator_loss(self, h: Critic, real: torch.Tensor, fake: torch.Tensor, knobs: Knobs) -> torch.Tensor:
        return mmd_squared(self.kernel, h(real), h(fake), knobs["bandwidth"])

    def _witness(self, h: Critic, real: torch.Tensor, fake: torch.Tensor, knobs: Knobs) -> Critic:
        k, p, q = kernel_of(self.kernel, knobs["bandwidth"]), h(real), h(fake)

        def f(x: torch.Tensor) -> torch.Tensor:
            features = h(x)
            means = k(squared_distances(features, p)).mean(-1) - k(squared_distances(features, q)).mean(-1)
            return means[:, None]

        return f


def mmd_squared(kernel: str, x: torch.Tensor, y: torch.Tensor, bandwidth: torch.Tensor) -> torch.Tensor:
    """The unbiased estimate of MMD^2 between the laws of x [n, d] and y [m, d], 0-d."""
    return mmd_squared_unbiased(x, y, kernel_of(kernel, bandwidth))


def kernel_of(name: str, bandwidth: torch.Tensor) -> Kernel:
    """The kernel by name, as a function of squared distances."""
    scales = {"gaussian": (1,), "rbf": (1, 2, 4, 8, 16)}.get(name)
    if scales is not None:
        return gaussian(torch.stack([2 * (scale * bandwidth) ** 2 for scale in scales]))
    if name == "energy":
        return lambda squared: negative_distance(squared) / bandwidth
    quadratic = rational_quadratic((0.1, 1.0, 10.0), bandwidth)
    if name == "rational_quadratic":
        return quadratic
    # MMD^2 and the witness's slope are those of the inner product: <x, y> and -||x - y||^2 / 2 differ by terms of one
    # point each, which cancel.
    return lambda squared: quadratic(squared) - squared / (2 * bandwidth**2)
