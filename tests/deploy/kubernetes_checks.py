"""What is wrong with the Kubernetes files: schemas first, then the names that must meet across objects."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import kubernetes_validate
import yaml

Object = dict[str, Any]
RAY_JOB_SCHEMA = yaml.safe_load((Path(__file__).parent / "rayjob.schema.yaml").read_text())
KUBERNETES = "1.37"
GPU = "nvidia.com/gpu"
SPOT = {"cloud.google.com/gke-spot", "kubernetes.azure.com/scalesetpriority"}
OURS = "GENSWEEP_", "RAY_", "MLFLOW_"


def documents(*files: Path) -> list[Object]:
    """Every object of these files."""
    return [document for file in files for document in yaml.safe_load_all(file.read_text())]


def promised_secrets(*files: Path) -> dict[str, set[str]]:
    """Name -> keys of the secrets that a file's head tells the reader to create; no file holds one."""
    command = re.compile(r"kubectl create secret generic (\S+) (.*)")
    found = (match for file in files for match in command.finditer(file.read_text()))
    return {match[1]: set(re.findall(r"--from-literal=([\w.-]+)=", match[2])) for match in found}


def kubernetes_problems(objects: Sequence[Object], secrets: Mapping[str, set[str]]) -> list[str]:
    """Every reason not to apply these objects together; an empty list when there is none."""
    problems = [problem for document in objects for problem in _schema_problems(document)]
    if problems:
        return problems
    for document in objects:
        problems += _ray_job_problems(document) if document["kind"] == "RayJob" else _selector_problems(document)
        problems += _backup_problems(document) if document["kind"] == "CronJob" else []
        problems += _health_problems(document) if document["kind"] in ("Deployment", "StatefulSet") else []
        if document["kind"] == "RayJob":
            problems += [*_entrypoint_problems(document["spec"], objects), *_scaling_problems(document["spec"])]
    for where, spec in _pods(objects):
        problems += [f"{where}: {problem}" for problem in _pod_problems(spec, objects, secrets)]
    return [*problems, *_service_problems(objects), *_host_problems(objects), *_policy_problems(objects)]


def _schema_problems(document: Object) -> Iterator[str]:
    if document["kind"] == "RayJob":
        for error in jsonschema.Draft202012Validator(RAY_JOB_SCHEMA).iter_errors(document):
            yield f"RayJob {'.'.join(map(str, error.absolute_path))}: {error.message}"
        cluster = (document.get("spec") or {}).get("rayClusterSpec") or {}
        groups = [cluster.get("headGroupSpec", {}), *cluster.get("workerGroupSpecs", [])]
        # A pod template is a Pod but for its kind; as one it gets Kubernetes' own schema.
        pods = [{"apiVersion": "v1", "kind": "Pod", **group["template"]} for group in groups if "template" in group]
        yield from (problem for pod in pods for problem in _schema_problems(pod))
        return
    problem = _core_problem(json.dumps(document))
    if problem:
        yield problem


@cache
def _core_problem(text: str) -> str:
    document = json.loads(text)
    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{document['kind']} {'.'.join(map(str, error.path))}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        return f"Kubernetes {KUBERNETES} has no {document['apiVersion']} {document['kind']}"
    return ""


def _ray_job_problems(document: Object) -> Iterator[str]:
    spec = document["spec"]
    cluster = spec["rayClusterSpec"]
    if spec.get("ttlSecondsAfterFinished") and not spec.get("shutdownAfterJobFinishes"):
        yield "RayJob: ttlSecondsAfterFinished needs shutdownAfterJobFinishes"
    if not spec.get("backoffLimit"):
        yield "RayJob: no backoffLimit, so a lost head ends the sweep"
    if cluster.get("authOptions", {}).get("mode") != "token":
        yield "RayJob: without authOptions.mode token whoever reaches the head runs code"
    if tuple(map(int, cluster["rayVersion"].split("."))) < (2, 52):
        yield "RayJob: token authentication needs Ray 2.52"
    head = cluster["headGroupSpec"]
    if head["rayStartParams"].get("num-cpus") != "0":
        yield 'RayJob: head without num-cpus "0" runs trials beside the driver'
    if spec.get("entrypointNumCpus"):
        yield "RayJob: entrypointNumCpus can never be met by a head of 0 CPUs"
    for group in cluster["workerGroupSpecs"]:
        if not group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]:
            yield f"RayJob {group['groupName']}: replicas outside minReplicas and maxReplicas"
        yield from _worker_problems(head, group)


