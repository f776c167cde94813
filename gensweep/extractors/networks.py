"""The networks that extractors are: convolutions or a perceptron that learnt labels, principal components, random features."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch

_WIDTHS = (16, 32, 64)
_HIDDEN = 256
_LEFT = 4  # pixels a side that convolutions leave, at most
_NEGLIGIBLE = 1e-2  # of the deviation along the first component


class FeatureNetwork(torch.nn.Module, ABC):
    """Items [n, *shape] -> features [n, n_features], each standardised by its mean and deviation on the training split.

    `centre` and `scale` hold those, so that all features count alike.
    """

    centre: torch.Tensor
    scale: torch.Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    @abstractmethod
    def raw(self, items: torch.Tensor) -> torch.Tensor:
        """Items [n, *shape] -> features [n, n_features] before they are standardised."""

    def forward(self, items: torch.Tensor) -> torch.Tensor:
        """Items [n, *shape] -> standardised features [n, n_features]."""
        return (self.raw(items) - self.centre) / self.scale

    @torch.no_grad()
    def standardise(self, features: torch.Tensor) -> None:
        """Take the mean and the deviation of raw features [n, n_features]; one that is constant stays at 0."""
        deviation = features.std(0)
        self.centre.copy_(features.mean(0))
        self.scale.copy_(torch.where(deviation > 0, deviation, 1.0))


class Classifier(FeatureNetwork, ABC):
    """A network that learns labels: the classifier sees its features through a GELU, and is left out of what is stored."""

    classes: torch.nn.Linear

    def logits(self, items: torch.Tensor) -> torch.Tensor:
        """Items [n, *shape] -> class scores [n, n_classes]."""
        return self.classes(torch.nn.functional.gelu(self.raw(items)))  # type: ignore[no-any-return]


class SmallCNN(Classifier):
    """Three 3 × 3 convolutions, a linear layer whose standardised output is the features, and a classifier.

    GELU has no dead units, unlike ReLU, and the features are taken before it: all of them vary. GroupNorm bounds what
    the linear layer sees: without it, pixels a little outside [0, 1] gave distances far above those of pure noise.
    Images above 32 pixels have more convolutions, so that 4 × 4 pixels or less are left of them.
    """

    def __init__(self, shape: tuple[int, ...], n_features: int, n_classes: int = 10) -> None:
        super().__init__(n_features)
        n_in, height, width = shape
        layers: list[torch.nn.Module] = []
        # 8 × 8 is halved twice and 28 × 28 three times: 2 × 2 and 4 × 4 are left.
        halvings = math.ceil(math.log2(max(height, width) / _LEFT))
        for number in range(max(len(_WIDTHS), halvings)):
            n_out = _WIDTHS[min(number, len(_WIDTHS) - 1)]
            stride = 1 if number == 0 and height <= 8 else 2
            convolution = torch.nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1)
            layers += [convolution, torch.nn.GroupNorm(1, n_out), torch.nn.GELU()]
            n_in = n_out
        self.body = torch.nn.Sequential(*layers, torch.nn.Flatten())
        with torch.no_grad():
            n_flat = self.body(torch.zeros(1, *shape)).shape[1]
        self.features = torch.nn.Linear(n_flat, n_features)
        self.classes = torch.nn.Linear(n_features, n_classes)

    def raw(self, items: torch.Tensor) -> torch.Tensor:
        """Images [n, *shape] in [0, 1] -> features [n, n_features]."""
        return self.features(self.body(items))  # type: ignore[no-any-return]


class SmallMLP(Classifier):
    """One hidden layer for vectors, whose columns are standardised first; features and classifier as in SmallCNN."""

    shift: torch.Tensor
    width: torch.Tensor

    def __init__(self, items: torch.Tensor, n_features: int, n_classes: int) -> None:
        super().__init__(n_features)
        for name, value in zip(("shift", "width"), _columns(items), strict=True):
            self.register_buffer(name, value)
        self.body = torch.nn.Sequential(
            torch.nn.Linear(items.shape[1], _HIDDEN), torch.nn.LayerNorm(_HIDDEN), torch.nn.GELU()
        )
        self.features = torch.nn.Linear(_HIDDEN, n_features)
        self.classes = torch.nn.Linear(n_features, n_classes)

    def raw(self, items: torch.Tensor) -> torch.Tensor:
        """Vectors [n, d] -> features [n, n_features]."""
        return self.features(self.body((items - self.shift) / self.width))  # type: ignore[no-any-return]


class PrincipalComponents(FeatureNetwork):
    """The projections on the first principal components of some items: standardised, they are whitened.

    The columns of vectors are standardised first, for they may have units of their own. Components along which the
    deviation is below a hundredth of the first's are left out, so that there may be fewer than were asked for: whitening
    would make what happens to one item in a thousand as loud as all the rest.

    Source: N. Halko, P.-G. Martinsson, J. Tropp, "Finding structure with randomness", 2011, arXiv:0909.4061.
    """

    shift: torch.Tensor
    width: torch.Tensor
    components: torch.Tensor

    def __init__(self, items: torch.Tensor, n_features: int) -> None:
        shift, deviation = _columns(items.flatten(1))
        width = deviation if items.dim() == 2 else torch.ones_like(deviation)
        flat = (items.flatten(1).double() - shift) / width
        n_sought = min(2 * n_features + 10, *flat.shape)
        _, deviations, found = torch.pca_lowrank(flat, n_sought, center=False, niter=7)
        kept = found[:, :n_features][:, deviations[:n_features] > _NEGLIGIBLE * deviations[0]]
        signs = kept.gather(0, kept.abs().argmax(0, keepdim=True)).sign()  # either sign is one; take one
        super().__init__(kept.shape[1])
        self.register_buffer("shift", shift)
        self.register_buffer("width", width)
        self.register_buffer("components", (kept * signs).float())

    def raw(self, items: torch.Tensor) -> torch.Tensor:
        """Items [n, *shape] -> projections [n, n_features]."""
        return ((items.flatten(1) - self.shift) / self.width) @ self.components


class RandomFourier(FeatureNetwork):
    """√2 cos(Wx + b) of vectors whose columns are standardised: W ~ N(0, 1/σ²), b uniform between 0 and 2π.

    Their products approximate a Gaussian kernel of width σ, the median distance of the vectors that are given.

    Source: A. Rahimi, B. Recht, "Random features for large-scale kernel machines", 2007, equation 5.
    """

    shift: torch.Tensor
    width: torch.Tensor
    frequencies: torch.Tensor
    phases: torch.Tensor

    def __init__(self, items: torch.Tensor, n_features: int) -> None:
        super().__init__(n_features)
        shift, width = _columns(items)
        bandwidth = float(torch.pdist((items - shift) / width).median()) or 1.0
        self.register_buffer("shift", shift)
        self.register_buffer("width", width)
        self.register_buffer("frequencies", torch.randn(items.shape[1], n_features) / bandwidth)
        self.register_buffer("phases", 2 * math.pi * torch.rand(n_features))

    def raw(self, items: torch.Tensor) -> torch.Tensor:
        """Vectors [n, d] -> features [n, n_features]."""
        return math.sqrt(2) * torch.cos((items - self.shift) / self.width @ self.frequencies + self.phases)


def _columns(vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean and the deviation of each column [d]; 1 for the deviation of a constant one."""
    deviation = vectors.double().std(0)
    return vectors.double().mean(0).float(), torch.where(deviation > 0, deviation, 1.0).float()
