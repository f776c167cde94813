"""What came of a sweep, for a program and a notebook: its trials, arms and verdict, and the models of its trials.

>>> import gensweep
>>> results = gensweep.load("used")
>>> results.best().model.sample(2).shape
(2, 1, 8, 8)
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gensweep.comparison import frame
from gensweep.errors import ConfigError, suggest
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.models.generative import GenerativeModel, of_named
from gensweep.models.naming import named
from gensweep.models.winner import best_of_arm, winner
from gensweep.text import printable
from gensweep.verdict import Verdict, judge

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Trial:
    """One trial of a sweep.

    >>> trial = gensweep.load("used").best("vae")
    >>> trial.arm, sorted(trial.scores)[0]
    ('vae', 'sliced_wasserstein')
    >>> trial.configuration["latent_size"]
    3
    """

    folder: SweepFolder
    number: int
    why: str = ""
    """Why it is the one, in a sentence, where it was chosen."""
    device: str = "cpu"

    @cached_property
    def _record(self) -> Any:
        return self.folder.state().trials[self.number]

    @property
    def arm(self) -> str:
        """The arm that it is of."""
        return str(self._record.arm)

    @property
    def configuration(self) -> dict[str, Any]:
        """What it was trained by: with its seed, it determines every number of the trial."""
        return dict(self._record.configuration)

    @property
    def scores(self) -> dict[str, float]:
        """Every score at its best epoch, on the validation split, and those on the test split as `test.NAME`."""
        return {**self._record.best, **{f"test.{name}": value for name, value in self._record.test.items()}}

    @cached_property
    def model(self) -> GenerativeModel:
        """Its model, of the best epoch.

        Raises:
            ConfigError: it left no checkpoint that verifies.

        >>> model = gensweep.load("used").best("vae").model
        >>> items = model.sample(5, seed=1)
        >>> items.shape, model.encode(items).shape
        ((5, 1, 8, 8), (5, 3))
        >>> model.log_likelihood(items).kind
        'lower bound'
        """
        return of_named(named(str(self.folder.path / str(self.number)), self.folder.path.parent), self.device)

    def _repr_html_(self) -> str:
        facts = {"trial": f"{self.folder.name}/{self.number}", "arm": self.arm, "chosen": self.why}
        rows = [{"": name, " ": f"{value:.4g}" if isinstance(value, float) else str(value)}
                for name, value in {**facts, **self.scores}.items() if value != ""]  # fmt: skip
        return _table(rows)


@dataclass(frozen=True)
class SweepResults:
    """What came of a sweep, read anew each time it is asked: a sweep that runs says how far it is."""

    folder: SweepFolder

    @property
    def name(self) -> str:
        """The sweep's name."""
        return self.folder.name

    def trials(self) -> pd.DataFrame:
        """One row a trial, ordered by number: the columns of results.csv.

        >>> gensweep.load("used").trials().query("parent.isna()").groupby("arm").size().to_dict()
        {'autoencoder': 2, 'flow': 2, 'gan': 2, 'vae': 2}
        """
        return frame.results(self.folder)

    def arms(self) -> pd.DataFrame:
        """One row an arm, the best first: what was confirmed of it, what its search found, what it cost.

        Raises:
            NoUsableTrial, ConfigError: its trials cannot be compared.

        >>> gensweep.load("used").arms()[["arm", "seeds", "n_search"]].sort_values("arm").to_dict("list")
        {'arm': ['autoencoder', 'flow', 'gan', 'vae'], 'seeds': [2.0, nan, 2.0, 2.0], 'n_search': [2, 2, 2, 2]}
        """
        return frame.arms(self.folder)

    def verdict(self) -> Verdict:
        """The answer: `comparison.sentence()` says it, `failed` are the trials that failed, `problem` what is wrong.

        `with_baselines()` of it adds what the scores mean on these data, which takes seconds.

        >>> gensweep.load("used").verdict().comparison.confirmation.metric
        'sliced_wasserstein'
        """
        return judge(self.folder)

    def best(self, arm: str | None = None, *, device: str = "cpu") -> Trial:
        """The trial that stands for the sweep, or for an arm: the one that was confirmed, else the best on validation.

        `device` is where its model computes.

        Raises:
            ConfigError: there is no such arm.
            NoUsableTrial: there is no trial with a score.

        >>> best = gensweep.load("used").best()
        >>> best.model.sample(2).shape
        (2, 1, 8, 8)
        >>> print(gensweep.load("used").best("flow").why.partition(",")[0])
        the best sliced_wasserstein on the validation split
        """
        state = self.folder.state()
        arms = list(dict.fromkeys(record.arm for record in state.trials.values()))
        if arm is not None and arm not in arms:
            raise ConfigError(f"{self.name} has no arm {arm!r:.80}. {suggest(str(arm), arms)}")
        choice = winner(self.folder, state) if arm is None else best_of_arm(self.folder, arm, state)
        return Trial(self.folder, choice.number, choice.why, device)

    def trial(self, number: int, *, device: str = "cpu") -> Trial:
        """A trial by its number.

        Raises:
            ConfigError: there is none.
        """
        known = self.folder.state().trials
        if number not in known:
            raise ConfigError(f"{self.name} has no trial {number!r:.20}. It has {len(known)}, from 0 on.")
        return Trial(self.folder, number, device=device)

    def _repr_html_(self) -> str:
        found = self.verdict()
        if found.comparison is None:
            return f"<p><b>{_escaped(self.name)}</b>: {_escaped(str(found.problem))}</p>"
        return f"<p><b>{_escaped(self.name)}</b>: {_escaped(found.comparison.sentence())}</p>{_table(found.comparison.table())}"


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    head = "".join(f"<th>{_escaped(column)}</th>" for column in columns)
    lines = ("".join(f"<td>{_escaped(row.get(column, ''))}</td>" for column in columns) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _escaped(text: str) -> str:
    return html.escape(printable(text))
