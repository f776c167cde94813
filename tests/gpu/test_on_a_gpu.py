"""A trial on a GPU is the trial on a CPU: alone, in a pack, compiled, across a resume; and what only a GPU has.

Where two trainings are compared number by number they are in float64, so that what differs is rounding: 1e-6 leaves room for
the other order of sums of 30 rounds of Adam, and a wrong draw, batch or step is far beyond it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep.component import importable
from gensweep.configuration import TrialConfiguration
from gensweep.datasets.base import load
from gensweep.devices import CONTEXT, cap, forget_the_peak, n_usable, name_of, peak, room, seen, software, total_memory
from gensweep.errors import Diverged
from gensweep.faults import Fault, fault_of
from gensweep.metrics.base import Metric, scorer
from gensweep.packs import Pack
from gensweep.trainers.arithmetic import prepare, products
from gensweep.trainers.loop import Progress, Trainee, train
from gensweep.trainers.pack import PackTraining
from gensweep.trial import Report, TrainedModel, build_game, build_trainee, evaluate, run_trial
from tests.conftest import job, small_configuration

pytestmark = pytest.mark.gpu

CPU = torch.device("cpu")
FAMILIES = ("vae", "wae", {"name": "wgan", "constraint": "gradient_penalty"})
NETWORKS = ({"name": "mlp", "hidden": [32]}, {"name": "conv", "channels": 4})
ROUNDING = {"rel": 1e-6, "abs": 1e-9}
EPOCHS = 2
Losses = list[dict[str, float]]


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def configuration(
    family: Any, network: Mapping[str, Any] = NETWORKS[0], seed: int = 0, **more: Any
) -> TrialConfiguration:
    whole = {**small_configuration(family, **more), "network": network, "seed": seed}
    return TrialConfiguration.model_validate(whole)


def trainee(c: TrialConfiguration, device: torch.device) -> Trainee:
    return build_trainee(c, build_game(c), device)


def items(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """[960, 1, 8, 8]: 15 batches."""
    return torch.rand(960, 1, 8, 8, generator=torch.Generator().manual_seed(1), dtype=dtype)


def alone(c: TrialConfiguration, device: torch.device, data: torch.Tensor) -> Losses:
    return [said.parts for said in train(trainee(c, device), data, EPOCHS, 64, c.seed)]


def packed(seeds: int, family: Any, device: torch.device, data: torch.Tensor, *, compiled: bool) -> list[Losses]:
    cs = [configuration(family, seed=seed) for seed in range(seeds)]
    training = PackTraining(trainee(cs[0], device), data, 64, seeds, compiled=compiled)
    said: dict[int, list[Progress | Diverged]] = {training.enter(trainee(c, device), EPOCHS, c.seed): [] for c in cs}
    while training.members:
        for row, news in training.play().items():
            said[row].append(news)
    assert all(isinstance(one, Progress) for row in said.values() for one in row)
    return [[one.parts for one in row if isinstance(one, Progress)] for row in said.values()]


def same(found: Losses, wanted: Losses, **tolerance: float) -> None:
    assert len(found) == len(wanted) == EPOCHS
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, **(tolerance or ROUNDING))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network["name"])
@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_a_trial_trains_to_the_numbers_of_a_cpu(
    device: torch.device, double: None, family: Any, network: Mapping[str, Any]
) -> None:
    c, data = configuration(family, network), items()
    same(alone(c, device, data.to(device)), alone(c, CPU, data))


def test_data_that_stay_on_the_cpu_give_the_same_numbers(device: torch.device, double: None) -> None:
    """Pinned batches come over while the device still works on those before; none may be overwritten meanwhile."""
    c, data = configuration("vae"), items()
    same(alone(c, device, data), alone(c, device, data.to(device)))


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_a_pack_equals_its_trials_alone(device: torch.device, double: None, family: Any) -> None:
    data = items().to(device)
    for seed, found in enumerate(packed(3, family, device, data, compiled=False)):
        same(found, alone(configuration(family, seed=seed), device, data))


def test_a_compiled_pack_equals_the_one_that_is_not(gpu: torch.device) -> None:
    data = items(torch.float32).to(gpu)
    eager, compiled = (packed(8, "wae", gpu, data, compiled=way) for way in (False, True))
    for found, wanted in zip(compiled, eager, strict=True):
        same(found, wanted, rel=5e-3, abs=1e-4)


@pytest.mark.parametrize("first", ["device", "cpu"])
def test_a_trial_goes_on_on_another_device(device: torch.device, tmp_path: Path, first: str) -> None:
    """Its checkpoint is of no device: what was begun on one ends on the other, as on the CPU in one go."""
    whole = list(run_trial(job(tmp_path / "whole", small_configuration())))[-1]
    places = [str(device), "cpu"] if first == "device" else ["cpu", str(device)]
    begun = next(run_trial(job(tmp_path / "cut", small_configuration(), device=places[0])))
    again, *_, last = run_trial(job(tmp_path / "cut", small_configuration(), device=places[1]))
    assert (again.epoch, again.step, again.scores) == (begun.epoch, begun.step, begun.scores)
    assert (last.epoch, last.step, last.outcome) == (whole.epoch, whole.step, whole.outcome)
    assert last.scores == pytest.approx(whole.scores, rel=0.05, abs=0.01)
    assert last.device == name_of(torch.device(places[1]))


def test_tf32_is_what_is_asked_for(gpu: torch.device) -> None:
    """10 bits of each factor. Losses in float32 are those of float64 to rounding, for convolutions too, and in TF32 are not."""
    if torch.cuda.get_device_capability(gpu) < (8, 0):
        pytest.skip("this GPU has no TF32: compute capability 8.0 and above has")
    for network in NETWORKS:
        data = items(torch.float32).to(gpu)
        plain, short = (alone(configuration("vae", network, precision=p), gpu, data) for p in ("float32", "tf32"))
        on_cpu = alone(configuration("vae", network), CPU, items(torch.float32))
        assert short != plain
        same(short, plain, rel=0.02, abs=0.1)
        same(plain, on_cpu, rel=2e-3, abs=1e-2)


def test_a_deterministic_trial_comes_again_bit_for_bit(device: torch.device, tmp_path: Path) -> None:
    prepare()
    said = []
    for name in ("one", "two"):
        pack = Pack(job(tmp_path / name, small_configuration("wae", deterministic=True), device=str(device)))
        while pack:
            (one,) = pack.turn()
            assert isinstance(one, Report), one
            said.append(one)
    first, second = said[: len(said) // 2], said[len(said) // 2 :]
    assert [one.scores for one in first] == [one.scores for one in second]
    assert said[-1].outcome is not None


def test_products_in_bfloat16_are_near_those_in_float32(device: torch.device) -> None:
    """8 bits of each product: a mean loss over 15 rounds differs by a few per cent, and it differs."""
    data = items(torch.float32).to(device)
    plain, short = (alone(configuration("vae", precision=p), device, data) for p in ("float32", "bfloat16"))
    assert short != plain
    same(short, plain, rel=0.1, abs=0.5)


def _applicable() -> list[str]:
    """The metrics that fit the digits, and need nothing that does not ship."""
    dataset = configuration("vae").dataset
    return [
        name
        for name, cls in sorted(importable("metrics").items())
        if name not in ("log_likelihood", "latent_gap") and not cls().misfit(dataset)  # type: ignore[attr-defined]
    ]


@pytest.mark.parametrize("name", _applicable())
def test_a_metric_on_the_device_is_that_of_the_cpu(device: torch.device, name: str) -> None:
    metric = importable("metrics")[name]()  # type: ignore[call-arg]
    assert isinstance(metric, Metric)
    c = configuration("vae")
    scores = []
    for place in (CPU, device):
        one = scorer(metric, c.dataset, "validation")
        with products("float32", place):
            scores.append(evaluate(TrainedModel(trainee(c, place).averaged(), c, place), {name: one}))
    assert all(map(math.isfinite, scores[0].values()))
    trains = name in (
        "c2st",
        "classification_accuracy_score",
        "linear_probe",
    )  # a classifier, which magnifies the last digit
    tolerance = {"abs": 0.05} if trains else {"rel": 5e-3, "abs": 3e-3}  # one of 397 items may fall on the other side
    assert scores[1] == pytest.approx(scores[0], **tolerance)


def test_a_process_that_is_capped_runs_out_of_its_own_memory_alone(gpu: torch.device) -> None:
    share = 1 / 8
    allowed = share * total_memory(gpu) - CONTEXT
    forget_the_peak(gpu)
    try:
        cap(gpu, share)
        assert room(gpu) <= allowed
        with pytest.raises(RuntimeError) as refused:
            torch.empty(int(1.05 * allowed), dtype=torch.uint8, device=gpu)
        assert fault_of(refused.value) is Fault.MEMORY
        del refused
        fits = torch.empty(int(0.5 * room(gpu)), dtype=torch.uint8, device=gpu)
        assert peak(gpu) >= fits.nbytes
        del fits
        torch.cuda.empty_cache()
    finally:
        cap(gpu, 1.0)
    assert torch.empty(int(1.05 * allowed), dtype=torch.uint8, device=gpu).nbytes > allowed


def test_a_trial_says_what_it_was_trained_on(gpu: torch.device, tmp_path: Path) -> None:
    last = list(run_trial(job(tmp_path, small_configuration(), device="cuda")))[-1]
    assert isinstance(last, Report)
    assert last.device == torch.cuda.get_device_name()
    assert {"cuda", "driver"} <= set(software(gpu))
    card = seen()
    assert (card.n, card.name) == (n_usable(), last.device)
    assert card.total <= total_memory(gpu)


def test_the_digits_stay_on_the_device_between_trials(device: torch.device, tmp_path: Path) -> None:
    """Read once a process: the second trial finds the training split where the first has put it."""
    from gensweep import trial

    dataset = configuration("vae").dataset
    one, two = trial._on(dataset, device), trial._on(dataset, device)
    assert one.data_ptr() == two.data_ptr()
    assert torch.equal(one.cpu(), load(dataset).train)
