"""A trained model in use: samples, codes, decodings, reconstructions and likelihoods, as arrays of NumPy in and out."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from gensweep import pictures
from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.errors import ConfigError
from gensweep.families.base import LATENT, Game
from gensweep.models import checkpoint as saved
from gensweep.models.arguments import Array, array_of, device_of, need_count, need_seed, tensor_of
from gensweep.models.naming import Named, named, others
from gensweep.text import listed, printable
from gensweep.trial import TrainedModel

BLOCK = 1000
_PICTURED = 16
_AT_ONCE = 100  # always as many: what a product of matrices rounds to depends on how many rows it has
_STREAM = "use"  # of random numbers, apart from those by which a trial was trained and scored
_SLACK = 1e-4  # of the range, by which rounding may carry a value across a bound


class LogLikelihood(NamedTuple):
    """log p(x) of each item in nats, [n], a density per unit of x; and whether it is that, or a lower bound of it."""

    nats: NDArray[np.float64]
    kind: Literal["exact", "lower bound"]


@dataclass(frozen=True, eq=False)
class GenerativeModel:
    """The model of one trial's checkpoint.

    Items are float32 [n, *shape] in the range of the data that it was trained on, at the scale to which these were brought.
    The same seed gives the same items, whatever else is asked for, on the same kind of device.

    `trained` is the model as metrics see it, `configuration` the trial's, `scores` what it had when it was saved, and
    `protocol` how they were taken. `named` says which trial it is, and `name` how to name it again.
    """

    named: Named
    trained: TrainedModel
    configuration: Mapping[str, Any]
    scores: Mapping[str, float]
    protocol: Mapping[str, Any]

    @property
    def name(self) -> str:
        """How to name it again."""
        return self.named.name

    @property
    def game(self) -> Game:
        """Its networks, and what its family makes of them."""
        return self.trained.game

    @property
    def family(self) -> str:
        """The name of its family."""
        return str(self.configuration["family"]["name"])

    @property
    def dataset(self) -> Dataset:
        """What it was trained on."""
        return self.trained.dataset

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one item."""
        return self.dataset.shape

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The range of every value; None where it has none."""
        return self.dataset.bounds

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.trained.device

    @property
    def checkpoint(self) -> Path:
        """The folder that it was loaded from."""
        return self.named.checkpoint.path

    @property
    def latent_size(self) -> int | None:
        """The length of a code; None where the family has no latent space."""
        return None if self.game.decode is None else self.game.sample_noise[LATENT].shape[0]

    @property
    def encodes(self) -> bool:
        """Whether its family has an encoder."""
        return self.game.encode is not None

    def sample(self, n: int, seed: int = 0, block: int = BLOCK) -> Array:
        """The first n samples of the sequence of this seed, [n, *shape].

        Raises:
            ConfigError: n or block is no count, or seed no whole number.
        """
        blocks = self.sample_blocks(n, seed, block)
        items, filled = np.empty((n, *self.shape), np.float32), 0
        for part in blocks:
            items[filled : filled + len(part)] = part
            filled += len(part)
        return items

    def sample_blocks(self, n: int, seed: int = 0, block: int = BLOCK) -> Iterator[Array]:
        """The same samples in blocks of at most `block`, each [k, *shape], so that any number of them takes little memory."""
        need_count("n", n)
        need_count("block", block)
        need_seed(seed)
        return self._blocks(n, seed, block)

    def _blocks(self, n: int, seed: int, block: int) -> Iterator[Array]:
        waiting, done = list[Array](), 0
        for number in range(-(-n // _AT_ONCE)):
            noise = self.trained.draws(self.game.sample_noise, _STREAM, number, _AT_ONCE, seed)
            waiting.append(array_of(self.trained.drawn(noise)))
            while (ready := sum(map(len, waiting))) >= (due := min(block, n - done)) > 0:
                whole = np.concatenate(waiting)
                yield whole[:due]
                waiting, done = [whole[due:]] if ready > due else [], done + due

    def latents(self, n: int, seed: int = 0) -> Array:
        """Codes [n, latent_size] of the samples of this seed: draws of the prior, and where none is fixed codes of samples.

        Raises:
            ConfigError: the family has no latent space.
        """
        self.need_latents()
        need_count("n", n)
        need_seed(seed)
        if self.game.fit is not None:
            return self.encode(self.sample(n, seed), seed)
        law, wanted = self.game.prior, self.game.sample_noise
        wanted = wanted if law else {LATENT: wanted[LATENT]}
        drawn = (self.trained.draws(wanted, _STREAM, k, _AT_ONCE, seed) for k in range(-(-n // _AT_ONCE)))
        return array_of(torch.cat([law(noise) if law else noise[LATENT] for noise in drawn])[:n])

    def encode(self, x: ArrayLike, seed: int = 0) -> Array:
        """A code for each of the items x [n, *shape], [n, latent_size]: a draw where the encoder is stochastic.

        Raises:
            ConfigError: the family has no encoder; the message names those of the sweep that have one. Or x are no items.
        """
        self.need_encoder()
        items = self._items(x)
        need_seed(seed)
        return array_of(cast(torch.Tensor, self.trained.codes(items, seed)))

    def decode(self, z: ArrayLike) -> Array:
        """Codes z [n, latent_size] as items [n, *shape]: the mean of the decoder, without noise of the observation.

        Raises:
            ConfigError: the family has no latent space, or z are no codes.
        """
        self.need_latents()
        codes = tensor_of("codes", z)
        if codes.ndim != 2 or codes.shape[1] != self.latent_size:
            raise ConfigError(f"codes of shape {list(codes.shape)}; {self.name} decodes [n, {self.latent_size}].")
        return array_of(cast(torch.Tensor, self.trained.decodings(codes)))

    def reconstruct(self, x: ArrayLike) -> Array:
        """The items x [n, *shape] encoded and decoded, through the mean where the encoder is stochastic.

        Raises:
            ConfigError: as for `encode`.
        """
        self.need_encoder()
        return array_of(cast(torch.Tensor, self.trained.reconstructions(self._items(x))))

    def log_likelihood(self, x: ArrayLike, seed: int = 0) -> LogLikelihood:
        """log p(x) of the items x [n, *shape]: exact, or a lower bound. `seed` is of what a bound draws.

        Raises:
            ConfigError: the family has no likelihood, or x are no items.
        """
        items = self._items(x)
        need_seed(seed)
        answer = self.trained.log_likelihood(items, seed)
        self._need(answer is not None, "likelihood", lambda game: game.likelihood is not None)
        values, is_exact = cast(tuple[torch.Tensor, bool], answer)
        return LogLikelihood(values.detach().cpu().double().numpy(), "exact" if is_exact else "lower bound")

    def items(self, split: SplitName, n: int | None = None) -> Array:
        """The first n items of a split of the data that it was trained on, or all.

        Raises:
            ConfigError: the data are not here.
        """
        return array_of(load(self.dataset).split(split)[:n])

    def _repr_html_(self) -> str:
        """What it is, and a picture of its first samples."""
        n = _PICTURED if len(self.shape) == 3 else BLOCK
        picture = pictures.png(pictures.enlarged(torch.from_numpy(self.sample(n))), self.bounds)
        drawn = (
            f'<img alt="samples" src="data:image/png;base64,{base64.b64encode(picture).decode()}">' if picture else ""
        )
        return f"<p>{html.escape(printable(f'{self.name}: {self.family} of {self.dataset.name}, {list(self.shape)}'))}</p>{drawn}"

    def need_encoder(self) -> None:
        """Raise ConfigError where its family has no encoder, with what has one in its sweep."""
        self._need(self.encodes, "encoder", lambda game: game.encode is not None)

    def need_latents(self) -> None:
        """Raise ConfigError where its family has no latent space, with what has one in its sweep."""
        self._need(self.game.decode is not None, "latent space", lambda game: game.decode is not None)

    def _items(self, x: ArrayLike) -> torch.Tensor:
        items = tensor_of("items", x)
        if tuple(items.shape[1:]) != self.shape or items.ndim != len(self.shape) + 1:
            raise ConfigError(f"items of shape {list(items.shape)}; {self.name} takes {self._wanted()}.")
        if self.bounds is not None and len(items):
            low, high = self.bounds
            slack = _SLACK * (high - low)
            if not low - slack <= float(items.min()) <= float(items.max()) <= high + slack:
                raise ConfigError(
                    f"items with values from {float(items.min()):g} to {float(items.max()):g}; {self.name} was trained on "
                    f"values in [{low:g}, {high:g}]. Bring them into this range first."
                )
            items = items.clamp(low, high)
        return items

    def _wanted(self) -> str:
        return f"[n, {', '.join(map(str, self.shape))}]"

    def _need(self, has: bool, what: str, can: Callable[[Game], bool]) -> None:
        if has:
            return
        found = others(self.named, can)
        where = f"Of its sweep {listed(found)} {'has' if len(found) == 1 else 'have'} one." if found else (
            "No arm of its sweep has one." if self.named.sweep else "gensweep list families tells of others."
        )  # fmt: skip
        raise ConfigError(f"{self.name}: {self.family} has no {what}. {where}")


def load_model(
    what: str | Path, runs: str | Path = "runs", device: str = "cpu", *, latest: bool = False
) -> GenerativeModel:
    """The model that `what` names: a sweep (its winner), NAME/NUMBER, NAME/ARM, a trial's or a checkpoint's folder.

    Raises:
        ConfigError: there is no such thing, or no such device.
        NoUsableTrial: a sweep or arm has no score.
        DamagedSweep: what is there cannot be trusted.
    """
    return of_named(named(str(what), Path(runs), latest=latest), device)


def of_named(found: Named, device: str = "cpu") -> GenerativeModel:
    """The model of a trial that was found by its name."""
    place = device_of(device)
    restored = saved.restored(found.trial, found.checkpoint, place)
    return GenerativeModel(
        found, restored.trained, restored.configuration.dump(), restored.scores, saved.protocols_of(found.trial)
    )
