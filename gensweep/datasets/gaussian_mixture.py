"""A mixture of Gaussians: the one dataset whose density is known."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field, model_validator

from gensweep.datasets._split import splits_of
from gensweep.datasets.base import Dataset, SplitName, Splits
from gensweep.seeding import derive

Vector = tuple[float, ...]
Matrix = tuple[Vector, ...]


class GaussianMixture(Dataset):
    """Independent draws from Σ_k w_k N(m_k, C_k) in any dimension.

    The default is the one-dimensional target of the f-GAN paper, 0.33 N(−1, 0.0625) + 0.67 N(2, 2), on which the best
    Gaussian of every divergence is known.

    Fields: `weights` w_k > 0 with sum 1; `means` m_k, numbers in one dimension, else vectors; `covariances` C_k, each a
    variance (a number, times the identity), the diagonal (a vector) or a full matrix; `n_train`, `n_validation`,
    `n_test`; `seed` of the draws. Splits have streams of their own, so that a size changes only its own split.

    Source: S. Nowozin, B. Cseke, R. Tomioka, "f-GAN", 2016, arXiv:1606.00709, section 2.5 (the experiment).
    """

    name: Literal["gaussian_mixture"] = "gaussian_mixture"
    weights: Vector = Field((0.33, 0.67), min_length=1, description="w_k > 0, one a component; they sum to 1")
    means: tuple[float | Vector, ...] = Field((-1.0, 2.0), description="m_k: numbers in one dimension, else vectors")
    covariances: tuple[float | Vector | Matrix, ...] = Field(
        (0.0625, 2.0), description="C_k: a variance (isotropic), a vector (the diagonal) or a full matrix"
    )
    n_train: int = Field(10_000, ge=2, description="training items")
    n_validation: int = Field(2_000, ge=2, description="validation items")
    n_test: int = Field(2_000, ge=2, description="test items")
    seed: int = Field(0, ge=0, description="seed of the draws; not the trial's seed")

    @model_validator(mode="after")
    def _is_a_mixture(self) -> GaussianMixture:
        counts = {"weights": len(self.weights), "means": len(self.means), "covariances": len(self.covariances)}
        if len(set(counts.values())) > 1:
            raise ValueError(f"needs one weight, mean and covariance a component, not {counts}")
        if min(self.weights) <= 0 or abs(math.fsum(self.weights) - 1) > 1e-6:
            raise ValueError(
                f"weights must be positive and sum to 1; {list(self.weights)} sum to {sum(self.weights):g}"
            )
        dimensions = {len(_vector(mean)) for mean in self.means}
        if len(dimensions) > 1 or 0 in dimensions:
            raise ValueError(f"all means need the same number of dimensions, not {sorted(dimensions)}")
        for k, covariance in enumerate(self.covariances):
            try:
                _cholesky(_matrix(covariance, *dimensions))
            except ValueError as error:
                raise ValueError(f"covariances[{k}] = {covariance}: {error}") from None
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of dimensions."""
        return (len(_vector(self.means[0])),)

    @property
    def bounds(self) -> None:
        """A Gaussian has none."""
        return

    def n_items(self) -> dict[SplitName, int]:
        """As the fields say."""
        return {"train": self.n_train, "validation": self.n_validation, "test": self.n_test}

    def read(self) -> Splits:
        """The splits, each [n, dimensions]."""
        sizes = self.n_items().items()
        return splits_of(*(self._draw(n, derive(self.seed, "gaussian_mixture", part)) for part, n in sizes))

    def modes(self) -> tuple[torch.Tensor, float] | None:
        """The means [k, d] and σ where every covariance is the same σ²I, else None."""
        matrices = [_matrix(covariance, self.shape[0]) for covariance in self.covariances]
        variance = matrices[0][0][0]
        round_ = _matrix(variance, self.shape[0])
        if any(matrix != round_ for matrix in matrices):
            return None
        return self._parameters()[0].float(), math.sqrt(variance)

    def components(self) -> tuple[Vector, Vector, Vector] | None:
        """The weights, means and standard deviations as plain numbers; None in more than one dimension."""
        if self.shape != (1,):
            return None
        means = tuple(_vector(mean)[0] for mean in self.means)
        return self.weights, means, tuple(_cholesky(_matrix(c, 1))[0][0] for c in self.covariances)

    def log_density(self, x: torch.Tensor) -> torch.Tensor:
        """The logarithm of Σ_k w_k N(x; m_k, C_k) at x [n, dimensions], [n], in float64 and nats."""
        means, factors = self._parameters()
        # y = L⁻¹(x − m) for C = L Lᵀ: log N = −½(|y|² + d log 2π) − Σ log L_ii
        offsets = x.double()[None] - means[:, None]
        whitened = torch.linalg.solve_triangular(factors, offsets.mT, upper=False)
        log_root = factors.diagonal(dim1=-2, dim2=-1).log().sum(-1, keepdim=True)
        logs = -0.5 * (whitened.square().sum(1) + x.shape[1] * math.log(2 * math.pi)) - log_root
        return torch.logsumexp(logs + torch.tensor(self.weights, dtype=torch.float64).log()[:, None], dim=0)

    def _draw(self, n: int, seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        means, factors = self._parameters()
        weights = torch.tensor(self.weights, dtype=torch.float64)
        component = torch.multinomial(weights, n, replacement=True, generator=generator)
        normal = torch.randn(n, self.shape[0], 1, dtype=torch.float64, generator=generator)
        return (means[component] + (factors[component] @ normal)[..., 0]).float()

    def _parameters(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Means [k, d] and lower Cholesky factors [k, d, d], float64."""
        means = torch.tensor([_vector(mean) for mean in self.means], dtype=torch.float64)
        factors = [_cholesky(_matrix(covariance, means.shape[1])) for covariance in self.covariances]
        return means, torch.tensor(factors, dtype=torch.float64)


def _vector(mean: float | Vector) -> Vector:
    return mean if isinstance(mean, tuple) else (mean,)


def _matrix(covariance: float | Vector | Matrix, d: int) -> list[list[float]]:
    """The full matrix [d, d] of any of the three ways to write a covariance."""
    rows: tuple[float | Vector, ...] = covariance if isinstance(covariance, tuple) else (covariance,) * d
    full: list[list[float]] = []
    for i, row in enumerate(rows):
        full.append(list(row) if isinstance(row, tuple) else [row if i == j else 0.0 for j in range(d)])
    if len(full) != d or any(len(row) != d for row in full):
        raise ValueError(f"must be a number, {d} numbers or a {d} × {d} matrix, because the means have {d} dimensions")
    return full


def _cholesky(matrix: list[list[float]]) -> list[list[float]]:
    """L with L Lᵀ = matrix, lower triangular. In plain Python, because checking a file must not import torch."""
    d = len(matrix)
    if any(not math.isclose(matrix[i][j], matrix[j][i], abs_tol=1e-12) for i in range(d) for j in range(i)):
        raise ValueError("must be symmetric")
    factor = [[0.0] * d for _ in range(d)]
    for i in range(d):
        for j in range(i + 1):
            rest = matrix[i][j] - math.fsum(factor[i][k] * factor[j][k] for k in range(j))
            if i == j and not 0 < rest < math.inf:
                raise ValueError("must be positive definite: a variance is a number above 0")
            factor[i][j] = math.sqrt(rest) if i == j else rest / factor[j][j]
    return factor
