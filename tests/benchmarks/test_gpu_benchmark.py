"""The benchmark of a GPU, on a CPU: what it measures, when it stops, and that it is one table."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from gensweep.benchmarks import gpu
from gensweep.benchmarks import workloads as of
from gensweep.benchmarks.gpu import Clock, Measured, Way

CPU = torch.device("cpu")
AN_HOUR = Clock(60)


def of_rates(monkeypatch: pytest.MonkeyPatch, rates: dict[int, float | str]) -> list[Way]:
    """The benchmark with these rates, or reasons that there is none, by rows; the ways that it asks for."""
    asked = list[Way]()

    def measured(way: Way, *_: object) -> Measured:
        asked.append(way)
        rate = rates[way.rows]
        return Measured(way, reason=rate) if isinstance(rate, str) else Measured(way, rate)

    monkeypatch.setattr(gpu, "measured", measured)
    return asked


@pytest.mark.parametrize(
    ("rates", "tried"),
    [
        ({0: 1.0, 8: 7.0, 32: 20.0, 128: 21.0}, [0, 8, 32, 128]),
        ({0: 1.0, 8: 7.0, 32: 20.0, 128: 60.0, 512: 200.0}, [0, 8, 32, 128, 512]),
        ({0: 1.0, 8: 7.0, 32: "the memory ran out"}, [0, 8, 32]),
    ],
)
def test_rows_are_tried_up_to_the_plateau(
    monkeypatch: pytest.MonkeyPatch, rates: dict[int, float | str], tried: list[int]
) -> None:
    asked = of_rates(monkeypatch, rates)
    list(gpu.up_to_the_plateau(of.WAE_64, CPU, gpu.ROWS, 1.0, AN_HOUR))
    assert [way.rows for way in asked] == tried


def test_where_the_time_is_over_the_rest_is_said_to_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = of_rates(monkeypatch, {0: 2.0, 8: 6.0, 32: 6.1})
    lines = list(gpu.rows([of.WAE_64], CPU, gpu.ROWS, 1.0, Clock(1)))
    assert [line[1:4] for line in lines] == [
        ("alone", "2", "1.00"), ("pack of 8", "6", "3.00"), ("pack of 32", "6", "3.05"),
        ("pack of 32, compiled", "not run: no time was left", ""),
    ]  # fmt: skip
    assert not any(way.is_compiled for way in asked)
    (line,) = gpu.rows([of.WAE_64], CPU, gpu.ROWS, 1.0, Clock(0))
    assert line[2] == "not run: no time was left"


@pytest.mark.parametrize("rows", [0, 2])
def test_the_rate_is_of_rounds_of_one_trial(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """By a clock that goes a second an epoch: 15 rounds of each of the rows."""
    played = list[int]()
    monkeypatch.setattr(gpu, "_epochs", lambda way, device: lambda: played.append(1))
    monkeypatch.setattr(gpu.time, "perf_counter", lambda: float(len(played)))
    found = gpu.measured(Way(of.WAE_64, rows), CPU, 4.0)
    assert (found.rate, found.first, len(played)) == (15.0 * max(1, rows), 1.0, 5)


@pytest.mark.parametrize(("error", "said"), [("CUDA out of memory", "the memory ran out"), ("a mistake", None)])
def test_want_of_memory_ends_the_rows_and_a_mistake_ends_all(
    monkeypatch: pytest.MonkeyPatch, error: str, said: str | None
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError(error)

    monkeypatch.setattr(gpu, "_epochs", fails)
    if said:
        assert gpu.measured(Way(of.WAE_64, 2), CPU, 1.0).reason == said
    else:
        with pytest.raises(RuntimeError, match=error):
            gpu.measured(Way(of.WAE_64, 2), CPU, 1.0)


@pytest.mark.slow
def test_a_quick_run_on_a_cpu_prints_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--device", "cpu", "--quick"]) == 0
    heading, columns, *lines = capsys.readouterr().out.strip().splitlines()
    assert "torch 2" in heading
    assert re.split(r" {2,}", columns) == list(gpu.COLUMNS)
    cells = [re.split(r" {2,}", line) for line in lines]
    assert [line[1] for line in cells[:2]] == ["alone", "pack of 2"]
    assert re.fullmatch(r"pack of [12], compiled", cells[2][1]), "of whichever was quicker"
    assert all(float(rate) > 0 for _, _, rate, *_ in cells[:2])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here, and it would be measured")
def test_without_a_gpu_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main([]) == 2
    assert "no GPU that torch can use" in capsys.readouterr().err
