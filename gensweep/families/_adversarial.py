"""The game of a generator against a critic on the data: shared by every family that plays it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from gensweep.constraints.base import Constraint
from gensweep.divergences.base import Draw, Knobs, Nets, Noise, scoped
from gensweep.families.base import Game, Loss, Parameters, Player, Setting


@dataclass(frozen=True)
class Adversarial:
    """What tells one such family from another.

    `critic_loss(real, fake)` and `generator_loss(fake)` see the critic's raw outputs, [batch, 1]; both are minimised.
    """

    critic_loss: Callable[[torch.Tensor, torch.Tensor], Loss]
    generator_loss: Callable[[torch.Tensor], torch.Tensor]
    constraint: Constraint
    critic_moves: int
    critic_lr_ratio: float = 1.0

    def game(self, setting: Setting) -> Game:
        """The critic's moves, then one of the generator, with fresh latents for each."""

        def generate(nets: Nets, latent: torch.Tensor) -> torch.Tensor:
            return setting.into_bounds(nets["generator"](latent))

        def critic(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            fake = generate(nets, noise["latent"]).detach()
            loss = self.critic_loss(nets["critic"](batch), nets["critic"](fake))
            penalty = self.constraint.penalty(
                batch, fake, nets, scoped(noise, "constraint"), scoped(knobs, "constraint")
            )
            return Loss(loss.total + penalty, loss.parts | {"penalty": penalty})

        def generator(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            return Loss(self.generator_loss(nets["critic"](generate(nets, noise["latent"]))), {})

        def constrain(parameters: Parameters, _parts: Noise, knobs: Knobs) -> Parameters:
            return self.constraint.after_move(parameters, scoped(knobs, "constraint"))

        latent = Draw((setting.batch_size, setting.latent_size))
        extra = self.constraint.noise(setting.shape, setting.batch_size)
        return Game(
            networks={
                "generator": setting.network.decoder(setting.latent_size, setting.shape),
                "critic": setting.network.encoder(setting.shape, 1),
            },
            players=(
                Player(
                    "critic",
                    ("critic",),
                    critic,
                    {"latent": latent, **prefixed("constraint", extra)},
                    moves=self.critic_moves,
                    lr_ratio=self.critic_lr_ratio,
                    after_move=constrain,
                ),
                Player("generator", ("generator",), generator, {"latent": latent}),
            ),
            sample=lambda nets, noise: generate(nets, noise["latent"]),
            sample_noise={"latent": Draw((setting.latent_size,))},
        )


def prefixed(prefix: str, draws: dict[str, Draw]) -> dict[str, Draw]:
    """The draws of a part under the family's own names, the inverse of `scoped`."""
    return {f"{prefix}.{name}": draw for name, draw in draws.items()}
