"""The fully fixed parts of a search-space file, as frozen models: what one trial is, and how the sweep is run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from gensweep import registry
from gensweep.component import Component, Member, Node
from gensweep.datasets.base import Dataset
from gensweep.errors import ConfigError
from gensweep.families.base import Family
from gensweep.lr_schedules.base import LrSchedule
from gensweep.metrics.base import Metric
from gensweep.networks.base import Network
from gensweep.nodes import LARGEST_SEED
from gensweep.optimizers.base import Optimizer

MOST_SAMPLES = 100_000  # of an arm: a sweep is a folder for each trial, and one log of all of them
MOST_ROWS = 1024  # of a pack
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Training(Node):
    """How long and with what a trial trains. One epoch is one pass over the training split by whoever reads data."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(64, ge=2)
    optimizer: Annotated[Optimizer, Member("optimizers")]
    lr_schedule: Annotated[LrSchedule, Member("lr_schedules")] = Field("constant", validate_default=True)
    grad_clip: float = Field(0.0, ge=0, description="largest norm of a player's gradient; 0 clips nothing")
    ema: float = Field(
        0.0, ge=0, lt=1, description="decay a round of the running mean of the weights that samples come from; 0 is off"
    )
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32",
        description="of the networks' products; losses, weights and optimisers stay float32. tf32: on GPUs, of all products",
    )
    deterministic: bool = Field(
        False, description="the same numbers bit for bit each time on a machine; such a trial trains alone"
    )

    @model_serializer(mode="wrap")
    def _without_what_is_newer(self, dumped: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plain data, and the keys of trials made of them, are those from before there was a field, where it says nothing."""
        found: dict[str, Any] = dumped(self)
        return found if self.deterministic else {key: value for key, value in found.items() if key != "deterministic"}


class Evaluation(Node):
    """What is measured, how often (in epochs; always at the end too) and against which split."""

    metrics: tuple[Annotated[Metric, Member("metrics")], ...] = Field(min_length=1)
    every: int = Field(5, ge=1)
    split: Literal["validation", "test"] = "validation"


class TrialConfiguration(Node):
    """One fully fixed configuration: with its seed, it determines every number of the trial."""

    dataset: Annotated[Dataset, Member("datasets")]
    network: Annotated[Network, Member("networks")]
    latent_size: int = Field(8, ge=1, le=65536)
    family: Annotated[Family, Member("families")]
    training: Training
    evaluation: Evaluation
    seed: int = Field(0, ge=0, le=LARGEST_SEED)

    @classmethod
    def example(cls, node: Mapping[str, Any]) -> TrialConfiguration:
        """A configuration whose seed may still be open, as one that checks and probes can use.

        Raises:
            pydantic.ValidationError: with every mistake in it.
        """
        return cls.model_validate({**node, "seed": 0} if node.get("seed", 0) is None else node)

    @model_validator(mode="before")
    @classmethod
    def _family_chooses_the_optimizer(cls, data: Any) -> Any:
        """Fields of training.optimizer lie over the family's own default, unless they name another optimiser."""
        if not isinstance(data, Mapping):
            return data
        try:
            family = {"name": data["family"]} if isinstance(data["family"], str) else data["family"]
            default = dict(registry.load("families", family["name"]).optimizer_for(family))  # type: ignore[attr-defined]
        except (ConfigError, KeyError, TypeError):
            return data  # the family's own error is reported where the family is
        training = data.get("training", {})
        given = training.get("optimizer", {}) if isinstance(training, Mapping) else {}
        given = {"name": given} if isinstance(given, str) else given
        if not isinstance(given, Mapping) or not isinstance(training, Mapping):
            return data
        merged = {**default, **given} if given.get("name", default["name"]) == default["name"] else given
        return {**data, "training": {**training, "optimizer": merged}}

    @staticmethod
    def asks_to_be_deterministic(node: Mapping[str, Any]) -> bool:
        """Whether a configuration as plain data, which may be none, says so."""
        training = node.get("training")
        return isinstance(training, Mapping) and training.get("deterministic") is True

    def knob_places(self) -> frozenset[str]:
        """Where its knobs stand: `family.lambda`, `family.divergence.blur`, `training.optimizer.lr`.

        Knobs are the family's, which reach the loss, and the optimiser's.
        """
        parts = {"family": self.family, "training.optimizer": self.training.optimizer}
        return frozenset(f"{place}.{name}" for place, part in parts.items() for name in part.knobs())

    def plugins(self) -> dict[str, str]:
        """The members of the user's own that it is made of, as divergences/mine, and the SHA-256 of each."""
        return dict(sorted(found for node in _nodes_in(self) if (found := registry.plugin_of(type(node)))))

    def members(self) -> set[tuple[str, str]]:
        """The kind and the name of every component that it is made of."""
        return {(type(node).kind, node.name) for node in _nodes_in(self) if isinstance(node, Component)}


def _nodes_in(node: Any) -> Iterator[Node]:
    if isinstance(node, tuple):
        for part in node:
            yield from _nodes_in(part)
    if isinstance(node, Node):
        yield node
        for name in type(node).model_fields:
            yield from _nodes_in(getattr(node, name))


def _affordable(samples: int) -> int:
    if samples > MOST_SAMPLES:
        days = samples / 86400
        raise ValueError(
            f"{samples} is not allowed: must be {MOST_SAMPLES} or less. At a second a trial they would take {days:,.0f} days "
            "for each arm, and each has a folder"
        )
    return samples


def _seconds(given: Any) -> Any:
    """Seconds of a duration as people write it, 90s, 5m, 1h30m, 2d; what is no text stays as it is."""
    if not isinstance(given, str) or re.fullmatch(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?", given):
        return given
    text = re.sub(r"\s", "", given).casefold()
    if re.fullmatch(r"(?:[\d.]+[smhd])+", text):
        try:
            return sum(float(n) * _UNITS[unit] for n, unit in re.findall(r"([\d.]+)([smhd])", text))
        except ValueError:  # 1.2.3m
            pass
    words = re.sub(r"(?<=[smhd])[a-z]+(?=\d|$)", "", text)
    clock = re.fullmatch(r"(\d+):(\d\d)(?::(\d\d))?", text)
    meant = f"{int(clock[1])}h{int(clock[2])}m" if clock else words if re.fullmatch(r"(?:[\d.]+[smhd])+", words) else ""
    cure = f". Write {meant}" if meant else ""
    raise ValueError(f"'{given}' is not allowed: must be seconds, or a duration as in 90s, 5m, 1h30m or 2d{cure}")


class Search(Node):
    """How many trials each arm gets, and the seed of every draw. `samples` may be null where the searcher has an end."""

    samples: Annotated[int, AfterValidator(_affordable)] | None = Field(20, ge=1)
    seed: int = Field(0, ge=0, le=LARGEST_SEED)


class Confirm(Node):
    """What is trained again once an arm's search is over: its best `top` configurations, each on so many fresh seeds."""

    top: int = Field(1, ge=1, le=100)
    seeds: int = Field(5, ge=2, le=1000)


class Tracking(Node):
    """What the run store keeps beside numbers and pictures: `best`, the model of each arm's best trial, or none."""

    models: Literal["best", "none"] = "best"


def _switch(given: Any) -> Any:
    """`off` and `on`, which YAML reads as truth values, as the words that they were."""
    return {False: "off", True: "on"}.get(given, given) if isinstance(given, bool) else given


def _pack(given: Any) -> int | str:
    """`auto`, `off`, or how many trials."""
    word = _switch(given)
    if word in ("auto", "off", "on"):
        return "off" if word == "off" else "auto"
    if re.fullmatch(r"\d{1,9}", str(word)) and 1 <= int(word) <= MOST_ROWS:
        return int(word)
    said = "null" if given is None else repr(given)
    raise ValueError(f"{said} is not allowed: must be auto, off, or how many trials train together, 1 to {MOST_ROWS}")


def _gpu(given: Any) -> Any:
    """`auto`, or how many GPUs: what is no number is told with both."""
    if given == "auto" or (isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given < math.inf):
        return given
    said = "null" if given is None else repr(given)
    raise ValueError(
        f"{said} is not allowed: must be auto, or how many GPUs a trial process takes: 0, 1, or 0.25 for four on one"
    )


class Resources(Node):
    """What one trial takes, and how many run at once (default: as many as fit).

    `gpu` is what a trial process takes of GPUs: `auto` is one where a node has one, a part of it where a trial is measured to
    fit into that and cannot train in a pack, and 0 where no node has a GPU. A number is taken as it is.

    `pack` is how many trials of one shape may train as one stack in a process: `auto` measures what is quickest, `off` is
    one. `compile` says whether their step is compiled: `auto` where that pays. Neither changes a score beyond rounding.

    `time_budget` is in seconds, or a duration such as 90s, 5m, 1h30m, 2d; so is `stall_timeout`, after which a trial that
    says nothing is taken to hang (default: 20 times its longest way from one report to the next, and an hour at least).

    On a cluster: trials begin once `min_nodes` nodes can hold one, which is waited for up to `node_timeout` (0: not at all), and
    this sweep has at most the part `cluster_share` of all places for trials. Without it, sweeps side by side have as many each.
    """

    cpu: float = Field(1, gt=0)
    gpu: Annotated[Annotated[float, Field(ge=0)] | Literal["auto"], BeforeValidator(_gpu)] = "auto"
    max_concurrent: int | None = Field(None, ge=1)
    cluster_share: float = Field(1.0, gt=0, le=1)
    min_nodes: int = Field(1, ge=1)
    node_timeout: Annotated[float, BeforeValidator(_seconds, json_schema_input_type=float | str)] = Field(1800.0, ge=0)
    time_budget: Annotated[float | None, BeforeValidator(_seconds, json_schema_input_type=float | str | None)] = Field(
        None, gt=0
    )
    stall_timeout: Annotated[float | None, BeforeValidator(_seconds, json_schema_input_type=float | str | None)] = (
        Field(None, gt=0)
    )
    pack: Annotated[Any, AfterValidator(_pack)] = "auto"
    compile: Annotated[Literal["auto", "on", "off"], BeforeValidator(_switch)] = "auto"

    @property
    def rows(self) -> int | None:
        """How many trials a pack has at most; None where that is to be measured."""
        return {"auto": None, "off": 1}[self.pack] if isinstance(self.pack, str) else int(self.pack)

    @property
    def threads(self) -> int:
        """CPU threads of one trial: its whole share, at least one."""
        return max(1, int(self.cpu))

    @property
    def gpu_share(self) -> float:
        """How many GPUs a trial process takes; 0 as long as it is left open, which is settled where trials run."""
        return 0.0 if self.gpu == "auto" else self.gpu

    @property
    def device(self) -> str:
        """Where a trial trains, as torch names it."""
        return "cuda" if self.gpu_share else "cpu"

    def settled(self, gpu: float) -> Resources:
        """The same, with so many GPUs for a trial process."""
        return self.model_copy(update={"gpu": gpu})
