"""A generator trained by a divergence between a batch of samples and a batch of data, without an encoder."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch

from gensweep.component import Member
from gensweep.divergences.base import Divergence
from gensweep.divergences.sinkhorn import Sinkhorn
from gensweep.families._adversarial import generator_of
from gensweep.families._divergence_critic import critic_of
from gensweep.families.base import Family, Game, Player, Setting, decoding
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise, PopulationObjective, prefixed, scoped


class SinkhornGenerator(Family):
    """loss = D(g(Z), X) for a batch of samples g(z_i), z_i ~ N(0, I), and a batch of data, both laid flat.

    Fields:
        divergence: D, on the space of the data. sinkhorn is the paper's; mmd makes a generative moment matching network
            (arXiv:1502.02761); sliced_wasserstein and exact_transport are computed from the samples as well; one that
            learns a critic (jensen_shannon, wasserstein_dual, …) adds it as a second player. Lengths such as `blur` are in
            units of the data.

    A batch stands for the whole law, so the model is the best one in the mean over batches: with a divergence that is
    not zero between two batches of one law it is narrower than the data.

    Source: A. Genevay, G. Peyré, M. Cuturi, "Learning Generative Models with Sinkhorn Divergences", 2018,
    arXiv:1706.00292, Algorithm 1.
    Differs: the cost is the squared distance between the items, not between learned features of them.
    """

    summary: ClassVar[str] = "generator trained by a divergence between batches, by default Sinkhorn's"
    paper: ClassVar[str] = "Genevay et al. 2018, arXiv:1706.00292"

    name: Literal["sinkhorn_generator"] = "sinkhorn_generator"
    divergence: Annotated[Divergence, Member("divergences")] = Sinkhorn()

    def population_objective(self) -> PopulationObjective | None:
        """That of its divergence."""
        return self.divergence.population_objective()

    def game(self, setting: Setting) -> Game:
        """The generator, and the divergence's critic where it has one."""
        n, d = setting.batch_size, setting.n_dimensions
        draws = {"latent": Draw((n, setting.latent_size)), **prefixed("divergence", self.divergence.noise(n, d))}
        decode = generator_of(setting)

        def generator(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            x, y = samples(nets, batch, noise)
            own = scoped(noise, "divergence"), scoped(knobs, "divergence")
            found = self.divergence.measured(x, y, nets, *own)
            return Loss(found.total, prefixed("divergence", found.parts))

        def samples(nets: Nets, batch: torch.Tensor, noise: Noise) -> tuple[torch.Tensor, torch.Tensor]:
            return decode(nets, noise["latent"]).flatten(1), batch.flatten(1)

        critics, learners = critic_of(self.divergence, d, samples, draws)
        return Game(
            {"generator": setting.network.decoder(setting.latent_size, setting.shape), **critics},
            (*learners, Player("generator", ("generator",), generator, draws)),
            decoding(decode),
            {"latent": Draw((setting.latent_size,))},
            decode=decode,
            judge=self.divergence.judge(),
            notes=prefixed("generator.divergence", self.divergence.notes()),
            pads=setting.latent_size,
        )
