"""The Kubernetes files by their schemas and by each other; and mutations that must not pass."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from compose_checks import DEPLOY
from kubernetes_checks import GPU, RAY_JOB_SCHEMA, documents, kubernetes_problems, promised_secrets

BASE = DEPLOY / "kustomize/base"
FILES = BASE / "kubernetes.yaml", BASE / "kuberay-rayjob.yaml"
ORIGINAL = documents(*FILES)
SECRETS = promised_secrets(*FILES)


def test_the_files_are_accepted_together() -> None:
    assert kubernetes_problems(ORIGINAL, SECRETS) == []


def test_the_reduced_schema_is_a_schema_and_closed() -> None:
    jsonschema.Draft202012Validator.check_schema(RAY_JOB_SCHEMA)
    spec = RAY_JOB_SCHEMA["properties"]["spec"]
    cluster = spec["properties"]["rayClusterSpec"]
    assert spec["additionalProperties"] is cluster["additionalProperties"] is False


def test_the_cluster_has_the_ray_that_is_tested() -> None:
    constraints = (DEPLOY.parent / "constraints.txt").read_text().split()
    assert f"ray=={_job(ORIGINAL)['spec']['rayClusterSpec']['rayVersion']}" in constraints


def test_the_sweep_of_the_config_map_is_sound(tmp_path: Path) -> None:
    from gensweep.spaces.check import load_and_check

    (tmp_path / "sweep.yaml").write_text(_named(ORIGINAL, "ConfigMap", "gensweep-sweep")["data"]["sweep.yaml"])
    assert load_and_check(tmp_path / "sweep.yaml", ["resources.gpu=1"]).resources.gpu == 1


def test_the_volume_that_all_pods_write_is_shared() -> None:
    claims = {each["metadata"]["name"]: each for each in ORIGINAL if each["kind"] == "PersistentVolumeClaim"}
    assert claims["gensweep-runs"]["spec"]["accessModes"] == ["ReadWriteMany"]


def _job(objects: list[Any]) -> Any:
    return next(each for each in objects if each["kind"] == "RayJob")


def _cluster(objects: list[Any]) -> Any:
    return _job(objects)["spec"]["rayClusterSpec"]


def _worker(objects: list[Any]) -> Any:
    return _cluster(objects)["workerGroupSpecs"][0]


def _container(objects: list[Any]) -> Any:
    return _worker(objects)["template"]["spec"]["containers"][0]


def _named(objects: list[Any], kind: str, name: str) -> Any:
    return next(each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name))


def _server(objects: list[Any]) -> Any:
    return _named(objects, "Deployment", "mlflow")["spec"]["template"]["spec"]["containers"][0]


def _gpu_in_requests(objects: list[Any]) -> None:
    resources = _container(objects)["resources"]
    resources["requests"][GPU] = resources["limits"].pop(GPU)


def _replace(objects: list[Any], old: str, new: str) -> None:
    data = _named(objects, "ConfigMap", "gensweep-sweep")["data"]
    assert old in data["run.sh"]
    data["run.sh"] = data["run.sh"].replace(old, new)


def _tolerations(objects: list[Any]) -> Any:
    return _worker(objects)["template"]["spec"]["tolerations"]


def _backup(objects: list[Any]) -> Any:
    return _named(objects, "CronJob", "backup")["spec"]


def _in_backup(objects: list[Any], old: str, new: str) -> None:
    command = _backup(objects)["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["command"]
    assert old in command[-1]
    command[-1] = command[-1].replace(old, new)


Mutation = tuple[Callable[[list[Any]], Any], str]
JOB: dict[str, Mutation] = {
    "the old version": (lambda o: _job(o).update(apiVersion="ray.io/v1alpha1"), "ray.io/v1"),
    "unknown key of the job": (lambda o: _job(o)["spec"].update(backOffLimit=3), "backOffLimit"),
    "unknown key of the cluster": (lambda o: _cluster(o).update(authOption={}), "authOption"),
    "unknown key of a group": (lambda o: _worker(o).update(maxReplica=1), "maxReplica"),
    "unknown key of a template's pod": (lambda o: _worker(o)["template"]["spec"].update(volume=[]), "volume"),
    "no entrypoint": (lambda o: _job(o)["spec"].pop("entrypoint"), "entrypoint"),
    "no head": (lambda o: _cluster(o).pop("headGroupSpec"), "headGroupSpec"),
    "no group name": (lambda o: _worker(o).pop("groupName"), "groupName"),
    "backoffLimit as text": (lambda o: _job(o)["spec"].update(backoffLimit="3"), "'3' is not of type 'integer'"),
    "no backoffLimit": (lambda o: _job(o)["spec"].pop("backoffLimit"), "backoffLimit"),
    "num-cpus as an integer": (
        lambda o: _cluster(o)["headGroupSpec"]["rayStartParams"].update({"num-cpus": 0}),
        "0 is not of type 'string'",
    ),
    "trials on the head": (lambda o: _cluster(o)["headGroupSpec"].update(rayStartParams={}), 'num-cpus "0"'),
    "an entrypoint that waits for ever": (lambda o: _job(o)["spec"].update(entrypointNumCpus=1), "never be met"),
    "an unknown submission mode": (lambda o: _job(o)["spec"].update(submissionMode="K8SJob"), "K8SJob"),
    "no authentication": (lambda o: _cluster(o).pop("authOptions"), "authOptions"),
    "an unknown authentication": (lambda o: _cluster(o)["authOptions"].update(mode="tokens"), "tokens"),
    "a Ray too old for tokens": (lambda o: _cluster(o).update(rayVersion="2.51.0"), "2.52"),
    "rayVersion as a number": (lambda o: _cluster(o).update(rayVersion=2.6), "2.6 is not of type 'string'"),
    "a lifetime without an end": (lambda o: _job(o)["spec"].pop("shutdownAfterJobFinishes"), "shutdownAfterJob"),
    "a name that is no label": (lambda o: _job(o)["metadata"].update(name="Gen_Sweep"), "Gen_Sweep"),
    "more replicas than allowed": (lambda o: _worker(o).update(replicas=9), "replicas outside"),
    "runs on no volume": (lambda o: _replace(o, "--runs /shared", "--runs /tmp"), "on no volume"),
    "runs nowhere": (lambda o: _replace(o, " --runs /shared/runs", ""), "on no volume"),
    "a cluster of its own": (lambda o: _replace(o, " --address auto", ""), "does not join"),
    "a sweep of another image": (lambda o: _replace(o, "/sweep/sweep.yaml", "search_spaces/wae.yaml"), "no sweep of a"),
    "a script that is not there": (lambda o: _job(o)["spec"].update(entrypoint="sh /sweep/start.sh"), "no sweep of a"),
    "a ConfigMap of another name": (
        lambda o: _named(o, "ConfigMap", "gensweep-sweep")["metadata"].update(name="sweep"),
        "no sweep of a",
    ),
    "failed trials tried again": (
        lambda o: _replace(o, '"$code" -eq 3', '"$code" -eq 4'),
        "exit code 3 becomes another",
    ),
    "an interruption that is done": (lambda o: _replace(o, 'exit "$code"', "exit 0"), "exit code 75 becomes another"),
    "no autoscaler": (lambda o: _cluster(o).pop("enableInTreeAutoscaling"), "maxReplicas without"),
    "an autoscaler without an account": (
        lambda o: _cluster(o)["headGroupSpec"]["template"]["spec"].update(automountServiceAccountToken=False),
        "cannot speak to Kubernetes",
    ),
    "an autoscaler without limits": (lambda o: _cluster(o)["autoscalerOptions"].pop("resources"), "no memory limit"),
    "an autoscaler with privileges": (
        lambda o: _cluster(o)["autoscalerOptions"].pop("securityContext"),
        "autoscaler may gain privileges",
    ),
    "an unknown key of the autoscaler": (
        lambda o: _cluster(o)["autoscalerOptions"].update(idleTimeout=3),
        "idleTimeout",
    ),
    "no place ever": (lambda o: _worker(o).update(minReplicas=0, replicas=0, maxReplicas=0), "never has a place"),
    "no toleration of GPUs": (lambda o: _tolerations(o).pop(0), "tolerates no node with GPUs"),
    "GPUs that nobody says": (lambda o: _replace(o, 'resources.gpu="$GPUS"', ""), "how many GPUs"),
    "GPUs as a word": (lambda o: _container(o)["env"][0].update(value="one"), "how many GPUs"),
    "a head on a spot node": (
        lambda o: _cluster(o)["headGroupSpec"]["template"]["spec"].update(tolerations=_tolerations(o)),
        "the whole Ray is lost",
    ),
    "a toleration without a key": (lambda o: _tolerations(o)[0].update(kee="x"), "kee"),
    "GPU outside limits": (_gpu_in_requests, "outside limits"),
    "no GPU at all": (lambda o: _container(o)["resources"]["limits"].pop(GPU), "no worker group has one"),
    "GPU as a word": (lambda o: _container(o)["resources"]["limits"].update({GPU: [1]}), GPU),
    "another image": (lambda o: _container(o).update(image="gensweep:0.2.0"), "image differs"),
    "a worker without the data folder": (lambda o: _container(o).update(env=_container(o)["env"][1:]), "env differs"),
    "a dangling claim": (
        lambda o: _worker(o)["template"]["spec"]["volumes"][0].update(persistentVolumeClaim={"claimName": "runs"}),
        "no PersistentVolumeClaim runs",
    ),
    "a dangling volume": (
        lambda o: _container(o)["volumeMounts"][0].update(name="sharedd"),
        "no volume sharedd",
    ),
    "root": (lambda o: _worker(o)["template"]["spec"].pop("securityContext"), "may run as root"),
    "Ray's own variables shadowed": (
        lambda o: _worker(o)["template"]["spec"].pop("enableServiceLinks"),
        "MLFLOW_PORT",
    ),
}
CORE: dict[str, Mutation] = {
    "a dead apiVersion": (
        lambda o: _named(o, "Deployment", "mlflow").update(apiVersion="apps/v1beta1"),
        "apps/v1beta1",
    ),
    "unknown key": (lambda o: _named(o, "Service", "mlflow")["spec"].update(selectors={}), "selectors"),
    "a replica count as text": (lambda o: _named(o, "Deployment", "mlflow")["spec"].update(replicas="1"), "'1'"),
    "port as text": (lambda o: _named(o, "Service", "mlflow")["spec"]["ports"][0].update(port="5000"), "'5000'"),
    "a service with other labels": (
        lambda o: _named(o, "Service", "mlflow")["spec"].update(selector={"app": "mlflow"}),
        "no pod has its labels",
    ),
    "a service with another port": (
        lambda o: _named(o, "Service", "postgres")["spec"]["ports"][0].update(targetPort="postgres"),
        "targetPort",
    ),
    "a selector that misses its pods": (
        lambda o: _named(o, "Deployment", "mlflow")["spec"]["selector"].update(matchLabels={"app": "mlflow"}),
        "does not match its own pods",
    ),
    "a claim that nobody makes": (
        lambda o: o.remove(_named(o, "PersistentVolumeClaim", "mlflow-artifacts")),
        "no PersistentVolumeClaim mlflow-artifacts",
    ),
    "a secret that nobody makes": (
        lambda o: _server(o)["env"][-1]["valueFrom"]["secretKeyRef"].update(name="mlflow"),
        "in a secret mlflow",
    ),
    "a key that the secret lacks": (
        lambda o: _server(o)["env"][-1]["valueFrom"]["secretKeyRef"].update(key="password"),
        "no key password",
    ),
    "a password in the file": (
        lambda o: _server(o)["env"].append({"name": "MLFLOW_TRACKING_PASSWORD", "value": "x"}),
        "written into the file",
    ),
    "a database that is not there": (
        lambda o: o.remove(_named(o, "Service", "postgres")),
        "no Service serves postgres:5432",
    ),
    "a stateful set without its service": (
        lambda o: _named(o, "StatefulSet", "postgres")["spec"].update(serviceName="db"),
        "no Service db",
    ),
    "a renamed tracking server": (
        lambda o: _named(o, "Service", "mlflow")["metadata"].update(name="tracking"),
        "no Service serves mlflow:5000",
    ),
    "a host that is refused": (
        lambda o: _server(o).update(command=[word.replace("mlflow:5000", "x:1") for word in _server(o)["command"]]),
        "refuses mlflow:5000",
    ),
    "latest": (lambda o: _server(o).update(image="gensweep-tracking:latest"), "not pinned"),
    "a privilege to gain": (lambda o: _server(o).pop("securityContext"), "may gain privileges"),
    "a capability back": (
        lambda o: _container(o)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
        "may gain privileges",
    ),
    "a database that everybody reaches": (
        lambda o: o.remove(_named(o, "NetworkPolicy", "gensweep-postgres")),
        "StatefulSet postgres: reached by every pod",
    ),
    "a worker that the policies forget": (
        lambda o: _worker(o)["template"].pop("metadata"),
        "RayJob gpu: reached by every pod",
    ),
    "a policy on what goes out alone": (
        lambda o: _named(o, "NetworkPolicy", "gensweep-mlflow")["spec"].update(policyTypes=["Egress"]),
        "Deployment mlflow: reached by every pod",
    ),
    "a policy that lets everybody in": (
        lambda o: _named(o, "NetworkPolicy", "gensweep-postgres")["spec"]["ingress"][0].pop("from"),
        "lets everybody in",
    ),
    "a policy with a rule for nothing": (
        lambda o: _named(o, "NetworkPolicy", "gensweep-ray")["spec"]["ingress"].append({}),
        "lets everybody in",
    ),
    "a policy that names other labels": (
        lambda o: _named(o, "NetworkPolicy", "gensweep-mlflow")["spec"]["ingress"][0].update(
            {"from": [{"podSelector": {"matchLabels": {"app": "ray"}}}]}
        ),
        "no pod has the labels",
    ),
    "a policy on another port": (
        lambda o: _named(o, "NetworkPolicy", "gensweep-postgres")["spec"]["ingress"][0].update(ports=[{"port": "db"}]),
        "no port db",
    ),
    "a pod in the node's network": (
        lambda o: _worker(o)["template"]["spec"].update(hostNetwork=True),
        "no NetworkPolicy holds",
    ),
    "an unknown key of a policy": (
        lambda o: _named(o, "NetworkPolicy", "gensweep-ray")["spec"].update(ingres=[]),
        "ingres",
    ),
    "a server that is never asked": (lambda o: _server(o).pop("readinessProbe"), "no readinessProbe"),
    "a database that is never asked": (
        lambda o: _named(o, "StatefulSet", "postgres")["spec"]["template"]["spec"]["containers"][0].pop(
            "readinessProbe"
        ),
        "no readinessProbe",
    ),
    "a server that is asked elsewhere": (
        lambda o: _server(o)["livenessProbe"]["httpGet"].update(port="web"),
        "no port web",
    ),
    "a server that is asked by a name that it refuses": (
        lambda o: _server(o)["readinessProbe"]["httpGet"]["httpHeaders"][0].update(value="tracking:5000"),
        "refuses tracking:5000",
    ),
    "two backups at once": (lambda o: _backup(o).update(concurrencyPolicy="Allow"), "two backups at once"),
    "a backup that hangs": (lambda o: _backup(o)["jobTemplate"]["spec"].pop("activeDeadlineSeconds"), "that hangs"),
    "half a backup": (
        lambda o: _in_backup(o, "mlflow > /backups/part\n", "mlflow > /backups/part || true\n"),
        "ends with 0",
    ),
    "all backups": (lambda o: _in_backup(o, "tail -n +8", "tail -n +80"), "keeps"),
    "the oldest backups": (lambda o: _in_backup(o, "sort -r", "sort"), "keeps"),
    "a backup that cannot reach the database": (
        lambda o: _named(o, "CronJob", "backup")["spec"]["jobTemplate"]["spec"]["template"].pop("metadata"),
        "CronJob backup: reached by every pod",
    ),
    "a backup of an hour that is none": (lambda o: _backup(o).update(shedule="1 2 * * *"), "shedule"),
    "no memory limit": (lambda o: _server(o)["resources"].pop("limits"), "no memory limit"),
}


@pytest.mark.parametrize("name", [*JOB, *CORE])
def test_a_mutation_is_caught(name: str) -> None:
    mutate, expected = (JOB | CORE)[name]
    objects = copy.deepcopy(ORIGINAL)
    mutate(objects)
    assert expected in "\n".join(kubernetes_problems(objects, SECRETS))
