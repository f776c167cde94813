"""What every metric keeps, over those found in the folder."""

import math
import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch

from gensweep import registry
from gensweep.component import build
from gensweep.datasets.base import load
from gensweep.datasets.digits import Digits
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.errors import ConfigError
from gensweep.metrics.base import Metric, scorer

METRICS = registry.names("metrics")
DATA = Digits()


@dataclass
class Blurred:
    """The training data with noise of a given strength; as reconstructions, what it is given with the same noise."""

    strength: float

    def samples(self, n: int) -> torch.Tensor:
        train = load(DATA).train
        return self.reconstructions(train[torch.arange(n) % len(train)])

    def reconstructions(self, x: torch.Tensor) -> torch.Tensor:
        noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(0))
        return x + self.strength * (noise - x)


@pytest.fixture(params=METRICS)
def metric(request: pytest.FixtureRequest) -> Metric:
    found = build("metrics", request.param)
    assert isinstance(found, Metric)
    if reason := found.misfit(DATA):
        pytest.skip(reason)
    return found


def test_it_says_which_direction_is_better(metric):
    assert metric.mode in ("min", "max")


def test_the_same_model_has_the_same_score(metric):
    model = Blurred(0.3)
    shared, fresh = scorer(metric, DATA, "validation"), metric.against(DATA, "validation")
    assert scorer(build("metrics", metric.dump()), DATA, "validation") is shared
    first, second, third = shared.score(model), shared.score(model), fresh.score(model)
    assert first.value == second.value == third.value
    assert first.details == second.details == third.details
    assert math.isfinite(first.value)
    assert all(math.isfinite(value) for value in first.details.values())


def test_real_data_score_better_than_noise(metric):
    bound = scorer(metric, DATA, "validation")
    real, noise = (bound.score(Blurred(strength)).value for strength in (0, 1))
    assert real < noise if metric.mode == "min" else real > noise


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_samples_that_are_not_finite_score_not_a_number(metric, value):
    class Broken:
        def samples(self, n: int) -> torch.Tensor:
            drawn = Blurred(0.3).samples(n)
            drawn[n // 2, 0, 3, 3] = value
            return drawn

        def reconstructions(self, x: torch.Tensor) -> torch.Tensor:
            return x * value

    assert math.isnan(scorer(metric, DATA, "validation").score(Broken()).value)


def test_the_protocol_changes_with_the_split_the_sizes_and_the_seed(metric):
    fields = {"n": 50, "n_fake": 50, "seed": 11}.items()
    changed = [build("metrics", {**metric.dump(), f: value}) for f, value in fields if f in type(metric).model_fields]
    protocols = [scorer(metric, DATA, split).protocol for split in ("validation", "test")]
    protocols += [other.against(DATA, "validation").protocol for other in changed]
    assert len({protocol.hash for protocol in protocols}) == len(protocols) == 2 + len(changed)


def test_another_process_finds_the_same_protocols():
    fitting = [name for name in METRICS if build("metrics", name).misfit(DATA) is None]
    command = (
        "import sys; from gensweep.component import build; from gensweep.datasets.digits import Digits\n"
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
