"""The card of a model that left gensweep: what it is, what it scored and by which protocol, and how torch loads it. Markdown.

Much of it stands in a sweep's folder, which may be a stranger's, so that every text is made harmless.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from gensweep import __version__, registry
from gensweep.comparison.collect import trials
from gensweep.comparison.compare import compared
from gensweep.comparison.confirmation import Confirmation
from gensweep.credentials import redacted
from gensweep.errors import ConfigError
from gensweep.families.base import Family
from gensweep.ledger.environment import versions
from gensweep.ledger.history import TrialRecord
from gensweep.models.generative import GenerativeModel
from gensweep.text import markdown, markdown_table, number, printable
from gensweep.tracking.describe import as_yaml

_FLOOR = ".floor"
_DRAWS = {"normal": "torch.randn", "uniform": "torch.rand"}


def card(model: GenerativeModel, about: Mapping[str, Any], stem: str) -> str:
    """The whole text; `about` is what the archive says of itself, and `stem` the name of the files without their endings."""
    parts = [
        f"# {markdown(model.name)}: {markdown(model.family)} of {markdown(model.dataset.name)}",
        _what(model, about),
        "## How it was chosen\n\n" + _chosen(model),
        "## Scores\n\n" + "\n\n".join(_scores(model)),
        "## How to load it\n\n" + "\n\n".join(_loading(about, stem)),
        "## Configuration\n\n" + _code(as_yaml(_public(model.configuration))),
        "## Versions\n\n" + _versions(model),
        "## Licence\n\nNone is stated here: whoever passes the model on states it. The data have their own.",
    ]
    return "\n\n".join(parts) + "\n"


def _what(model: GenerativeModel, about: Mapping[str, Any]) -> str:
    family = registry.load("families", model.family)
    assert issubclass(family, Family)
    digests = sorted({str(one.get("data")) for one in model.protocol.values() if isinstance(one, Mapping)} - {"None"})
    rows = {
        "family": f"{model.family}: {family.summary}",
        "source": family.paper,
        "data": model.dataset.name,
        "digest of the data, SHA-256": ", ".join(digests) or "not known",
        "an item": _item(about),
        **(
            {"holds": "items of its training split, as they are: who has the model has them"}
            if family.keeps_items
            else {}
        ),
        "latent size": "no latent space" if model.latent_size is None else str(model.latent_size),
        "digest of the checkpoint, SHA-256": str(about["checkpoint"]),
        "id of the sweep": str(about["sweep_id"]) or "in no sweep",
    }
    return markdown_table([{"": name, "value": value} for name, value in rows.items()])


def _item(about: Mapping[str, Any]) -> str:
    bounds = about["bounds"]
    return f"float32 {about['shape']}" + (f", values in [{bounds[0]:g}, {bounds[1]:g}]" if bounds else "")


def _chosen(model: GenerativeModel) -> str:
    if model.named.why:
        return f"{markdown(model.named.why)[:1].upper()}{markdown(model.named.why)[1:]}."
    return (
        "Whoever exported it named this trial. Its checkpoint is of the epoch that was best by the sweep's objective."
    )


def _scores(model: GenerativeModel) -> Iterator[str]:
    rows = [
        {
            "score, validation split": name,
            "value": number(value),
            "real data score about": _number(model, f"{name}{_FLOOR}"),
        }
        for name, value in model.scores.items()
        if not name.endswith(_FLOOR)
    ]
    yield markdown_table(rows) or "It has none."
    record = _record(model)
    if record is not None and (found := _confirmation(model)) and (said := _confirmed(found, record)):
        yield said
    told = [{"score": name, "protocol": json.dumps(how, sort_keys=True)} for name, how in model.protocol.items()]
    yield "How each was taken; only scores of one protocol compare:\n\n" + markdown_table(told) if told else ""


def _number(model: GenerativeModel, name: str) -> str:
    return number(model.scores.get(name))


def _record(model: GenerativeModel) -> TrialRecord | None:
    """Its trial in the ledger of its sweep."""
    if model.named.sweep is None:
        return None
    known = model.named.sweep.state().trials.values()
    return next((record for record in known if record.folder_name == model.named.trial.name), None)


def _confirmation(model: GenerativeModel) -> Confirmation | None:
    assert model.named.sweep is not None
    try:
        return compared([trials(model.named.sweep)]).confirmation
    except ConfigError:  # its trials were scored by different protocols
        return None


def _confirmed(found: Confirmation, record: TrialRecord) -> str:
    """What fresh seeds of its configuration scored; nothing where others were confirmed."""
    arm = found.arm(record.arm)
    if arm is None or found.number(record.arm) != record.number:
        return ""
    centre = arm.median if found.verdict.statistic == "median" else arm.mean
    interval = f", {arm.confidence:.0%} interval [{number(arm.low)}, {number(arm.high)}]" if arm.confidence else ""
    return (
        f"Its configuration was trained again on {arm.seeds} fresh seeds: {markdown(found.metric)} on the test split, "
        f"{found.verdict.statistic} {number(centre)}{interval}; {number(found.selected[record.arm])} when it was chosen. "
        f"These are the scores of such models, not of these weights.\n\n{markdown(found.sentence())}"
    )


def _loading(about: Mapping[str, Any], stem: str) -> Iterator[str]:
    methods, archive = about["methods"], f"{stem}.pt2"
    yield "With torch alone. Who opens an archive of torch.export runs what it says: open those that you trust."
    yield _code(
        f"import torch\nsample = torch.export.load({archive!r}).module()\ngenerator = torch.Generator().manual_seed(0)\n"
        f"x = sample({_arguments(methods['sample'])})  # n x {about['shape']}"
    )
    yield "Row i of what is drawn makes item i and no other, and any number of rows may be given. Equal numbers give equal items."
    if others := [_use(name, inputs) for name, inputs in methods.items() if name != "sample"]:
        opening = f"from torch.export.pt2_archive._package import load_pt2\nprograms = load_pt2({archive!r}).exported_programs"
        yield _code("\n".join([opening, *others]))
    if len(methods.get("encode", ())) > 1:
        yield "The encoder is stochastic: with noise drawn as above a code is a draw from q(z|x), with zeros it is the mean."
    yield (
        f"`{stem}.safetensors` has the weights of all networks, those too that no program needs, named `network.parameter`: "
        f"`safetensors.torch.load_file({stem + '.safetensors'!r})`."
    )


def _use(method: str, inputs: Mapping[str, Any]) -> str:
    """The line that calls a method of what the user has."""
    given = next(iter(inputs))
    result = "z" if given == "x" else "x"
    return f"{result} = programs[{method!r}].module()({_arguments(inputs)})  # {given} is n x {inputs[given]['shape']}"


def _arguments(inputs: Mapping[str, Any]) -> str:
    n = "len(x)" if "x" in inputs else "64"
    return ", ".join(
        f"{_DRAWS[one['law']]}({', '.join([n, *map(str, one['shape'])])}, generator=generator)" if one["law"] else name
        for name, one in inputs.items()
    )


def _versions(model: GenerativeModel) -> str:
    told = model.named.sweep.environment.get("versions") if model.named.sweep else None
    trained = told if isinstance(told, Mapping) else {}
    rows = [
        {"": name, "exported with": version, "sweep begun with": str(trained.get(name, "-"))}
        for name, version in {"gensweep": __version__, **versions()}.items()
    ]
    return markdown_table(rows)


def _public(node: Any) -> Any:
    """A configuration in which a path is its last part: where the data lie is nobody else's business."""
    if isinstance(node, Mapping):
        return {name: _public(value) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [_public(value) for value in node]
    text = node.removeprefix("file:") if isinstance(node, str) else ""
    is_path = PurePath(text).is_absolute() or text.startswith("~")
    return redacted(PurePath(text).name) if is_path else node


def _code(text: str) -> str:
    return "\n".join(f"    {line}" for line in printable(text).splitlines())
