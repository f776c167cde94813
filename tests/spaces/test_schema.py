"""The exported schema accepts every shipped file and refuses what the check refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gensweep import registry
from gensweep.errors import ConfigError
from gensweep.reading import plain, read_file, read_text
from gensweep.spaces.schema import schema

SHIPPED = sorted((Path(__file__).parents[2] / "search_spaces").glob("*.yaml"))


@pytest.fixture(scope="module")
def validator() -> Any:
    made = schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_files_are_valid(validator: Any, file: Path) -> None:
    validator.validate(plain(read_file(file)))


@pytest.mark.parametrize(
    "trial",
    [
        "family: vae",
        "family: choice(vae, gan)",
        "family: {one_of: [vae, {name: wae, lambda: {min: 0.1, max: 10}}]}",
        "family: {name: wae, lambda: '${trial.seed}', divergence: {one_of: [{name: mmd}]}}",
        "training: {optimizer: {lr: loguniform(1e-4, 1)}}",
        "network: {name: mlp, hidden: 'choice([8], [8, 8])'}",
        "evaluation: {metrics: [fid, {name: sliced_wasserstein}], every: 2}",
    ],
)
def test_distributions_and_choices_are_allowed_at_any_leaf_and_component(validator: Any, trial: str) -> None:
    validator.validate({"trial": plain(read_text(trial, "trial"))})


@pytest.mark.parametrize(
    "trial",
    [
        "famly: vae",
        "family: vea",
        "family: {name: wae, lamda: 1}",
        "family: {name: wae, lambda: lognormal(0, 1)}",
        "family: {one_of: [{name: wae, divergence: {one_of: [{name: mmd, bandwith: 1}]}}]}",
        "family: {one_of: []}",
        "latent_size: 0",
        "training: {epoch: 1}",
        "training: {optimizer: {rate: 1}}",
        "evaluation: {metrics: [fod]}",
    ],
)
def test_mistakes_are_refused(validator: Any, trial: str) -> None:
    assert list(validator.iter_errors({"trial": plain(read_text(trial, "trial"))}))


def test_the_objective_is_a_metric_or_says_its_direction_too(validator: Any) -> None:
    validator.validate({"trial": {}, "objective": "fid"})
    validator.validate({"trial": {}, "objective": {"metric": "fid", "mode": "min"}})
    assert list(validator.iter_errors({"trial": {}, "objective": "fod"}))
    assert list(validator.iter_errors({"trial": {}, "objective": {"metric": "fid", "mode": "lower"}}))


def test_unknown_sections_are_refused(validator: Any) -> None:
    assert list(validator.iter_errors({"trial": {}, "serch": {}}))
    assert list(validator.iter_errors({"trial": {}, "search": {"samplr": "tpe"}}))


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    load = registry.load

    def missing(kind: str, name: str) -> type:
        if name in ("huggingface", "gp"):
            raise ConfigError(f"{name} cannot be imported")
        return load(kind, name)

    monkeypatch.setattr(registry, "load", missing)
    text = json.dumps(schema())
    assert '"cma_es"' in text
    assert '"const": "gp"' not in text