def _worker_problems(head: Object, group: Object) -> Iterator[str]:
    """A worker reads and writes the driver's folders: same image, same settings, same mounts."""
    mine, driver = (each["template"]["spec"]["containers"][0] for each in (group, head))
    for key in ("image", "env", "volumeMounts"):
        if mine.get(key) != driver.get(key):
            yield f"RayJob {group['groupName']}: {key} differs from the head's"
    if group["template"]["spec"].get("volumes") != head["template"]["spec"].get("volumes"):
        yield f"RayJob {group['groupName']}: volumes differ from the head's"


def _scaling_problems(spec: Object) -> Iterator[str]:
    """The autoscaler beside the head asks Kubernetes' API, and new pods go to tainted nodes."""
    cluster = spec["rayClusterSpec"]
    head, groups = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    grows = any(group["minReplicas"] < group["maxReplicas"] for group in groups)
    if grows and not cluster.get("enableInTreeAutoscaling"):
        yield "RayJob: maxReplicas without enableInTreeAutoscaling means nothing"
    if cluster.get("enableInTreeAutoscaling"):
        if head["template"]["spec"].get("automountServiceAccountToken") is False:
            yield "RayJob head: the autoscaler cannot speak to Kubernetes without its account's token"
        options = cluster.get("autoscalerOptions", {})
        yield from (f"RayJob: {problem}" for problem in _privilege_problems({"name": "autoscaler", **options}))
        yield from (f"RayJob: {problem}" for problem in _resource_problems({"name": "autoscaler", **options}))
    for group in groups:
        pod = group["template"]["spec"]
        tolerated = {each["key"] for each in pod.get("tolerations", [])}
        if GPU in pod["containers"][0]["resources"]["limits"] and GPU not in tolerated:
            yield f"RayJob {group['groupName']}: tolerates no node with GPUs"
        if not group["maxReplicas"]:
            yield f"RayJob {group['groupName']}: never has a place for a trial"
        terms = json.dumps(pod.get("affinity", {}))
        if missing := {key for key in SPOT if key in terms} - tolerated:
            yield f"RayJob {group['groupName']}: goes to spot nodes alone and tolerates none of {', '.join(sorted(missing))}"
    if {each["key"] for each in head["template"]["spec"].get("tolerations", [])} & SPOT:
        yield "RayJob head: on a spot node, with which the whole Ray is lost"


def _entrypoint_problems(spec: Object, objects: Sequence[Object]) -> Iterator[str]:
    """`sh /sweep/run.sh`, out of a ConfigMap: KubeRay splits the entrypoint at spaces and loses its quotes."""
    pod = spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    container = pod["containers"][0]
    script = _mounted(spec["entrypoint"].split()[-1], pod, objects)
    line = next((line for line in script.splitlines() if line.startswith("gensweep run ")), "")
    words = line.split()
    if not words or not _mounted(words[2], pod, objects):
        yield "RayJob: the entrypoint runs no sweep of a ConfigMap that is mounted"
        return
    mounts = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "shared"]
    folders = [words[words.index("--runs") + 1]] if "--runs" in words else [""]
    folders += [variable["value"] for variable in container["env"] if variable["name"] == "GENSWEEP_DATA"]
    for folder in folders:
        if not any(folder.startswith(f"{mount}/") for mount in mounts):
            yield f"RayJob: folder '{folder}' is on no volume, so a retry would find nothing"
    if " --address auto" not in line:
        yield "RayJob: the entrypoint does not join its cluster"
    gpus = {variable["name"]: variable.get("value") for variable in container["env"]}.get("GPUS", "")
    if 'resources.gpu="$GPUS"' not in words or not re.fullmatch(r"\d+(\.\d+)?", gpus or ""):
        yield "RayJob: GPUS does not say how many GPUs a trial takes"
    wants_gpu = gpus != "0"
    limits = [
        group["template"]["spec"]["containers"][0]["resources"]["limits"]
        for group in spec["rayClusterSpec"]["workerGroupSpecs"]
    ]
    if wants_gpu and not any(GPU in limit for limit in limits):
        yield "RayJob: the sweep asks for a GPU and no worker group has one in its limits"
    if not wants_gpu and any(GPU in limit for limit in limits):
        yield "RayJob: the pods take GPUs that no trial uses"
    for code, wanted in ((0, 0), (3, 0), (75, 75), (5, 5)):
        if _exit_code(script, code) != wanted:
            yield f"RayJob: exit code {code} becomes another one than {wanted}, on which backoffLimit acts"


