"""What every family hands to the one trainer: a game, which is networks and the players that train them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, TypeAlias

import torch

from gensweep.component import Component
from gensweep.constraints.base import Constraint
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise, Parameters, PopulationObjective
from gensweep.mathematics.best_critics import Judge
from gensweep.networks.base import Network


@dataclass(frozen=True)
class Setting:
    """What a family is fitted to: the same for every family of a comparison."""

    shape: tuple[int, ...]
    bounds: tuple[float, float] | None
    latent_size: int
    batch_size: int
    network: Network
    labels: Callable[[], torch.Tensor | None] | None = None
    """Reads the class of each training item, [n], for baselines that need it; None where the data have no classes."""
    levels: int = 0
    """How many values there are from one bound to the other, evenly spaced, each number being one; 0: continuous."""

    @property
    def n_dimensions(self) -> int:
        """How many numbers an item is."""
        return math.prod(self.shape)

    def cut(self, x: torch.Tensor) -> torch.Tensor:
        """x with every value outside the bounds moved onto them."""
        return x if self.bounds is None else x.clamp(*self.bounds)

    def into_bounds(self, outputs: torch.Tensor) -> torch.Tensor:
        """A decoder's raw outputs as data: through a sigmoid onto the bounds, or as they are where there are none."""
        if self.bounds is None:
            return outputs
        low, high = self.bounds
        shares = torch.sigmoid(outputs)
        return shares if (low, high) == (0, 1) else low + (high - low) * shares  # the same numbers, for less


LossFunction: TypeAlias = Callable[[Nets, torch.Tensor, Noise, Knobs], Loss]
AfterMove: TypeAlias = Callable[[Parameters, Mapping[str, torch.Tensor], Knobs], Parameters]


@dataclass(frozen=True)
class Player:
    """One optimiser with its loss.

    `loss(nets, batch, noise, knobs)` is pure. `after_move(parameters, parts, knobs)` gives the parameters of the
    networks in `corrects` (by default those that it trains) as they shall be after a move, named `network.parameter`,
    from the parts of the loss of that move: a clip, a multiplier's update.
    """

    name: str
    trains: tuple[str, ...]
    loss: LossFunction
    noise: Mapping[str, Draw] = field(default_factory=dict)
    moves: int = 1
    lr_ratio: float = 1.0
    after_move: AfterMove | None = None
    corrects: tuple[str, ...] = ()


@dataclass(frozen=True)
class WarmUp:
    """What is played before round 0: `rounds` rounds of one player with an optimiser of its own.

    `player(n)` is that player for batches of n items; n is `batch_size`, or all items of the training split where it has
    fewer. Data order and noise come from streams of their own, so that those of the rounds do not change.
    """

    player: Callable[[int], Player]
    rounds: int
    batch_size: int


class Limit(NamedTuple):
    """The largest size of a logged part of a loss, and what it means where the part is beyond it: the trial diverged."""

    largest: float
    meaning: str


Sampler: TypeAlias = Callable[[Nets, Noise], torch.Tensor]
Decoder: TypeAlias = Callable[[Nets, torch.Tensor], torch.Tensor]
Law: TypeAlias = Callable[[Noise], torch.Tensor]
Conditional: TypeAlias = Callable[[Nets, torch.Tensor, torch.Tensor], torch.Tensor]
LATENT = "latent"  # among the draws of a sample, the code that is decoded; and of a sampler without one, nothing is


def decoding(decode: Decoder, prior: Law | None = None) -> Sampler:
    """The sampler of decoded draws of the prior, by default the draw `latent` itself, where nothing else is drawn."""
    return lambda nets, noise: decode(nets, noise[LATENT] if prior is None else prior(noise))


@dataclass(frozen=True)
class Likelihood:
    """log p(x) of items x [n, *shape], in nats, [n]: exact, or a lower bound from the draws that `noise` asks for.

    `over_cells`: of data on a grid it is the mean of the density over the cell of each item, P(cell) / volume. Where it
    is not, p is a density at points, and whoever asks spreads the items over their cells first: a density at the points
    of a grid has no ceiling, as a model that puts its mass on them shows, and compares with no other.
    """

    evaluate: Callable[[Nets, torch.Tensor, Noise], torch.Tensor]
    is_exact: bool
    over_cells: bool = False
    noise: Mapping[str, Draw] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitted:
    """What a fit to the training split gives: how to sample, and the likelihood where there is one."""

    sample: Sampler
    likelihood: Likelihood | None = None


