"""Whether batches can show a generator where its divergence from the data falls: not where the slope has no variance.

For the divergence D_alpha and its best critic, the slope at a sample x of Q is (p/q)^alpha d/dx log(p/q), up to a factor.
Its second moment under Q is an integral of p^(2 alpha) q^(1 - 2 alpha), which far out is Gaussian with precision
2 alpha / s^2 + (1 - 2 alpha) / sigma^2, s being the deviation of P's widest component. Where that is not above zero the
mean over a batch is off as a rule, however large the batch: what counts happens where nearly no sample lies.
"""

from __future__ import annotations

from gensweep.studies.gaussian_pair import Mixture

# the alpha whose slope has the heavier tail, up to factors: of Jeffrey's divergence that of kl, for 0 is always finite
_ALPHAS = {"kl": 1.0, "jeffrey": 1.0, "reverse_kl": 0.0, "pearson": 2.0, "neyman": -1.0, "squared_hellinger": 0.5}


def has_variance(objective: str, mixture: Mixture, sigma: float, scale: float = 1.0) -> bool:
    """Whether the slope of `objective` at a sample of N(., sigma^2) has a finite variance, the critic being the best one.

    `scale` is alpha, of the objective of that name. True for objectives that are not alpha divergences: theirs are bounded
    or polynomials.
    """
    alpha = scale if objective == "alpha" else _ALPHAS.get(objective, 0.0)
    widest = max(mixture.deviations)
    return 2 * alpha / widest**2 + (1 - 2 * alpha) / sigma**2 > 0
