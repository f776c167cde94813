"""The game of a generator against a critic on the data: shared by every family that plays it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import torch

from gensweep.constraints.base import Bounds, Constraint, constrained
from gensweep.families.base import Decoder, Game, Limit, Player, Setting, WarmUp, decoding
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise, Parameters, prefixed, scoped
from gensweep.mathematics.best_critics import BestCritic, Judge

Critic: TypeAlias = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Adversarial:
    """What tells one such family from another.

    `critic_loss(critic, real, fake, knobs)` and `generator_loss(critic, real, fake, knobs)` see the critic, [n, *shape]
    -> [n, critic_outputs], and batches of data and of samples [n, *shape]; both are minimised. The constraint holds
    `witness(critic, real, fake, knobs)`, [n, *shape] -> [n, 1], which is the critic itself unless it has many outputs.
    `constraint_knobs` says where the constraint's knobs are among the family's. `critic_warm_up` moves of the critic come
    before everything, on batches and latents of their own. `scale` brings the critic's output to the
    scale of the `best` one, where that is known. `limits` are those of the game, besides one on the critic's loss.
    """

    critic_loss: Callable[[Critic, torch.Tensor, torch.Tensor, Knobs], Loss]
    generator_loss: Callable[[Critic, torch.Tensor, torch.Tensor, Knobs], torch.Tensor]
    constraint: Constraint
    critic_moves: int
    critic_lr_ratio: float = 1.0
    critic_outputs: int = 1
    witness: Callable[[Critic, torch.Tensor, torch.Tensor, Knobs], Critic] = lambda critic, _real, _fake, _knobs: critic
    constraint_knobs: Callable[[Knobs], Knobs] = lambda knobs: scoped(knobs, "constraint")
    critic_warm_up: int = 0
    best: BestCritic | None = None
    scale: Callable[[torch.Tensor], torch.Tensor] = lambda outputs: outputs
    limits: Mapping[str, Limit] = field(default_factory=dict)

    def game(self, setting: Setting) -> Game:
        """The critic's moves, then one of the generator, with fresh latents for each."""
        latent, decode = Draw((setting.batch_size, setting.latent_size)), generator_of(setting)

        def generator(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            fake = decode(nets, noise["latent"])
            return Loss(self.generator_loss(nets["critic"], batch, fake, knobs), {})

        return Game(
            networks={
                "generator": setting.network.decoder(setting.latent_size, setting.shape),
                "critic": setting.network.encoder(setting.shape, self.critic_outputs),
                **self.constraint.state(),
            },
            players=(self._critic(setting), Player("generator", ("generator",), generator, {"latent": latent})),
            sample=decoding(decode),
            sample_noise={"latent": Draw((setting.latent_size,))},
            decode=decode,
            warm_up=self._warm_up(setting) if self.critic_warm_up else None,
            judge=self._judge() if self.critic_outputs == 1 else None,
            limits={"loss.critic": _EXPLODED, f"loss.{_WARM_UP}": _EXPLODED, **self.limits},
            pads=setting.latent_size,
        )

    def _judge(self) -> Judge:
        # in float64, for T of float32 rounds onto the end of its domain
        return Judge(lambda nets, x: self.scale(nets["critic"](x).cpu().double()).flatten(), self.best)

    def _warm_up(self, setting: Setting) -> WarmUp:
        def player(n: int) -> Player:
            return replace(self._critic(replace(setting, batch_size=n)), name=_WARM_UP, moves=1)

        return WarmUp(player, self.critic_warm_up, setting.batch_size)

    def _critic(self, setting: Setting) -> Player:
        def constrain(parameters: Parameters, parts: Noise, knobs: Knobs) -> Parameters:
            return self.constraint.after_move(parameters, parts, self.constraint_knobs(knobs))

        extra = self.constraint.noise(setting.shape, setting.batch_size)
        return Player(
            "critic",
            ("critic",),
            self._loss(setting),
            {"latent": Draw((setting.batch_size, setting.latent_size)), **prefixed("constraint", extra)},
            moves=self.critic_moves,
            lr_ratio=self.critic_lr_ratio,
            after_move=constrain,
            corrects=("critic", *self.constraint.state()),
        )

    def _loss(self, setting: Setting) -> Callable[[Nets, torch.Tensor, Noise, Knobs], Loss]:
        decode = generator_of(setting)

        def critic(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            fake = decode(nets, noise["latent"]).detach()
            loss = self.critic_loss(nets["critic"], batch, fake, knobs)
            held = {**nets, "critic": self.witness(nets["critic"], batch, fake, knobs)}
            penalty = self.constraint.penalty(
                batch, fake, held, scoped(noise, "constraint"), self.constraint_knobs(knobs)
            )
            return constrained(loss, penalty)

        return critic


_WARM_UP = "critic_warm_up"
_EXPLODED = Limit(1e10, "the critic has exploded. Lower the learning rate, or bound the critic more tightly")


def generator_of(setting: Setting) -> Decoder:
    """Latents [n, latent_size] to samples [n, *shape] in the range of the data, by the network `generator`."""
    return lambda nets, latent: setting.into_bounds(nets["generator"](latent))


EQUALITY = (
    "constraint {name} holds a norm of the critic at 1, while the best critic of this family goes flat as the fit "
    "improves. Use family: wgan with it, or give another constraint"
)


def misfit_of(constraint: Constraint, *, needs_bound: bool, allows_equality: bool) -> str | None:
    """Why a family's critic cannot be held by `constraint`; None where it can."""
    if needs_bound and (reason := constraint.unbounded()):
        return reason
    if constraint.bounds is Bounds.NORM and not allows_equality:
        return EQUALITY.format(name=constraint.name)
    return None
