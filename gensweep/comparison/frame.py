"""The tables of a sweep as pandas DataFrames, for a notebook."""

from __future__ import annotations

import pandas as pd

from gensweep.comparison import cells
from gensweep.comparison.collect import trials
from gensweep.comparison.compare import compared
from gensweep.ledger.sweep_folder import SweepFolder


def results(folder: SweepFolder) -> pd.DataFrame:
    """One row a trial, ordered by number: the columns of results.csv."""
    table = trials(folder)
    return pd.DataFrame([[row.get(column) for column in table.columns] for row in table.rows], columns=table.columns)


def arms(folder: SweepFolder) -> pd.DataFrame:
    """One row an arm, the best first: what was confirmed of it, what its search found, what it cost; not a number where nothing.

    Raises:
        NoUsableTrial: no trial has a score.
        ConfigError: its trials do not compare.
    """
    found = pd.DataFrame(cells.rows(compared([trials(folder)])))
    kept = [column for column in cells.COLUMNS if column in found]
    return found[kept].rename(columns={"group": "arm"})
