"""What the trials of a sweep read, data and extractors: whether it is here, and whether it can be opened."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from pydantic import ValidationError

from gensweep.axes import space as spaces
from gensweep.axes.space import Ask
from gensweep.component import Location, build
from gensweep.datasets import base as datasets
from gensweep.datasets.base import Dataset
from gensweep.errors import CannotRun, ConfigError, Problem
from gensweep.metrics.base import Metric
from gensweep.spaces.blame import told
from gensweep.spaces.located import at
from gensweep.spaces.sweep import Sweep
from gensweep.spaces.tried import tries

_MOST_READ = 10  # datasets that one check reads
_SHOWN = 12  # digits of a digest


@dataclass(frozen=True)
class _Source:
    """Data, or what a metric takes besides them; where it is written in the trial that answers so."""

    ask: Ask
    location: tuple[str | int, ...]
    dataset: Dataset
    metric: Metric | None = None


def data_problems(sweep: Sweep) -> list[Problem]:
    """What the sweep's trials would read and is not on this machine, data and extractors, with the cures.

    Reads no data and no weights.
    """
    return _problems(sweep, lambda source: (source.metric or source.dataset).problem())


def unreadable(sweep: Sweep) -> list[Problem]:
    """What of the sweep's data and extractors cannot be opened here. Reads them, and keeps them for its trials."""
    return _problems(sweep, _why_not_opened)


class Opened(NamedTuple):
    """What is wrong with what was opened, and a sentence for each source that was not."""

    problems: list[Problem]
    left: list[str]


def opened_at_once(sweep: Sweep) -> Opened:
    """`unreadable`, but for what takes long to read or would be fetched."""
    read, left = set[Dataset](), list[str]()

    def question(source: _Source) -> str | None:
        if source.metric is not None:
            reason = source.metric.left_unopened()
        elif (reason := source.dataset.left_unread()) is None and len(read) == _MOST_READ:
            reason = f"of the datasets that are searched only the first {_MOST_READ} were read"
        if reason is not None:
            left.append(f"Not opened by check: {reason}.")
            return None
        if source.metric is None:
            read.add(source.dataset)
        return _why_not_opened(source)

    return Opened(_problems(sweep, question), list(dict.fromkeys(left)))


def datasets_of(sweep: Sweep) -> list[Dataset]:
    """Every dataset that can be built of those that a trial of the sweep may have."""
    return list(dict.fromkeys(source.dataset for source in _sources(sweep)))


def digests_of(sweep: Sweep) -> list[str]:
    """The SHA-256 of each dataset of `datasets_of`, which are read if need be."""
    return [datasets.load(dataset).digest for dataset in datasets_of(sweep)]


def other_data(sweep: Sweep, digests: Sequence[str]) -> list[Problem]:
    """Which datasets cannot be read on this machine, or are others than those of these digests. Reads them."""
    expected = dict(zip(datasets_of(sweep), digests, strict=True))

    def question(source: _Source) -> str | None:
        if source.metric is not None:
            return None
        if why := _why_not_opened(source):
            return why
        found, wanted = datasets.load(source.dataset).digest, expected[source.dataset]
        if found == wanted:
            return None
        return (
            f"is other data there (SHA-256 {found[:_SHOWN]}) than where the command runs ({wanted[:_SHOWN]}). Copy them, or have "
            "both read the same files."
        )

    return _problems(sweep, question)


def trust_as_said(sweep: Sweep) -> None:
    """Remember which files the user trusts, of a sweep that was read from the user's own file."""
    for source in _sources(sweep):
        if source.metric is not None:
            source.metric.trust()


def _problems(sweep: Sweep, question: Callable[[_Source], str | None]) -> list[Problem]:
    found, lost = list[Problem](), set[Dataset]()
    for source in _sources(sweep):
        if source.dataset not in lost and (answer := question(source)):
            found.append(_blamed(sweep, source, answer))
            lost |= {source.dataset} if source.metric is None else set()  # without data no extractor is of use
    return told(dict.fromkeys(found), sweep.sources)


def _blamed(sweep: Sweep, source: _Source, answer: str) -> Problem:
    """What is wrong with a source: where its path was written, if that is another place than its node's."""
    node = at(sweep, source.ask, source.location, answer)
    for name, field in type(source.metric or source.dataset).model_fields.items():
        if any(isinstance(mark, Location) for mark in field.metadata):
            path = at(sweep, source.ask, (*source.location, field.alias or name), answer)
            if path.where != node.where:
                return path
    return node


def _why_not_opened(source: _Source) -> str | None:
    try:
        if source.metric is None:
            datasets.load(source.dataset)
        else:
            source.metric.ready(source.dataset)
    except ConfigError as error:
        return str(error)
    except CannotRun:  # not the data are at fault, but the place
        raise
    except Exception as error:  # a file may be broken in ways that only its library knows
        return f"cannot be read ({type(error).__name__}: {error}). Check the file, or get it again."
    return None


def _sources(sweep: Sweep) -> Iterator[_Source]:
    """Each source once, data before what is scored on them. What cannot be built is left to `check`."""
    known = set[str]()
    for tried in tries(sweep.space):
        trial = spaces.resolve(sweep.space, tried.ask)
        for i, nodes in enumerate(_nodes(trial)):
            text = json.dumps(nodes, sort_keys=True, default=str)
            if text in known or (built := _built(*nodes)) is None:
                continue
            known.add(text)
            yield _Source(tried.ask, ("evaluation", "metrics", i - 1) if i else ("dataset",), *built)


def _nodes(trial: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    """The dataset's node, then with it the node of each metric."""
    evaluation = trial.get("evaluation")
    metrics = evaluation.get("metrics") if isinstance(evaluation, Mapping) else None
    yield (trial.get("dataset"),)
    yield from ((trial.get("dataset"), node) for node in (metrics if isinstance(metrics, list) else []))


def _built(dataset: object, metric: object = None) -> tuple[Dataset, Metric | None] | None:
    try:
        return cast(Dataset, build("datasets", dataset)), cast(Metric, build("metrics", metric)) if metric else None
    except ValidationError:
        return None
