"""Scores of anything: a trial, a checkpoint, a folder of images, an array. And what the scores on a dataset mean.

subjects.subject(what) -> a model -> scores.evaluate(model, dataset, metrics, split): one row a metric, with its protocol
sanity.sanity_rows(dataset, metrics, split): the same metrics on the data themselves and on models that learn nothing
"""

from gensweep.evaluation.sanity import sanity_rows

__all__ = ["sanity_rows"]
