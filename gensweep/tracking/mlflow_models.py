"""Models in MLflow: files with a signature that MLflow loads without gensweep, their scores, and the registry."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric
from mlflow.exceptions import MlflowException
from mlflow.models import Model as Saved
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from gensweep.tracking.run_store import Data, Entry, Model, Point

_KEY = "gensweep.model"
_LONGEST = 5000  # characters of a tag
_EXAMPLE = 2  # rows of the example
_CODE = Path(__file__).with_name("sampler.py")
_PROGRAM = "model.pt2"


def found(client: Any, experiment: str, key: str) -> Any:
    """The model of this key, a whole one before one that an attempt left unfinished; None where there is none."""
    models = client.search_logged_models([experiment], filter_string=f"tags.`{_KEY}` = '{key}'")
    return min(models, key=lambda one: (not is_whole(one), one.creation_timestamp), default=None)


def is_whole(model: Any) -> bool:
    """Whether all of its files are there."""
    return bool(model.status == LoggedModelStatus.READY)


def add(client: Any, experiment: str, run_id: str, model: Model) -> str:
    """Keep a model: its entry is found again by its key, its files and scores are the same each time, it is READY at last."""
    entry = found(client, experiment, model.key)
    if entry is None:
        tags = {name: value[:_LONGEST] for name, value in {**model.tags, _KEY: model.key}.items() if value}
        entry = client.create_logged_model(
            experiment, model.name, run_id, tags, dict(model.parameters), model_type="generative model"
        )
    with tempfile.TemporaryDirectory(prefix="gensweep-") as folder:
        path = Path(folder) / "model"
        _save(path, run_id, entry, model)
        client.log_model_artifacts(entry.model_id, str(path))
    client.log_batch(run_id, metrics=[_metric(point, run_id, entry.model_id, model.data) for point in model.points])
    outputs = client.get_run(run_id).outputs
    if entry.model_id not in [one.model_id for one in (outputs.model_outputs if outputs else ())]:
        step = max((point.step for point in model.points), default=0)
        client.log_outputs(run_id, [LoggedModelOutput(entry.model_id, step=step)])
    client.finalize_logged_model(entry.model_id, LoggedModelStatus.READY)
    return str(entry.model_id)


def _metric(point: Point, run_id: str, model_id: str, data: Data | None) -> Metric:
    """A score of the run as one of the model, too; MLflow keeps the same point of a run once."""
    of_data = {"dataset_name": data.name, "dataset_digest": data.digest} if data else {}
    return Metric(point.name, point.value, point.time, point.step, model_id=model_id, run_id=run_id, **of_data)


def _save(path: Path, run_id: str, entry: Any, model: Model) -> None:
    """Write MLflow's form of the model: it has no pickle, and requires torch alone beside MLflow."""
    form = Saved(
        artifact_path=entry.artifact_location, model_uuid=entry.model_id, run_id=run_id, model_id=entry.model_id
    )
    code = shutil.copy(_CODE, path.parent)  # the form tells where it was
    mlflow.pyfunc.save_model(
        str(path),
        python_model=str(code),
        artifacts={"program": str(model.folder / _PROGRAM)},
        signature=_signature(model),
        input_example=_example(model),
        pip_requirements=[f"torch=={model.torch}"],
        mlflow_model=form,
    )
    for file in model.folder.iterdir():
        if file.name != _PROGRAM:  # which is among the artifacts of the form
            shutil.copy(file, path / file.name)
    for cache in path.rglob("__pycache__"):
        shutil.rmtree(cache, ignore_errors=True)


def _signature(model: Model) -> ModelSignature:
    """What goes in and comes out; an input that is the only one needs no name."""
    named = len(model.inputs) > 1
    given = [
        TensorSpec(np.dtype(np.float32), (-1, *shape), name if named else None)
        for name, (shape, _) in model.inputs.items()
    ]
    return ModelSignature(Schema(given), Schema([TensorSpec(np.dtype(np.float32), (-1, *model.shape))]))


def _example(model: Model) -> Any:
    """A few rows of each input, the same each time."""
    generator = np.random.default_rng(0)
    draws: dict[str, Any] = {"normal": generator.standard_normal, "uniform": generator.random}
    rows = {name: draws[law]((_EXAMPLE, *shape), dtype=np.float32) for name, (shape, law) in model.inputs.items()}
    return rows if len(rows) > 1 else next(iter(rows.values()))


def register(client: Any, model_id: str, entry: Entry) -> str:
    """Register a model under a name, once, and give its version the alias."""
    with contextlib.suppress(MlflowException):  # it is there; where it cannot be made the next call says why
        client.create_registered_model(entry.name)
    model = client.get_logged_model(model_id)
    versions = client.search_model_versions(f"name={_quoted(entry.name)}")
    same = (one for one in versions if model.artifact_location == one.source or one.model_id == model_id)
    version = next(same, None)
    if version is None:
        version = client.create_model_version(
            entry.name,
            model.artifact_location,  # of models:/ID MLflow would ask the store of the environment
            model.source_run_id,
            dict(entry.tags),
            description=entry.why,
            model_id=model_id,
        )
    known = json.loads(model.tags.get(MLFLOW_MODEL_VERSIONS, "[]"))
    if (own := {"name": entry.name, "version": int(version.version)}) not in known:  # what the page of the model shows
        client.set_logged_model_tags(model_id, {MLFLOW_MODEL_VERSIONS: json.dumps([*known, own])})
    if entry.alias:
        client.set_registered_model_alias(entry.name, entry.alias, version.version)
    return str(version.version)


def _quoted(value: str) -> str:
    return f'"{value}"' if "'" in value else f"'{value}'"
