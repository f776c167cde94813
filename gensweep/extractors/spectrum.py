"""What of an image stays when it is shifted."""

from __future__ import annotations

import math

import torch


class Spectrum(torch.nn.Module):
    """The sizes |F(x)| of the Fourier coefficients of images x [n, c, h, w] over height and width, [n, c h (w // 2 + 1)].

    A shift changes the phases of F alone: one that comes in again on the other side, or moves nothing but border, leaves
    all of it as it was. F is orthonormal, and of two conjugate coefficients one stands for both, so that
    |spectrum(x) - spectrum(y)| <= |x - y|: near in pixels is near here. The converse fails: turned by half, or with other
    phases of the same sizes, an image has the same spectrum.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images [n, c, h, w] -> features [n, c h (w // 2 + 1)]."""
        width = images.shape[-1]
        sizes = torch.fft.rfft2(images, norm="ortho").abs()
        columns = torch.arange(sizes.shape[-1], device=images.device)
        is_own_conjugate = (columns == 0) | (2 * columns == width)
        weights = torch.where(is_own_conjugate, 1.0, math.sqrt(2))
        features: torch.Tensor = (sizes * weights).flatten(1)
        return features
