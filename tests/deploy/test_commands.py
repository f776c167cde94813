"""Every command line that deploy/ shows or runs must still parse: gensweep's, MLflow's, Ray's and Compose's."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_checks import DEPLOY, resolved

ROOT = DEPLOY.parent
BASE = DEPLOY / "kustomize/base"
PROGRAMS = "gensweep", "mlflow", "ray", "docker"


def shown(file: Path) -> Iterator[str]:
    """The command lines for a reader: shell blocks and `code` of the page, indented lines of a file's comments."""
    text = file.read_text()
    if file.suffix == ".md":
        lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
        # Of `code` within sentences, only whole commands: `gensweep run` names the command.
        spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
        lines += [span for span in spans if span.count(" ") > 1]
    else:
        lines = re.findall(r"^\s*#   (\S.*)$", text, re.M)
    begins = re.compile(rf"(mkdir|{'|'.join(PROGRAMS)}) ")
    yield from (line for line in lines if begins.match(line))


def split(line: str) -> Iterator[list[str]]:
    """The simple commands of a shell line, also those in quotes; without variables set before them."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, "&&"]:
        if set(word) <= set("&|;<>"):
            while words and re.match(r"\w+=", words[0]):
                words.pop(0)
            if words and words[0] in PROGRAMS:
                yield words
            words = []
            continue
        words.append(word)
        if " && " in word:
            yield from split(word)


def commands() -> list[tuple[str, list[str]]]:
    files = [*sorted(DEPLOY.rglob("*.yaml")), DEPLOY / "README.md", DEPLOY / "Dockerfile"]
    found = [(file.name, words) for file in files for line in shown(file) for words in split(line)]
    for part in ("compose.yaml", "compose.auth.yaml"):
        services = resolved([DEPLOY / "compose.yaml", *([DEPLOY / part] if "auth" in part else [])])
        found += [(part, service["command"]) for service in services.values() if service.get("command")]
    for document in yaml.safe_load_all((BASE / "kubernetes.yaml").read_text()):
        for container in document["spec"].get("template", {}).get("spec", {}).get("containers", []):
            found += [("kubernetes.yaml", container["command"])] if "command" in container else []
    sweep, _ = yaml.safe_load_all((BASE / "kuberay-rayjob.yaml").read_text())
    found += [("kuberay-rayjob.yaml", words) for words in split(sweep["data"]["run.sh"].splitlines()[0])]
    cluster = yaml.safe_load((DEPLOY / "ray-cluster.yaml").read_text())
    starts = cluster["head_start_ray_commands"] + cluster["worker_start_ray_commands"]
    found += [("ray-cluster.yaml", words) for line in starts for words in split(line)]
    return [each for each in found if each[1][0] in PROGRAMS]


COMMANDS = commands()


def of(program: str) -> list[Any]:
    """The distinct commands of a program, as test cases; the arguments of `docker compose run sweep` are gensweep's."""
    lines = {shlex.join(words): file for file, words in COMMANDS if words[0] == program}
    if program == "gensweep":
        for file, words in COMMANDS:
            if words[:2] == ["docker", "compose"] and "sweep" in words:
                lines[shlex.join(["gensweep", *words[words.index("sweep") + 1 :]])] = file
    return [pytest.param(shlex.split(line)[1:], id=f"{file} {line[:70]}") for line, file in lines.items()]


def parse(command: Any, words: list[str]) -> Any:
    """Down to the subcommand, then its own parser: an unknown name, option or a missing argument raises."""
    context = command.make_context(command.name, list(words), resilient_parsing=False)
    while hasattr(command, "commands"):
        left = [*getattr(context, "_protected_args", []), *context.args]
        name, command, rest = command.resolve_command(context, left)
        context = command.make_context(name, rest, parent=context)
    return context


@pytest.fixture(scope="module")
def gensweep_command() -> Any:
    import typer.main

    from gensweep.cli import app

    return typer.main.get_command(app)


def test_every_kind_of_command_was_found() -> None:
    """A changed layout of the files must not empty the tests below."""
    assert {words[0] for _, words in COMMANDS} == set(PROGRAMS)
    files = {file for file, words in COMMANDS if words[0] == "gensweep"}
    assert {"README.md", "compose.yaml", "kuberay-rayjob.yaml", "ray-cluster.yaml"} <= files


@pytest.mark.parametrize("words", of("gensweep"))
def test_gensweep_commands_parse(gensweep_command: Any, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    context = parse(gensweep_command, words)
    if context.info_name == "run":
        from gensweep.spaces.check import load_and_check

        if not str(context.params["file"]).startswith("/sweep/"):  # of a ConfigMap: test_kubernetes.py checks it
            load_and_check(context.params["file"], context.params["overrides"] or [])
    elif context.params.get("name"):
        assert (ROOT / "search_spaces" / f"{context.params['name']}.yaml").exists()


@pytest.mark.parametrize("words", [["run"], ["run", "a.yaml", "--adress", "auto"], ["ru", "a.yaml"], ["sync"]])
def test_a_wrong_command_is_caught(gensweep_command: Any, words: list[str]) -> None:
    with pytest.raises(Exception, match=r"Missing|No such (option|command)"):
        parse(gensweep_command, words)


@pytest.mark.parametrize("words", of("mlflow"))
def test_mlflow_commands_parse(words: list[str]) -> None:
    from mlflow.cli import cli

    parse(cli, words)


@pytest.mark.parametrize("words", of("ray"))
def test_ray_commands_parse(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.scripts.scripts import cli

    monkeypatch.chdir(ROOT)
    parse(cli, words)


@pytest.mark.parametrize("words", of("docker"))
def test_docker_commands_name_files_services_and_targets_that_exist(words: list[str]) -> None:
    files = [ROOT / name for flag, name in pairwise(words) if flag == "-f"]
    assert all(file.exists() for file in files)
    if words[0] == "compose":
        (at,) = (words.index(word) for word in ("up", "ps", "run", "exec", "stop", "build") if word in words[:7])
        after = [word for word in words[at + 1 :] if not word.startswith("-")]
        assert not after or after[0] in resolved(files)
    elif words[:3] == ["buildx", "imagetools", "inspect"]:
        files = [DEPLOY / "compose.yaml", DEPLOY / "compose.auth.yaml"]
        named = [service["image"] for service in resolved(files).values()]
        assert words[3] in [*named, f"python:{re.search('ARG PYTHON=(.+)', (DEPLOY / 'Dockerfile').read_text())[1]}"]
    elif words[0] == "build":
        target = words[words.index("--target") + 1]
        assert f" AS {target}\n" in (DEPLOY / "Dockerfile").read_text()
    else:
        assert words[0] == "run"
        volume = words[words.index("-v") + 1].partition(":")[0]
        project = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
        assert volume in {f"{project['name']}_{name}" for name in project["volumes"]}