@dataclass(frozen=True)
class Game:
    """A family on one setting: what is trained, by whom, in which order, and how to sample from it.

    A round is every player in order, each with its `moves`; the k-th move of every player in a round sees the same
    batch of data. `sample(nets, noise)` maps the draws that `sample_noise` asks for, each [n, *its shape], to samples
    [n, *shape]; item i depends on row i of the noise alone.

    `decode(nets, z)` maps codes z [n, k], k being the length of the draw `latent` of a sample, to items [n, *shape]: the
    mean of a decoder that is stochastic, without noise of the observation. Where `latent` is all that a sample is drawn
    from, nothing is fitted and there is no `prior`, the sample is its decoding. None where nothing is latent.

    `prior(noise)` maps the draws of a sample to the codes [n, k] that are decoded, where these are not the draw `latent`
    itself: codes are held to another law than N(0, I). None where they are that draw.

    `encode(nets, x, noise)` maps items x [n, *shape] to codes [n, latent_size]: draws from q(z|x), by what `encode_noise`
    asks for, each [n, *its shape]; a deterministic encoder asks for nothing. `reconstruct(nets, x)` decodes the code of
    x, and where the encoder is stochastic the mean of q(z|x).

    `conditional(nets, x, z)` gives log p(x_i | z_j) in nats, [m, k], of items x [m, *shape] at codes z [k, latent_size] of the
    prior, a density per unit of x. None where the decoder has none.

    `fit(nets, data)` is for what is computed and not trained: a mixture over the codes, a memory of the data. It is
    called with the training split before each evaluation, and what it returns is used instead of `sample` and
    `likelihood`. A game without players is fitted only, and evaluated once, at the end.

    `warm_up` is played before the first round of all, and not again where a training goes on.

    `notes` says what it means for the reader of a trial's record where a part, as it is logged, is above 0 in the mean
    over an epoch.

    `judge` is the critic that tells samples from data, as a function of items; None where none does, or where what it
    says of one item depends on the others of its batch.

    `limits` says of which parts, as they are logged (`player.part`), a value may be finite and still be the end of a
    training.

    `pads` is the latent size where codes may have further dimensions that are always 0 and change no number of a training:
    trials of several latent sizes then train as the rows of one stack, whose knobs name each one's `latent_size`. 0: none
    may.
    """

    networks: Mapping[str, torch.nn.Module]
    players: tuple[Player, ...]
    sample: Sampler
    sample_noise: Mapping[str, Draw]
    decode: Decoder | None = None
    prior: Law | None = None
    reconstruct: Callable[[Nets, torch.Tensor], torch.Tensor] | None = None
    encode: Callable[[Nets, torch.Tensor, Noise], torch.Tensor] | None = None
    encode_noise: Mapping[str, Draw] = field(default_factory=dict)
    likelihood: Likelihood | None = None
    conditional: Conditional | None = None
    fit: Callable[[Nets, torch.Tensor], Fitted] | None = None
    warm_up: WarmUp | None = None
    judge: Judge | None = None
    limits: Mapping[str, Limit] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    pads: int = 0

    @property
    def batches_per_round(self) -> int:
        """How many batches of data one round uses."""
        return max((player.moves for player in self.players), default=1)

    def items(self, rounds: int, batch_size: int, n_items: int) -> int:
        """How many items of data so many rounds see, what is played before them too; none where nothing is trained.

        Args:
            rounds: that were played.
            batch_size: of every move.
            n_items: of the training split.
        """
        if not self.players or not rounds:
            return 0
        before = self.warm_up.rounds * min(self.warm_up.batch_size, n_items) if self.warm_up else 0
        return before + rounds * self.batches_per_round * batch_size


class Family(Component, ABC):
    """A way to fit a model distribution to data. Its fields' defaults are its paper's."""

    kind: ClassVar[str] = "families"
    summary: ClassVar[str]
    paper: ClassVar[str]
    default_optimizer: ClassVar[Mapping[str, Any]] = {"name": "adam", "lr": 1e-3}
    keeps_items: ClassVar[bool] = False
    """Whether a trained model holds items of the training split as they are, so that who has it has them."""
    ignores: ClassVar[frozenset[str]] = frozenset()
    """Paths of a trial's configuration that change no number of this family's: `latent_size` where nothing is latent."""

    @abstractmethod
    def game(self, setting: Setting) -> Game:
        """The game of this family on `setting`. Networks are initialised from torch's global generator."""

    def misfit(self, shape: tuple[int, ...], bounds: tuple[float, float] | None) -> str | None:
        """Why this family cannot model data of this shape and range; None where it can."""
        return None

    @classmethod
    def optimizer_for(cls, node: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG003
        """The optimiser where a trial names none. `node` is the family's in the configuration: variants have their own."""
        return cls.default_optimizer

    def levels_misfit(self, levels: int) -> str | None:
        """Why the field `levels` of a family that has one does not go with data of `levels`; None where it does."""
        return None

    def critic_misfit(self, network: Network) -> str | None:
        """Why the field `constraint` of a family that has one cannot hold the critic that `network` makes; None where it can."""
        constraint = getattr(self, "constraint", None)
        if not (isinstance(constraint, Constraint) and constraint.needs_plain_layers and network.normalises):
            return None
        return (
            f"{constraint.name} bounds a critic by its weight matrices, and layers that normalise undo that. "
            "Write network.norm: none, or give another constraint"
        )

    def population_objective(self) -> PopulationObjective | None:
        """What the family minimises in the population; None where that has no name of its own."""
        return None
