"""Which data a trial was trained on, as its folder says: the digest that its scores were protocolled with, and split sizes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any, cast

from gensweep.component import build
from gensweep.credentials import redacted
from gensweep.datasets.base import Dataset
from gensweep.errors import DamagedSweep, GensweepError
from gensweep.ledger.foreign import document, json_of
from gensweep.tracking.run_store import Data

_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGITS = 12  # of the digest: stores take 36
_LONGEST = 200  # characters of a name


def data_of(trial: Path, configuration: Mapping[str, Any]) -> Data | None:
    """The data of the trial in a folder; None before its first scores, which say on which data they are."""
    node, digest = configuration.get("dataset"), _digest(trial / "protocol.json")
    if digest is None or not isinstance(node, Mapping) or not isinstance(node.get("name"), str):
        return None
    return Data(_name(node), digest[:_DIGITS], _source(node), _sizes(json.dumps(node, sort_keys=True)))


def _digest(file: Path) -> str | None:
    """What all scores of a trial say that the data are."""
    try:
        found = json_of(document(file))
    except (OSError, ValueError, DamagedSweep):
        return None
    protocols = found.values() if isinstance(found, dict) else ()
    digests = {str(one.get("data")) for one in protocols if isinstance(one, dict)}
    return digests.pop() if len(digests) == 1 and _DIGEST.fullmatch(min(digests)) else None


def _name(node: Mapping[str, Any]) -> str:
    """`digits`, or `image_folder photos` where a file or folder of the user's makes the difference."""
    path = node.get("path")
    last = PurePath(path).name if isinstance(path, str) else ""
    return redacted(f"{node['name']} {last}".strip())[:_LONGEST]


def _source(node: Mapping[str, Any]) -> str:
    """The dataset's own fields, as JSON, and of a path the last part: where it lies is nobody else's business."""
    told = {name: PurePath(value).name if _is_path(value) else value for name, value in node.items()}
    return redacted(json.dumps(told, sort_keys=True))


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and (PurePath(value).is_absolute() or value.startswith("~"))


@lru_cache(maxsize=16)
def _sizes(node: str) -> dict[str, int]:
    """How many items each split has; nothing where that is not known without the data, or they are not here."""
    try:
        dataset = cast(Dataset, build("datasets", json.loads(node)))
        return {str(split): n for split, n in (dataset.n_items() or {}).items()}
    except (GensweepError, ValueError, OSError):
        return {}
