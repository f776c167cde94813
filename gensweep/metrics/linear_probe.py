"""What the codes say of the classes of the data."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch

from gensweep.metrics._class_metric import ClassMetric, Views, flat
from gensweep.metrics.base import Model


class LinearProbe(ClassMetric):
    """The share of the split's items whose class a logistic regression on their codes tells, trained on codes of training items.

    The code of an item is a draw from q(z|x), as `latent_gap` has it, brought to mean 0 and deviation 1 a dimension by the
    training codes. It says whether codes hold the classes so that a plane parts them, and nothing of samples: a model of the
    data need not have such codes. `train_accuracy` is that on the codes it was trained on; `chance` that of always answering with
    the commonest class of the training items; `standard_error` is (a (1 − a) / n)^(1/2). Not a number for a family without an
    encoder.

    Fields: `n` items of the split and `n_train` training items (null: all, up to 5000); `penalty` of the squared weights beside
    the mean loss; `seed` of the choice of items.

    Source: G. Alain, Y. Bengio, "Understanding Intermediate Layers Using Linear Classifier Probes", 2016, arXiv:1610.01644.
    """

    estimator: ClassVar[str] = "accuracy of a logistic regression on standardised codes"

    name: Literal["linear_probe"] = "linear_probe"

    def views(self, model: Model, trained: torch.Tensor, items: torch.Tensor) -> Views | None:
        """The codes of both."""
        of_trained, of_items = model.codes(trained), model.codes(items)
        return None if of_trained is None or of_items is None else (flat(of_trained), flat(of_items))
