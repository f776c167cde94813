"""What labelled data of a model's making teach a classifier of real data."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch

from gensweep.metrics._class_metric import ClassMetric, Views, flat
from gensweep.metrics.base import Model


class ClassificationAccuracyScore(ClassMetric):
    """The share of the split's items whose class a logistic regression tells that saw reconstructions of training items.

    The classifier is trained on what the model makes, and asked of the data: what it cannot learn there, the model does not
    show. No family draws samples of a class, and the labelled items that one makes are its reconstructions, each with the class
    of its original. It sees values as they are, brought to mean 0 and deviation 1 each by what it is trained on. The same for
    items in the place of their reconstructions is what can be reached: give it a model that copies, or compare with
    `linear_probe`. `train_accuracy` is that on the reconstructions; `chance` that of always answering with the commonest class of
    the training items; `standard_error` is (a (1 − a) / n)^(1/2). Not a number for a family without an encoder.

    Fields: `n` items of the split and `n_train` training items (null: all, up to 5000); `penalty` of the squared weights beside
    the mean loss; `seed` of the choice of items.

    Source: S. Ravuri, O. Vinyals, "Classification Accuracy Score for Conditional Generative Models", 2019, arXiv:1905.10887,
    section 3. Differs: theirs trains a ResNet-50 on samples of a conditional model.
    """

    estimator: ClassVar[str] = "accuracy on items of a logistic regression on standardised reconstructions"

    name: Literal["classification_accuracy_score"] = "classification_accuracy_score"

    def views(self, model: Model, trained: torch.Tensor, items: torch.Tensor) -> Views | None:
        """Reconstructions of the ones, and the others as they are."""
        made = model.reconstructions(trained)
        return None if made is None else (flat(made), flat(items))
