"""What fits where, before anything starts."""

from __future__ import annotations

import pytest

from gensweep.configuration import Resources
from gensweep.errors import CannotRun
from gensweep.executors.resources import places


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
    ],
)
def test_places(wanted: dict[str, float], nodes: list[dict[str, float]], fits: int) -> None:
    assert places(Resources.model_validate(wanted), nodes) == fits


def test_what_no_node_can_hold_is_refused_with_what_each_has() -> None:
    with pytest.raises(CannotRun, match=r"1 CPU and 1 GPU, and no node has that \(8 CPU, 0 GPU; 2 CPU, 0 GPU\)"):
        places(Resources(cpu=1, gpu=1), [{"CPU": 8}, {"CPU": 2}])
    with pytest.raises(CannotRun, match="no node is alive"):
        places(Resources(), [])


def test_a_trial_computes_with_its_share_of_cores() -> None:
    assert [Resources(cpu=cpu).threads for cpu in (0.2, 1, 2.5)] == [1, 1, 2]
