"""The overlays: by kubectl or kustomize where one is here, and by a resolver of the tests' own everywhere.

The resolver knows what these files use (`resources`, patches of RFC 6902 with a target of kind and name) and refuses what else a
kustomization may say; where the real program is here, both must give the same.
"""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_checks import DEPLOY
from kubernetes_checks import GPU, SPOT, documents, kubernetes_problems, promised_secrets

FOLDER = DEPLOY / "kustomize"
OVERLAYS = {name: yaml.safe_load((FOLDER / name / "kustomization.yaml").read_text()) for name in ("cpu", "gpu", "spot")}
SECRETS = promised_secrets(*FOLDER.glob("base/*.yaml"))
KNOWN = {"apiVersion", "kind", "resources", "patches"}


def resolved(folder: Path, overlay: Any) -> list[Any]:
    """The objects of an overlay."""
    assert overlay.keys() <= KNOWN, f"the resolver does not know {overlay.keys() - KNOWN}"
    objects: list[Any] = []
    for name in overlay["resources"]:
        path = folder / name
        inner = path / "kustomization.yaml"
        # Through JSON: what YAML's anchors share is two things in a patch.
        objects += (
            resolved(path, yaml.safe_load(inner.read_text()))
            if path.is_dir()
            else json.loads(json.dumps(documents(path)))
        )
    for patch in overlay.get("patches", []):
        target = patch["target"]
        (found,) = (
            each for each in objects if (each["kind"], each["metadata"]["name"]) == (target["kind"], target["name"])
        )
        for operation in yaml.safe_load(patch["patch"]):
            apply(found, operation)
    return objects


def apply(document: Any, operation: Any) -> None:
    """One operation of RFC 6902; where it does not fit it raises, as kustomize does."""
    *way, last = [word.replace("~1", "/").replace("~0", "~") for word in operation["path"].split("/")[1:]]
    for word in way:
        document = document[int(word)] if isinstance(document, list) else document[word]
    at: Any = int(last) if isinstance(document, list) else last
    match operation["op"]:
        case "test":
            assert document[at] == operation["value"], operation
        case "replace":
            document[at]
            document[at] = copy.deepcopy(operation["value"])
        case "remove":
            del document[at]
        case "add":
            assert isinstance(document, dict), "an insertion into a list, which the resolver does not know"
            document[at] = copy.deepcopy(operation["value"])
        case other:
            raise AssertionError(f"the resolver does not know {other}")


def worker(objects: list[Any]) -> Any:
    (job,) = (each for each in objects if each["kind"] == "RayJob")
    return job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_accepted(name: str) -> None:
    assert kubernetes_problems(resolved(FOLDER / name, OVERLAYS[name]), SECRETS) == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_kustomize_gives_the_same(name: str) -> None:
    program = ["kustomize", "build"] if shutil.which("kustomize") else ["kubectl", "kustomize"]
    if shutil.which(program[0]) is None:
        pytest.skip("kustomize and kubectl are missing: https://kubectl.docs.kubernetes.io/installation/kustomize/")
    done = subprocess.run([*program, str(FOLDER / name)], capture_output=True, text=True, check=True, timeout=60)

    def in_order(objects: list[Any]) -> list[Any]:
        return sorted(objects, key=lambda each: (each["kind"], each["metadata"]["name"]))

    assert in_order(list(yaml.safe_load_all(done.stdout))) == in_order(resolved(FOLDER / name, OVERLAYS[name]))


def test_each_overlay_is_what_its_name_says() -> None:
    found = {name: worker(resolved(FOLDER / name, overlay)) for name, overlay in OVERLAYS.items()}
    pods = {name: each["template"]["spec"] for name, each in found.items()}
    gpus = {name: pod["containers"][0]["resources"]["limits"].get(GPU) for name, pod in pods.items()}
    assert gpus == {"cpu": None, "gpu": "1", "spot": "1"}
    tolerated = {name: {each["key"] for each in pod["tolerations"]} for name, pod in pods.items()}
    assert tolerated == {"cpu": SPOT, "gpu": {GPU}, "spot": SPOT | {GPU}}
    assert [name for name, pod in pods.items() if "affinity" in pod] == ["spot"]


def _operations(overlay: Any, change: Callable[[list[Any]], Any]) -> None:
    operations = yaml.safe_load(overlay["patches"][0]["patch"])
    change(operations)
    overlay["patches"][0]["patch"] = yaml.safe_dump(operations)


MUTATIONS: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "GPUs that no trial uses": ("cpu", lambda o: _operations(o, lambda p: p.pop(4)), "GPUs that no trial uses"),
    "a GPU for the driver's trials alone": ("cpu", lambda o: _operations(o, lambda p: p.pop(2)), "env differs"),
    "a spot machine that turns away": (
        "spot",
        lambda o: _operations(o, lambda p: p.append({**REMOVED, "path": f"{TOLERATIONS}/2"})),
        "tolerates none of kubernetes.azure.com/scalesetpriority",
    ),
    "a GPU that turns away": (
        "gpu",
        lambda o: _operations(o, lambda p: p.append({**REMOVED, "path": f"{TOLERATIONS}/0"})),
        "tolerates no node with GPUs",
    ),
    "a key that is none": (
        "spot",
        lambda o: _operations(o, lambda p: p[1].update(path=p[1]["path"].replace("affinity", "afinity"))),
        "afinity",
    ),
}
REMOVED = {"op": "remove"}
TOLERATIONS = "/spec/rayClusterSpec/workerGroupSpecs/0/template/spec/tolerations"


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    overlay, mutate, expected = MUTATIONS[name]
    document = copy.deepcopy(OVERLAYS[overlay])
    mutate(document)
    assert expected in "\n".join(kubernetes_problems(resolved(FOLDER / overlay, document), SECRETS))


@pytest.mark.parametrize("operation", [
    {"op": "test", "path": "/a/0", "value": 2}, {"op": "replace", "path": "/c", "value": 2}, {"op": "remove", "path": "/a/3"},
    {"op": "move", "path": "/a", "from": "/b"}, {"op": "add", "path": "/a/0", "value": 2},
])  # fmt: skip
def test_a_patch_that_does_not_fit_is_refused(operation: Any) -> None:
    with pytest.raises((AssertionError, KeyError, IndexError)):
        apply({"a": [1]}, operation)
