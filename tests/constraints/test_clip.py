import pytest
import torch

from gensweep.component import build
from gensweep.constraints.none import NONE


def test_every_parameter_ends_within_the_bound_and_inner_ones_stay():
    weights = {"a": torch.tensor([-2.0, -0.1, 0.0, 0.05, 3.0]), "b": torch.tensor(7.0)}
    after = build("constraints", "clip").after_move(weights, {}, {"bound": torch.tensor(0.1)})
    assert after["a"].tolist() == pytest.approx([-0.1, -0.1, 0.0, 0.05, 0.1])
    assert after["b"].item() == pytest.approx(0.1)


def test_what_is_not_a_number_is_not_hidden():
    after = build("constraints", "clip").after_move(
        {"a": torch.tensor([float("nan")])}, {}, {"bound": torch.tensor(0.1)}
    )
    assert after["a"].isnan().all()


def test_the_bound_is_a_positive_knob():
    assert build("constraints", {"name": "clip", "bound": 0.05}).knobs() == {"bound": 0.05}
    with pytest.raises(ValueError, match="greater than 0"):
        build("constraints", {"name": "clip", "bound": 0})


def test_none_changes_nothing():
    weights = {"a": torch.randn(3)}
    assert NONE().after_move(weights, {}, {}) is weights
    assert NONE().penalty(torch.ones(2, 1), torch.ones(2, 1), {}, {}, {}).total.item() == 0
