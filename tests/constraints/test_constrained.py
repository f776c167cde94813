import torch

from gensweep.constraints.base import constrained
from gensweep.losses import Loss, prefixed, scoped


def test_the_terms_add_and_all_their_parts_are_logged():
    loss = Loss(torch.tensor(-3.0), {"critic_gap": torch.tensor(3.0)})
    found = constrained(loss, Loss(torch.tensor(0.5), {"slope": torch.tensor(1.1)}))
    assert float(found.total) == -2.5
    assert {name: float(part) for name, part in found.parts.items()} == {
        "critic_gap": 3.0,
        "slope": float(torch.tensor(1.1)),
        "penalty": 0.5,
    }


def test_a_gap_is_normalised_by_the_root_of_its_squared_norm():
    gap, omega = {"critic_gap": torch.tensor(3.0)}, {"omega": torch.tensor(4.0)}
    found = constrained(Loss(torch.tensor(-3.0), gap), Loss(torch.tensor(0.0), omega))
    assert float(found.parts["normalised_gap"]) == 1.5
    other = constrained(Loss(torch.tensor(-3.0), {"bound": torch.tensor(3.0)}), Loss(torch.tensor(0.0), omega))
    assert "normalised_gap" not in other.parts


def test_a_prefix_is_put_on_and_taken_off():
    own = {"mixing": torch.tensor(1.0), "other": torch.tensor(2.0)}
    whole = {**prefixed("constraint", own), "latent": torch.tensor(3.0), "constraints": torch.tensor(4.0)}
    assert whole.keys() == {"constraint.mixing", "constraint.other", "latent", "constraints"}
    assert scoped(whole, "constraint") == own
