"""A table of a sweep's trials as MLflow's pages show it: which runs, sorted by what, with which columns; and where it opens.

MLflow 3.17 keeps a view of an experiment in a tag of it, `mlflow.sharedViewState.<key>`: a name, two times and the state of the
page as JSON, the names of which are those of its pages' sources (ExperimentPageSearchFacetsState, ExperimentPageUIState).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

TRAINING = "workflowType=machine_learning"  # without it the pages are those for language models
TAG = "mlflow.sharedViewState."
_OURS = "gensweep-"  # how our keys begin; those of views that users save are random
_PARENT = re.compile(r"tags\.mlflow\.parentRunId = '([0-9a-f]{32})'")
DATASET, CREATED = "attributes.`Dataset`", "attributes.start_time"
DURATION = "duration"  # which is always there: only its place can be chosen
_WIDTHS = {"metrics": 105, "params": 125, "tags": 145}  # pixels; by default a name of 11 letters is cut


def metric(name: str) -> str:
    """A metric as a column."""
    return f"metrics.`{name}`"


def parameter(name: str) -> str:
    """A parameter as a column."""
    return f"params.`{name}`"


def tag(name: str) -> str:
    """A tag as a column."""
    return f"tags.`{name}`"


@dataclass(frozen=True)
class View:
    """The runs below the run `parent`, in a table with `columns` from left to right, sorted by the column `order`.

    `title` is its name for people, `created` a time in Unix milliseconds.
    """

    key: str
    title: str
    parent: str
    created: int
    order: str
    ascending: bool
    columns: tuple[str, ...]


def key_of(sweep_id: str) -> str:
    """The key of a sweep's view."""
    return f"{_OURS}{sweep_id[:12]}"


def tag_of(view: View) -> tuple[str, str]:
    """The view as a tag of an experiment."""
    widths = {name: _WIDTHS.get(name.partition(".")[0]) for name in view.columns}
    state = {
        "searchFilter": f"tags.mlflow.parentRunId = '{view.parent}'",
        "orderByKey": view.order,
        "orderByAsc": view.ascending,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": [name for name in view.columns if name != DURATION],
        "columnOrder": list(view.columns),
        "columnWidths": {name: width for name, width in widths.items() if width},
    }
    times = {"createdAt": view.created, "updatedAt": view.created}
    return f"{TAG}{view.key}", json.dumps({"name": view.title, **times, "state": json.dumps(state)})


def opening(experiment: str, tags: Mapping[str, str], key: str | None = None) -> str:
    """Where the pages open: the fragment of the view `key` of an experiment with these tags, by default of the newest sweep's.

    Where there is no such view, the training runs.
    """
    page = f"#/experiments/{quote(experiment, safe='')}/runs?{TRAINING}"
    found = newest(tags) if key is None else key if TAG + key in tags else None
    return page if found is None else f"{page}&viewStateShareKey={quote(found, safe='')}"


def newest(tags: Mapping[str, str]) -> str | None:
    """The key of the view of the sweep that began last, of those that gensweep made; None where there is none."""
    made = {name: _loaded(value).get("createdAt") for name, value in tags.items() if name.startswith(TAG + _OURS)}
    times = {name: time if isinstance(time, int | float) else 0 for name, time in made.items()}
    return max(times, key=times.__getitem__).removeprefix(TAG) if times else None


def shown(tags: Mapping[str, str], key: str) -> tuple[str, str] | None:
    """The title of a view, and the id of the run whose trials it shows; None where there is no such view."""
    found = _loaded(tags.get(TAG + key, ""))
    parent = _PARENT.search(str(found.get("state")))
    return (str(found.get("name")), parent[1]) if parent else None


def _loaded(value: str) -> dict[str, Any]:
    """What a tag says; nothing where somebody else wrote it."""
    try:
        found = json.loads(value)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