def _mounted(path: str, pod: Object, objects: Sequence[Object]) -> str:
    """What a file of a ConfigMap says that a pod's first container sees; nothing where there is none."""
    volumes = {volume["name"]: volume.get("configMap", {}).get("name") for volume in pod["volumes"]}
    maps = {each["metadata"]["name"]: each["data"] for each in objects if each["kind"] == "ConfigMap"}
    folder, _, name = path.rpartition("/")
    for mount in pod["containers"][0]["volumeMounts"]:
        if mount["mountPath"] == folder:
            return str(maps.get(volumes.get(mount["name"]), {}).get(name, ""))
    return ""


@cache
def _exit_code(script: str, code: int) -> int:
    """Of the script, where gensweep ends with `code`."""
    stand_in = f"gensweep() {{ return {code}; }}\n{script}"
    return subprocess.run(["sh", "-c", stand_in], capture_output=True, check=False).returncode


def _spec(document: Object) -> Object:
    """What has the template of its pods; of a CronJob that of its jobs."""
    spec: Object = document.get("spec", {})
    return spec.get("jobTemplate", {}).get("spec", spec)


def _backup_problems(document: Object) -> Iterator[str]:
    spec = document["spec"]
    if spec.get("concurrencyPolicy") != "Forbid":
        yield "CronJob: two backups at once write one file"
    if "activeDeadlineSeconds" not in spec["jobTemplate"]["spec"]:
        yield "CronJob: a backup that hangs holds back all that follow"
    script = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["command"][-1]
    yield from (f"CronJob: {problem}" for problem in _script_problems(script))


@cache
def _script_problems(script: str) -> tuple[str, ...]:
    """The script in a folder with nine backups and a stand-in for pg_dump, which works and then does not."""
    with tempfile.TemporaryDirectory() as name:
        folder, problems = Path(name), list[str]()
        for day in range(10, 19):
            (folder / f"mlflow-202601{day}T031700Z.dump").touch()
        for code in (0, 1):
            stand_in = f"pg_dump() {{ echo whole; return {code}; }}\n"
            text = stand_in + script.replace("/backups", name)
            done = subprocess.run(["sh", "-euc", text], capture_output=True, check=False)
            kept = sorted(file.name for file in folder.glob("mlflow-*.dump"))
            if done.returncode != code:
                problems.append(f"ends with {done.returncode} where pg_dump ends with {code}")
            if (
                len(kept) != 7
                or (folder / kept[-1]).read_text() != "whole\n"
                or kept[0] != "mlflow-20260113T031700Z.dump"
            ):
                problems.append(f"keeps {kept}")
        return tuple(problems)


def _health_problems(document: Object) -> Iterator[str]:
    """What runs on says whether it is well; of Ray's pods KubeRay asks by itself."""
    for container in document["spec"]["template"]["spec"]["containers"]:
        if not container.get("readinessProbe"):
            yield f"{document['kind']} {container['name']}: is reached before it is ready: no readinessProbe"
        for kind in ("readinessProbe", "livenessProbe"):
            port = container.get(kind, {}).get("httpGet", {}).get("port")
            if port is not None and port not in {each["name"] for each in container["ports"]}:
                yield f"{document['kind']} {container['name']}: no port {port}, which its {kind} asks"


