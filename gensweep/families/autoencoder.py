"""The plain auto-encoder, sampled through a density fitted to its codes."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.families._mixture import fit_mixture
from gensweep.families.base import Family, Fitted, Game, Player, Setting, decoding
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise

_CODED_AT_ONCE = 1000


class Autoencoder(Family):
    """An encoder and a decoder trained to reconstruct: loss = E ||x - g(f(x))||^2, summed over dimensions.

    It is not a generative model: nothing ties its codes to a prior, and decoding N(0, I) means nothing. To be compared,
    it is sampled after training, from a density that is fitted to the codes of the training split before each
    evaluation, and every sample is the decoding of a draw from it. The affine auto-encoder is principal component
    analysis, whose loss at the optimum is the sum of the variances that the codes leave out.

    Fields:
        samples: the density on the codes; `mixture` of Gaussians with full covariances, by expectation maximisation, or
            one `gaussian` with their mean and covariance.
        components: Gaussians in the mixture, >= 1.

    Source: P. Ghosh et al., "From Variational to Deterministic Autoencoders", 2020, arXiv:1903.12436, section 4 (the
    density fitted afterwards, ten components); D. Rumelhart, G. Hinton, R. Williams, 1986 (the auto-encoder).
    Differs: no regulariser of the decoder, which that paper finds to matter little.
    """

    summary: ClassVar[str] = "auto-encoder, sampled through a mixture of Gaussians fitted to its codes"
    paper: ClassVar[str] = "Ghosh et al. 2020, arXiv:1903.12436"

    name: Literal["autoencoder"] = "autoencoder"
    samples: Literal["mixture", "gaussian"] = Field("mixture", description="the density fitted to the codes")
    components: int = Field(10, ge=1, description="Gaussians in the mixture")

    def game(self, setting: Setting) -> Game:
        """One player; the density is fitted, not trained."""

        def decode(nets: Nets, codes: torch.Tensor) -> torch.Tensor:
            return setting.into_bounds(nets["decoder"](codes))

        def loss(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            error = batch - decode(nets, nets["encoder"](batch))
            return Loss(error.square().flatten(1).sum(-1).mean(), {})

        def fit(nets: Nets, data: torch.Tensor) -> Fitted:
            device = next(networks["encoder"].parameters()).device
            codes = torch.cat([nets["encoder"](part.to(device)) for part in torch.split(data, _CODED_AT_ONCE)])
            density = fit_mixture(codes, self.components if self.samples == "mixture" else 1)
            return Fitted(lambda nets, noise: decode(nets, density.sample(noise["latent"], noise["component"])))

        networks = {
            "encoder": setting.network.encoder(setting.shape, setting.latent_size),
            "decoder": setting.network.decoder(setting.latent_size, setting.shape),
        }
        return Game(
            networks,
            (Player("autoencoder", tuple(networks), loss),),
            decoding(decode),
            {"latent": Draw((setting.latent_size,)), "component": Draw((), "uniform")},
            decode=decode,
            reconstruct=lambda nets, x: decode(nets, nets["encoder"](x)),
            encode=lambda nets, x, _noise: nets["encoder"](x),
            fit=fit,
            pads=setting.latent_size,
        )
