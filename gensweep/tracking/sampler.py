"""What a logged model runs: MLflow keeps a copy of this file with it, and torch is all that it needs beside MLflow.

`predict` takes what `sample` draws, an array [n, ...] or, where it draws several, a mapping with one of each name, and gives
items [n, *shape].
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import mlflow
import numpy as np
import torch


class Program:
    """The program of a model's samples. It stands apart, because MLflow warns of each `predict` whose types it cannot check."""

    def load_context(self, context: Any) -> None:
        """Read the program, and the names of what it takes."""
        extra = {"gensweep.json": ""}
        self.program = torch.export.load(context.artifacts["program"], extra_files=extra).module()
        self.names = list(json.loads(extra["gensweep.json"])["methods"]["sample"])

    # without types: MLflow would take them for the schema
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Items [n, *shape] of what is drawn."""
        given = [model_input[name] for name in self.names] if isinstance(model_input, Mapping) else [model_input]
        drawn = [torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)) for values in given]
        with torch.no_grad():
            return self.program(*drawn).numpy()


class Sampler(Program, mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # its class carries no types
    """The same, as MLflow asks for it."""


mlflow.models.set_model(Sampler())