def _pods(objects: Sequence[Object]) -> Iterator[tuple[str, Object]]:
    for document in objects:
        spec = _spec(document)
        if "rayClusterSpec" in spec:
            cluster = spec["rayClusterSpec"]
            for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
                yield f"RayJob {group.get('groupName', 'head')}", group["template"]["spec"]
        elif "template" in spec:
            claims = [{"name": claim["metadata"]["name"]} for claim in spec.get("volumeClaimTemplates", [])]
            pod = spec["template"]["spec"]
            yield (
                f"{document['kind']} {document['metadata']['name']}",
                pod | {"volumes": pod.get("volumes", []) + claims},
            )


def _pod_problems(spec: Object, objects: Sequence[Object], secrets: Mapping[str, set[str]]) -> Iterator[str]:
    claims = {each["metadata"]["name"]: each for each in objects if each["kind"] == "PersistentVolumeClaim"}
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    for volume in volumes.values():
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claim and claim not in claims:
            yield f"no PersistentVolumeClaim {claim}"
    if not spec.get("securityContext", {}).get("runAsNonRoot"):
        yield "may run as root"
    if spec.get("enableServiceLinks") is not False and any(each["kind"] == "Service" for each in objects):
        prefixes = {f"{each['metadata']['name'].upper()}_" for each in objects if each["kind"] == "Service"}
        for clash in sorted(prefixes & set(OURS)):
            yield f"a Service puts {clash}PORT into this pod: set enableServiceLinks to false"
    for container in spec["containers"]:
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"no volume {mount['name']}"
        yield from _privilege_problems(container)
        yield from _secret_problems(container, secrets)
        yield from _resource_problems(container)
        if not re.search(r":v?\d+\.\d+", container["image"]):
            yield f"image {container['image']} is not pinned to a version"


def _privilege_problems(container: Object) -> Iterator[str]:
    inside = container.get("securityContext", {})
    if inside.get("allowPrivilegeEscalation") is not False or inside.get("capabilities") != {"drop": ["ALL"]}:
        yield f"{container['name']} may gain privileges"


def _secret_problems(container: Object, secrets: Mapping[str, set[str]]) -> Iterator[str]:
    for variable in container.get("env", []):
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        if reference and reference["key"] not in secrets.get(reference["name"], set()):
            yield f"no key {reference['key']} in a secret {reference['name']}"
        if not reference and re.search("PASSWORD|SECRET|TOKEN$", variable["name"]):
            yield f"{variable['name']} is written into the file"


def _resource_problems(container: Object) -> Iterator[str]:
    resources = container.get("resources", {})
    requests, limits = resources.get("requests", {}), resources.get("limits", {})
    if "memory" not in limits:
        yield f"{container['name']} has no memory limit"
    if GPU in requests and requests[GPU] != limits.get(GPU):
        yield f"{container['name']} asks for GPUs outside limits"


def _selector_problems(document: Object) -> Iterator[str]:
    spec = document.get("spec", {})
    if (
        "template" in spec
        and not spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    ):
        yield f"{document['kind']} {document['metadata']['name']}: its selector does not match its own pods"


def _service_problems(objects: Sequence[Object]) -> Iterator[str]:
    services = {each["metadata"]["name"]: each for each in objects if each["kind"] == "Service"}
    pods = [each["spec"]["template"] for each in objects if each["kind"] in ("Deployment", "StatefulSet")]
    for name, service in services.items():
        behind = [pod for pod in pods if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()]
        ports = {port["name"] for pod in behind for each in pod["spec"]["containers"] for port in each["ports"]}
        if not behind:
            yield f"Service {name}: no pod has its labels"
        elif any(port["targetPort"] not in ports for port in service["spec"]["ports"]):
            yield f"Service {name}: no container has its targetPort"
    for each in objects:
        if each["kind"] == "StatefulSet" and each["spec"]["serviceName"] not in services:
            yield f"StatefulSet {each['metadata']['name']}: no Service {each['spec']['serviceName']}"


