"""Autoregressive models: every value from the values before it, with an exact likelihood."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, cast

import torch
from pydantic import Field

from gensweep.families._conditionals import Conditionals, LevelConditionals, MixtureConditionals
from gensweep.families._masked import MADE, GatedPixelCNN
from gensweep.families._smoothing import SmoothingKnob, smoothed
from gensweep.families.base import Family, Game, Likelihood, Player, Setting
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise


class Autoregressive(Family):
    """log p(x) = sum_i log p(x_i | x_1 … x_(i-1)), trained by exact maximum likelihood: loss = -E log p(x), in nats.

    All conditionals of an item are computed at once, by a masked network, so training is parallel; samples are drawn
    value by value, by MADE with a pass for each value, by the PixelCNN, which keeps what its layers have seen, with the
    work of one pass in all. What fits the data is used:
      grey images within bounds: a gated PixelCNN, in order of rows, and a softmax over `levels` grey levels;
      vectors within bounds: MADE, and the same softmax (at 2 levels a Bernoulli);
      unbounded data, laid flat: MADE, and a mixture of Gaussians for each value.

    Grey values are rounded to the nearest of the levels, and samples have these levels only: 2 binarises. The
    likelihood is a density per unit of x of data that are spread over the cells of their own grey levels, each
    (high - low) / (levels - 1) wide: log P(levels) less the log of the cells' volume. Fewer levels than the data's make a
    coarser model of the same data: one stands for all of theirs that round to it, as if these were equally likely. So
    the number of levels cannot raise the likelihood, and it compares with that of other families; but samples are as
    coarse as the model. For continuous data the levels are that many cells of equal width from one bound to the other,
    in each of which the density is constant, and samples lie anywhere within them. There is no latent space:
    `latent_size` and `network` do not count.

    Fields:
        levels: grey levels of bounded data, >= 2 and at most the data's own, if they have any; 2 binarises. null: the
            data's own, and 256 cells for continuous data. Zeros and ones are two levels where they are integers.
        components: Gaussians for each unbounded value, >= 1.
        hidden: widths of MADE's hidden layers. In one that is narrower than an item has numbers, less one, not every
            value is seen by all later ones.
        smoothing: as for `vae`, of unbounded data: on levels there is no density to smooth.
        channels, layers: of the PixelCNN. A layer reaches one pixel further, the first two.

    Source: M. Germain et al., "MADE", 2015, arXiv:1502.03509; A. van den Oord et al., "Conditional Image Generation with
    PixelCNN Decoders", 2016, arXiv:1606.05328, section 2 (gates and stacks) and "Pixel Recurrent Neural Networks", 2016,
    arXiv:1601.06759, section 3.1 (the softmax over 256 levels); C. Bishop, 1994 (the mixture as an output).
    Differs: small enough for a CPU (32 channels and 5 layers instead of 128 and 15); one order instead of many in MADE;
    no colour.
    """

    summary: ClassVar[str] = "MADE or gated PixelCNN: every value from those before it, with an exact likelihood"
    paper: ClassVar[str] = "Germain et al. 2015, arXiv:1502.03509; van den Oord et al. 2016, arXiv:1606.05328"
    ignores: ClassVar[frozenset[str]] = frozenset({"latent_size", "network"})

    name: Literal["autoregressive"] = "autoregressive"
    levels: int | None = Field(None, ge=2, le=65536, description="grey levels of bounded data; null: the data's own")
    components: int = Field(10, ge=1, description="Gaussians for each value of unbounded data")
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field((256, 256), description="hidden layers of MADE")
    channels: int = Field(32, ge=1, description="channels of the PixelCNN")
    layers: int = Field(5, ge=1, description="layers of the PixelCNN")
    smoothing: SmoothingKnob = 0.0

    def misfit(self, shape: tuple[int, ...], bounds: tuple[float, float] | None) -> str | None:
        """Colours would need masks over channels, and levels are not smoothed."""
        if bounds is not None and len(shape) == 3 and shape[0] > 1:
            return f"autoregressive needs grey images, given {shape[0]} channels; use family: flow"
        if self.smoothing and bounds is not None:
            return "smoothing is of densities, and within bounds this model is one of levels; use smoothing: 0, or family: vae"
        return None

    def levels_misfit(self, levels: int) -> str | None:
        """A level that no value has."""
        if not levels or self.levels is None or self.levels <= levels:
            return None
        return f"the data have {levels} grey levels, fewer than {self.levels}. Write levels: null, or {levels} or less"

    def game(self, setting: Setting) -> Game:
        """One player, the conditionals."""
        d = setting.n_dimensions
        uniform = {"uniform": Draw((d,), "uniform")}

        def log_likelihood(nets: Nets, x: torch.Tensor, noise: Noise) -> torch.Tensor:
            log_p: torch.Tensor = nets["conditionals"](x)
            return log_p

        def loss(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
            return Loss(-log_likelihood(nets, batch, noise).mean(), {})

        return Game(
            {"conditionals": self._conditionals(setting)},
            (smoothed(Player("conditionals", ("conditionals",), loss), setting, self.smoothing),),
            lambda nets, noise: cast(Conditionals, nets["conditionals"]).sample(noise),
            uniform if setting.bounds is not None else {**uniform, "normal": Draw((d,))},
            likelihood=Likelihood(log_likelihood, is_exact=True, over_cells=True),
        )

    def _conditionals(self, setting: Setting) -> torch.nn.Module:
        d = setting.n_dimensions
        if setting.bounds is None:
            return MixtureConditionals(MADE(d, self.hidden, 3 * self.components), setting.shape, self.components)
        levels = self.levels or setting.levels or _OF_CONTINUOUS_DATA
        is_image = len(setting.shape) == 3
        network = GatedPixelCNN(self.channels, self.layers, levels) if is_image else MADE(d, self.hidden, levels)
        return LevelConditionals(network, setting.shape, setting.bounds, (levels, setting.levels))


_OF_CONTINUOUS_DATA = 256
