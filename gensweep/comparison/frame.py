"""The table of a sweep as a pandas DataFrame, for a notebook."""

from __future__ import annotations

import pandas as pd

from gensweep.comparison.collect import trials
from gensweep.ledger.sweep_folder import SweepFolder


def results(folder: SweepFolder) -> pd.DataFrame:
    """One row a trial, ordered by number: the columns of results.csv."""
    table = trials(folder)
    return pd.DataFrame([[row.get(column) for column in table.columns] for row in table.rows], columns=table.columns)
