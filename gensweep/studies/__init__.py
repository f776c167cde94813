"""Studies that ship with more than a search space: what a sweep of theirs should have found, and whether it did.

`search_spaces/ground_truth.yaml` trains each family on a mixture in one dimension, with models that are Gaussians:

gaussian_pair     the mixture and one Gaussian, with integrals over both
gaussian_targets  the best Gaussian by each objective that a family may minimise
gaussian_fits     one trial: where its Gaussian came to lie, against the best one
ground_truth      the table of trained against target of a sweep, a line for the seeds of each setting

Families know nothing of it: each only names the objective that it minimises.
"""
