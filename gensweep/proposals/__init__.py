"""A search space to begin with, from a look at the data."""
