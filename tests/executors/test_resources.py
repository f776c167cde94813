"""What fits where, before anything starts."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from gensweep.configuration import Resources
from gensweep.errors import CannotRun
from gensweep.executors.resources import places, provisional


@pytest.mark.parametrize(
    ("wanted", "nodes", "fits"),
    [
        ({"cpu": 1}, [{"CPU": 2}], 2),
        ({"cpu": 0.5}, [{"CPU": 2}, {"CPU": 1}], 6),
        ({"cpu": 1, "gpu": 0.3}, [{"CPU": 16, "GPU": 2}], 6),  # three on each device, none across
        ({"cpu": 1, "gpu": 2}, [{"CPU": 16, "GPU": 3}], 1),
        ({"cpu": 4, "gpu": 1}, [{"CPU": 8, "GPU": 4}, {"CPU": 64}], 2),
        ({"cpu": 1, "max_concurrent": 3}, [{"CPU": 64}], 3),
        ({"cpu": 0.1}, [{"CPU": 1}], 10),
        ({"cpu": 1, "cluster_share": 0.5}, [{"CPU": 4}, {"CPU": 3}], 3),
        ({"cpu": 1, "cluster_share": 0.1}, [{"CPU": 4}], 1),  # one at least
        ({"cpu": 1, "cluster_share": 0.5, "max_concurrent": 1}, [{"CPU": 4}], 1),
    ],
)
def test_places(wanted: dict[str, float], nodes: list[dict[str, float]], fits: int) -> None:
    assert places(Resources.model_validate(wanted), nodes) == fits


def test_what_no_node_can_hold_is_refused_with_what_each_has() -> None:
    with pytest.raises(CannotRun, match=r"1 CPU and 1 GPU, and no node has that \(8 CPU, 0 GPU; 2 CPU, 0 GPU\)"):
        places(Resources(cpu=1, gpu=1), [{"CPU": 8}, {"CPU": 2}])
    with pytest.raises(CannotRun, match="no node is alive"):
        places(Resources(), [])
    with pytest.raises(CannotRun, match=r"no node has that \(3 x 1 CPU, 0 GPU; 2 CPU, 0 GPU\)"):
        places(Resources(cpu=4), [{"CPU": 1}] * 3 + [{"CPU": 2}])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"cluster_share": 0}, "greater than 0"),
        ({"cluster_share": 1.5}, "less than or equal to 1"),
        ({"min_nodes": 0}, "greater than or equal to 1"),
        ({"node_timeout": -1}, "greater than or equal to 0"),
        ({"node_timeout": "soon"}, "must be seconds, or a duration as in 90s"),
    ],
)
def test_what_is_wrong_of_a_cluster_is_told(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Resources.model_validate(wrong)
    assert Resources.model_validate({"node_timeout": "1h30m"}).node_timeout == 5400


def test_a_trial_computes_with_its_share_of_cores() -> None:
    assert [Resources(cpu=cpu).threads for cpu in (0.2, 1, 2.5)] == [1, 1, 2]


@pytest.mark.parametrize(
    ("wanted", "nodes", "gpu"),
    [
        ("auto", [{"CPU": 8}, {"CPU": 8, "GPU": 2}], 1.0),
        ("auto", [{"CPU": 8}], 0.0),
        ("auto", [{"GPU": 1}], 0.0),  # no core to drive it
        (0, [{"CPU": 8, "GPU": 1}], 0.0),
        (0.25, [{"CPU": 8, "GPU": 1}], 0.25),
    ],
)
def test_what_is_left_open_is_a_gpu_where_a_node_has_one(
    wanted: float | str, nodes: list[dict[str, float]], gpu: float
) -> None:
    found = provisional(Resources.model_validate({"gpu": wanted}), nodes)
    assert (found.gpu, found.device) == (gpu, "cuda" if gpu else "cpu")


def test_what_is_no_number_of_gpus_is_told_with_what_is() -> None:
    for wrong in ("all", -1, float("inf"), None):
        with pytest.raises(ValidationError, match=r"must be auto, or how many GPUs a trial process takes"):
            Resources.model_validate({"gpu": wrong})
    assert Resources.model_validate({}).dump()["gpu"] == "auto"
