"""The table of a sweep as a pandas DataFrame, for a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gensweep.comparison.collect import trials
from gensweep.errors import ConfigError
from gensweep.ledger.sweep_folder import SweepFolder


def results(sweep: str | Path | SweepFolder | Any, runs: str | Path = "runs") -> pd.DataFrame:
    """One row a trial, ordered by number: the columns of results.csv.

    Args:
        sweep: its name, its folder, or the verdict that `run` or `open` gave.
        runs: the folder that holds the sweeps, where a name is given.

    Raises:
        ConfigError: there is no such sweep, or what is given names none.
    """
    folder = getattr(sweep, "folder", sweep)
    if isinstance(folder, str):
        folder = Path(runs) / folder
    if isinstance(folder, Path):
        folder = SweepFolder.open(folder.resolve())
    if not isinstance(folder, SweepFolder):
        raise ConfigError(
            f'results takes the name of a sweep, as in results("wae"), or what run or open gave; {sweep!r:.60} is neither.'
        )
    table = trials(folder)
    return pd.DataFrame([[row.get(column) for column in table.columns] for row in table.rows], columns=table.columns)
