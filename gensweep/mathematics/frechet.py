"""The Fréchet distance between two Gaussians, and the moments that it needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Moments:
    """The mean [d] and covariance [d, d] (divided by n − 1) of n vectors, float64."""

    mean: torch.Tensor
    covariance: torch.Tensor
    n: int


def moments(batches: Iterable[torch.Tensor]) -> Moments:
    """Mean and covariance of the rows of `batches`, each [n, d], in one pass and float64.

    Sums of squares about the mean are merged batch by batch: E[xxᵀ] − mmᵀ would lose digits where the mean is large.

    Source: T. Chan, G. Golub, R. LeVeque, "Algorithms for computing the sample variance", 1983, equation 2.1.

    Raises:
        ValueError: fewer than two rows.
    """
    n, mean, scatter = 0, torch.zeros(()), torch.zeros(())
    for batch in batches:
        rows = batch.double()
        m = len(rows)
        its_mean = rows.mean(0)
        centred = rows - its_mean
        shift = its_mean - mean if n else torch.zeros_like(its_mean)
        scatter = scatter + centred.T @ centred + torch.outer(shift, shift) * (n * m / (n + m))
        mean = mean + shift * (m / (n + m)) if n else its_mean
        n += m
    if n < 2:
        raise ValueError(f"a covariance needs two rows, {n} given")
    return Moments(mean, scatter / (n - 1), n)


def root(covariance: torch.Tensor) -> torch.Tensor:
    """The symmetric square root [d, d] of a positive semi-definite matrix [d, d], float64."""
    values, vectors = torch.linalg.eigh(covariance.double())
    rooted: torch.Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.mT
    return rooted


def frechet_distance(
    mean: torch.Tensor, covariance: torch.Tensor, other_mean: torch.Tensor, other_covariance: torch.Tensor
) -> float:
    """W₂² between N(mean, A) and N(other_mean, B): |Δm|² + Tr A + Tr B − 2 Tr (A^½ B A^½)^½.

    Means are [d], covariances [d, d], which need not have full rank. Not a number where an input is not finite.

    Source: D. Dowson, B. Landau, "The Fréchet distance between multivariate normal distributions", 1982,
    doi:10.1016/0047-259X(82)90077-X, equation 4.
    """
    if not bool(torch.isfinite(covariance).all()):
        return float("nan")
    return frechet_distance_from_root(mean, root(covariance), other_mean, other_covariance)


def frechet_distance_from_root(
    mean: torch.Tensor, covariance_root: torch.Tensor, other_mean: torch.Tensor, other_covariance: torch.Tensor
) -> float:
    """`frechet_distance` with A^½ [d, d] instead of A, so that a reference's root is computed once.

    The eigenvalues of A^½ B A^½ are those of A B, and the matrix is symmetric: no root of a non-symmetric matrix, no
    imaginary part to drop.
    """
    if not all(bool(torch.isfinite(x).all()) for x in (mean, covariance_root, other_mean, other_covariance)):
        return float("nan")
    r, b = covariance_root.double(), other_covariance.double()
    shift = (mean.double() - other_mean.double()).square().sum()
    cross = torch.linalg.eigvalsh(r @ b @ r).clamp(min=0).sqrt().sum()
    # Rounding may leave a little less than the true value's lower bound.
    return max(0.0, float(shift + r.square().sum() + b.trace() - 2 * cross))
