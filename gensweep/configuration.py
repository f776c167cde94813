"""The fully fixed parts of a search-space file, as frozen models: what one trial is, and how the sweep is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gensweep import registry
from gensweep.component import Member, Node
from gensweep.datasets.base import Dataset
from gensweep.errors import ConfigError
from gensweep.families.base import Family
from gensweep.lr_schedules.base import LrSchedule
from gensweep.metrics.base import Metric
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer


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
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of the networks' products; losses, weights and optimisers stay float32"
    )


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
    seed: int = Field(0, ge=0)

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
        training = data.get("training") or {}
        given = training.get("optimizer") if isinstance(training, Mapping) else None
        given = {"name": given} if isinstance(given, str) else given or {}
        if not isinstance(given, Mapping) or not isinstance(training, Mapping):
            return data
        merged = {**default, **given} if given.get("name", default["name"]) == default["name"] else given
        return {**data, "training": {**training, "optimizer": merged}}

    def knob_places(self) -> frozenset[str]:
        """Where its knobs stand: `family.lambda`, `family.divergence.blur`, `training.optimizer.lr`.

        Knobs are the family's, which reach the loss, and the optimiser's.
        """
        parts = {"family": self.family, "training.optimizer": self.training.optimizer}
        return frozenset(f"{place}.{name}" for place, part in parts.items() for name in part.knobs())


class Search(Node):
    """How many trials each arm gets, and the seed of every draw. `samples` may be null where the searcher has an end."""

    samples: int | None = Field(20, ge=1, le=1_000_000)
    seed: int = Field(0, ge=0)


class Resources(Node):
    """What one trial takes, and how many run at once (default: as many as fit). `time_budget` is in seconds."""

    cpu: float = Field(1, gt=0)
    gpu: float = Field(0, ge=0)
    max_concurrent: int | None = Field(None, ge=1)
    time_budget: float | None = Field(None, gt=0)

    @property
    def threads(self) -> int:
        """CPU threads of one trial: its whole share, at least one."""
        return max(1, int(self.cpu))

    @property
    def device(self) -> str:
        """Where a trial trains, as torch names it."""
        return "cuda" if self.gpu else "cpu"