def _host_problems(objects: Sequence[Object]) -> Iterator[str]:
    """Addresses inside settings and command lines must be Services, and MLflow must answer to the name that is used."""
    served = {
        f"{each['metadata']['name']}:{port['port']}"
        for each in objects
        if each["kind"] == "Service"
        for port in each["spec"]["ports"]
    }
    containers = [container for _, spec in _pods(objects) for container in spec["containers"]]
    values = [variable.get("value", "") for container in containers for variable in container.get("env", [])]
    values += [word for container in containers for word in container.get("command", [])]
    used = {urlsplit(value).netloc.rpartition("@")[2] for value in values if "://" in value}
    yield from (f"no Service serves {host}" for host in sorted(used - served))
    for container in containers:
        command = container.get("command", [])
        if command[:2] == ["mlflow", "server"]:
            allowed = command[command.index("--allowed-hosts") + 1].split(",") if "--allowed-hosts" in command else []
            headers = container.get("readinessProbe", {}).get("httpGet", {}).get("httpHeaders", [])
            probes = {header["value"] for header in headers if header["name"] == "Host"}
            asked = {host for host in used if host.startswith("mlflow:")} | probes
            yield from (f"--allowed-hosts refuses {host}" for host in sorted(asked - set(allowed)))


def _policy_problems(objects: Sequence[Object]) -> Iterator[str]:
    """Every pod is behind a policy on who may reach it, and every name in one is a pod's or a port's."""
    pods = list(_templates(objects))
    policies = [each["spec"] for each in objects if each["kind"] == "NetworkPolicy"]
    for where, pod in pods:
        mine = [policy for policy in policies if _selects(policy["podSelector"], pod)]
        if not any("Ingress" in policy["policyTypes"] for policy in mine):
            yield f"{where}: reached by every pod of the cluster: no NetworkPolicy selects it"
        if pod["spec"].get("hostNetwork"):
            yield f"{where}: is in the node's network, where no NetworkPolicy holds"
    for policy in policies:
        selected = [pod for _, pod in pods if _selects(policy["podSelector"], pod)]
        yield from _rule_problems(policy, selected, [pod for _, pod in pods])


def _rule_problems(policy: Object, selected: Sequence[Object], pods: Sequence[Object]) -> Iterator[str]:
    if not selected or not policy["podSelector"]:
        yield f"NetworkPolicy for {policy['podSelector']}: selects no pod, or all"
    served = {port["name"] for pod in selected for each in pod["spec"]["containers"] for port in each.get("ports", [])}
    for rule in policy.get("ingress", []):
        if not rule.get("from") and [port["port"] for port in rule.get("ports", [])] != ["dashboard"]:
            yield f"NetworkPolicy for {policy['podSelector']}: lets everybody in"
        yield from (
            f"NetworkPolicy: no port {port['port']}" for port in rule.get("ports", []) if port["port"] not in served
        )
    for peer in [peer for rule in [*policy.get("ingress", []), *policy.get("egress", [])] for key in ("from", "to")
                 for peer in rule.get(key, [])]:  # fmt: skip
        if not any(_selects(peer["podSelector"], pod) for pod in pods):
            yield f"NetworkPolicy: no pod has the labels {peer['podSelector']}"


def _selects(selector: Object, pod: Object) -> bool:
    labels = pod.get("metadata", {}).get("labels", {})
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def _templates(objects: Sequence[Object]) -> Iterator[tuple[str, Object]]:
    for document in objects:
        spec = _spec(document)
        if "rayClusterSpec" in spec:
            cluster = spec["rayClusterSpec"]
            for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
                yield f"RayJob {group.get('groupName', 'head')}", group["template"]
        elif "template" in spec:
            yield f"{document['kind']} {document['metadata']['name']}", spec["template"]
