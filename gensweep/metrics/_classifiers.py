"""Classifiers that metrics train: predictions for held-out rows, the same each time."""

from __future__ import annotations

import math
import warnings

import torch

_HIDDEN = (20,)
_PASSES = 100


def logistic_regression(x: torch.Tensor, labels: torch.Tensor, others: torch.Tensor, penalty: float) -> torch.Tensor:
    """The classes [m] that a logistic regression on x [n, d] with classes [n] predicts for others [m, d], float64.

    It minimises the mean loss in nats plus penalty / 2 |W|^2 over weights W of x standardised, by L-BFGS.
    """
    from sklearn.linear_model import LogisticRegression

    x, others = _standardised(x, others)
    model = LogisticRegression(C=1 / (penalty * len(x)), max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where it has not converged to the last digit it predicts all the same
        model.fit(x.numpy(), labels.numpy())
    return torch.from_numpy(model.predict(others.numpy()))


def neural_network(x: torch.Tensor, labels: torch.Tensor, others: torch.Tensor, seed: int) -> torch.Tensor:
    """The same of one hidden layer of 20 ReLU units after 100 passes of Adam over x standardised."""
    from sklearn.neural_network import MLPClassifier

    x, others = _standardised(x, others)
    model = MLPClassifier(_HIDDEN, max_iter=_PASSES, random_state=seed % 2**32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it stopped after as many passes as it was told to
        model.fit(x.numpy(), labels.numpy())
    return torch.from_numpy(model.predict(others.numpy()))


def nearest_neighbours(x: torch.Tensor, labels: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """The class, 0 or 1, of the most of the k nearest rows of x, for each of others; k is the odd number next to sqrt(n)."""
    k = math.isqrt(len(x))
    k -= 1 - k % 2
    nearest = torch.cdist(others, x).topk(max(1, k), largest=False).indices
    return (labels[nearest].double().mean(1) > 0.5).long()


def _standardised(x: torch.Tensor, others: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both by the mean and deviation of x; a column that is constant there is only moved."""
    mean, deviation = x.mean(0), x.std(0, correction=0)
    scale = torch.where(deviation > 0, deviation, 1.0)
    return (x - mean) / scale, (others - mean) / scale
