"""How images are made into what a feature network takes: range, channels, size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch

from gensweep.errors import ConfigError

_ROUNDING = 1e-4  # of the range's width: a sigmoid times 255 may round a little past it
Range = tuple[float, float]


@dataclass(frozen=True)
class Preparation:
    """The default leaves images as they are.

    `given` is the data's range and `wanted` the network's, onto which it is mapped linearly; without `wanted` values
    are neither mapped nor checked. `rounded`: to whole numbers, as files of 8 bits hold them. `channels`: 1 and 3 may
    be tiled from 1. `size`: height and width after resizing, in `resize` mode with align_corners false.
    """

    given: Range | None = None
    wanted: Range | None = None
    rounded: bool = False
    channels: int | None = None
    size: int | None = None
    resize: Literal["bilinear", "bicubic", "nearest"] = "bilinear"
    antialias: bool = False
    inside: str = ""  # what the network itself does to the size

    def __call__(self, images: torch.Tensor, name: str) -> torch.Tensor:
        """Images [n, *shape] as the network's input.

        Raises:
            ConfigError: a value outside the range, or channels that cannot be had.
        """
        if self.wanted is not None:
            images = self._mapped(images, name)
        if self.channels is not None and images.shape[1] != self.channels:
            if images.shape[1] != 1:
                raise ConfigError(
                    f"extractor {name} takes images of {self.channels} channels, these have {images.shape[1]}. Only "
                    "grey images are tiled."
                )
            images = images.expand(-1, self.channels, -1, -1)
        if self.size is not None and tuple(images.shape[2:]) != (self.size, self.size):
            smooth = {} if self.resize == "nearest" else {"align_corners": False, "antialias": self.antialias}
            images = torch.nn.functional.interpolate(images, (self.size, self.size), mode=self.resize, **smooth)
        return images

    def _mapped(self, images: torch.Tensor, name: str) -> torch.Tensor:
        given, wanted = self.given or self.wanted, self.wanted
        assert given is not None
        assert wanted is not None
        low, high = given
        least, most = float(images.min()), float(images.max())
        slack = _ROUNDING * (high - low)
        if not (low - slack <= least and most <= high + slack):
            raise ConfigError(
                f"extractor {name}: images are declared to lie in [{low:g}, {high:g}] and these reach from {least:g} to "
                f"{most:g}. Scale them, or clip them where they are made; scores of other values would mean nothing."
            )
        unit = ((images - low) / (high - low)).clamp(0, 1)
        mapped = wanted[0] + (wanted[1] - wanted[0]) * unit
        return mapped.round() if self.rounded else mapped

    @property
    def described(self) -> dict[str, Any]:
        """For the protocol."""
        smooth = f"{self.resize} to {self.size} × {self.size}, antialias {'on' if self.antialias else 'off'}"
        return {
            "resize": self.inside or (smooth if self.size else "none"),
            "input": [*self.wanted, "rounded" if self.rounded else "exact"] if self.wanted else "the data's values",
            "channels": self.channels or "the data's",
        }
