"""What every metric keeps, over those found in the folder."""

import json
import math
import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch

from gensweep import registry
from gensweep.component import build
from gensweep.datasets.base import Dataset, load
from gensweep.datasets.digits import Digits
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.errors import ConfigError
from gensweep.mathematics.best_critics import DISCRIMINATOR
from gensweep.metrics.base import Metric, TrainedCritic, scorer

METRICS = registry.names("metrics")
DATA = Digits()
LINE = GaussianMixture(n_train=1000, n_validation=400, n_test=400)
MODES = GaussianMixture(
    weights=(0.5, 0.5),
    means=((-1.0, 0.5), (0.5, 0.5)),
    covariances=(0.01, 0.01),
    n_train=1000,
    n_validation=400,
    n_test=400,
)


@dataclass
class Blurred:
    """Held-out data with noise of a given strength, and what it says of items grows worse with it likewise."""

    dataset: Dataset
    strength: float

    def samples(self, n: int) -> torch.Tensor:
        test = load(self.dataset).test
        return self.reconstructions(test[torch.arange(n) % len(test)])

    def reconstructions(self, x: torch.Tensor) -> torch.Tensor:
        noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(0))
        return x + self.strength * (noise - x)

    def codes(self, x: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(1)
        seen = x.flatten(1) @ torch.randn(x[0].numel(), 3, generator=generator)
        z = torch.randn(len(x), 3, generator=generator)
        return self.strength * (1 + z) + (1 - self.strength) * (seen - seen.mean(0)) / seen.std(0)

    def prior(self, n: int) -> None:
        return None

    def log_likelihood(self, x: torch.Tensor) -> tuple[torch.Tensor, bool]:
        return -self.strength - x.flatten(1).square().mean(1), True

    def critic(self) -> TrainedCritic | None:
        return TrainedCritic(lambda x: self.strength * x.sigmoid(), DISCRIMINATOR, 0.0, 1.0)

    def log_conditionals(self, x: torch.Tensor, block: int, n: int) -> torch.Tensor | None:
        return None


class Silent(Blurred):
    """A model without encoder and likelihood."""

    def reconstructions(self, x: torch.Tensor) -> torch.Tensor | None:
        return None

    def samples(self, n: int) -> torch.Tensor:
        return Blurred(self.dataset, self.strength).samples(n)

    def codes(self, x: torch.Tensor) -> None:
        return None

    def log_likelihood(self, x: torch.Tensor) -> None:
        return None

    def critic(self) -> None:
        return None


@pytest.fixture(params=METRICS)
def metric(request: pytest.FixtureRequest) -> Metric:
    found = build("metrics", request.param)
    assert isinstance(found, Metric)
    return found


@pytest.fixture
def data(metric: Metric) -> Dataset:
    """What a metric can be shown on: the digits, a mixture with modes, or the one on the line."""
    return next(dataset for dataset in (DATA, MODES, LINE) if metric.misfit(dataset) is None)


def test_it_says_which_direction_is_better_and_between_which_bounds(metric):
    assert metric.mode in ("min", "max")
    low, high = metric.bounds
    assert low < high


def test_the_same_model_has_the_same_score_within_the_bounds(metric, data):
    model = Blurred(data, 0.3)
    shared, fresh = scorer(metric, data, "validation"), metric.against(data, "validation")
    assert scorer(build("metrics", metric.dump()), data, "validation") is shared
    first, second, third = shared.score(model), shared.score(model), fresh.score(model)
    assert first.value == second.value == third.value
    assert first.details == second.details == third.details
    assert metric.bounds[0] <= first.value <= metric.bounds[1]
    assert math.isfinite(first.value)
    assert all(math.isfinite(value) for value in first.details.values())


def test_real_data_score_better_than_noise(metric, data):
    bound = scorer(metric, data, "validation")
    real, noise = (bound.score(Blurred(data, strength)).value for strength in (0, 1))
    if metric.is_quality:
        assert real < noise if metric.mode == "min" else real > noise
    assert all(metric.bounds[0] <= value <= metric.bounds[1] for value in (real, noise))


def test_a_detail_with_a_direction_exists_and_is_no_better_for_noise(metric, data):
    bound = scorer(metric, data, "validation")
    real, noise = (bound.score(Blurred(data, strength)).details for strength in (0, 1))
    for detail, mode in metric.detail_modes.items():
        assert real[detail] <= noise[detail] if mode == "min" else real[detail] >= noise[detail]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_answers_that_are_not_finite_score_not_a_number(metric, data, value):
    class Broken(Blurred):
        def samples(self, n: int) -> torch.Tensor:
            drawn = Blurred(self.dataset, self.strength).samples(n)
            drawn.view(n, -1)[n // 2, 0] = value
            return drawn

        def reconstructions(self, x: torch.Tensor) -> torch.Tensor:
            return x * value

        def codes(self, x: torch.Tensor) -> torch.Tensor:
            return super().codes(x) * value

        def log_likelihood(self, x: torch.Tensor) -> tuple[torch.Tensor, bool]:
            return super().log_likelihood(x)[0] * value, True

        def critic(self) -> TrainedCritic:
            return TrainedCritic(lambda x: x * value, DISCRIMINATOR, 0.0, 1.0)

    assert math.isnan(scorer(metric, data, "validation").score(Broken(data, 0.3)).value)


def test_a_family_without_an_answer_scores_not_a_number_or_does_not_need_one(metric, data):
    silent, talking = (scorer(metric, data, "validation").score(kind(data, 0.3)) for kind in (Silent, Blurred))
    assert math.isnan(silent.value) or silent == talking


def test_the_protocol_says_what_it_must(metric, data):
    content = scorer(metric, data, "test").protocol.content
    assert {"metric", "version", "estimator", "dataset", "data", "split", "n_real", "n_fake", "values"} <= set(content)
    assert content["metric"] == metric.dump()["name"]
    if "extractor" in type(metric).model_fields:
        assert {"extractor", "weights", "resize", "input", "channels"} <= set(content)
    sized = {"n", "n_fake", "name"}
    fields = {name for name, field in type(metric).model_fields.items() if not field.exclude}
    assert fields - sized <= set(content)
    assert json.loads(json.dumps(content)) == content


def test_the_protocol_changes_with_the_split_the_sizes_and_the_seed(metric, data):
    fields = {"n": 50, "n_fake": 100, "seed": 11}.items()
    changed = [build("metrics", {**metric.dump(), f: value}) for f, value in fields if f in type(metric).model_fields]
    protocols = [scorer(metric, data, split).protocol for split in ("validation", "test")]
    protocols += [other.against(data, "validation").protocol for other in changed]
    assert len({protocol.hash for protocol in protocols}) == len(protocols) == 2 + len(changed)


def test_another_process_finds_the_same_protocols():
    fitting = [name for name in METRICS if build("metrics", name).misfit(DATA) is None]
    command = (
        "import sys; from gensweep.component import build; from gensweep.datasets.digits import Digits\n"
        "import torch; torch.set_num_threads(1)\n"
        "for name in sys.argv[1:]: print(build('metrics', name).against(Digits(), 'test').protocol.hash)"
    )
    done = subprocess.run([sys.executable, "-c", command, *fitting], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [scorer(build("metrics", name), DATA, "test").protocol.hash for name in fitting]


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("dataset", [DATA, GaussianMixture(n_train=300, n_validation=200, n_test=200)])
def test_it_either_fits_or_says_why_not(name, dataset):
    metric = build("metrics", name)
    reason = metric.misfit(dataset)
    if reason is None:
        assert metric.against(dataset, "validation").protocol.content
    else:
        assert name in reason
        with pytest.raises(ConfigError):
            metric.against(dataset, "validation")
