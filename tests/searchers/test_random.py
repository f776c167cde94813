"""Independent draws that arms share."""

from __future__ import annotations

from gensweep.component import build
from gensweep.ledger.history import History
from gensweep.searchers.random import Random
from tests.searchers.searches import arms_of

TREE = {
    "latent_size": "choice(2, 4, 8, 16)",
    "lr": "loguniform(1e-4, 1e-1)",
    "family": {"one_of": [
        {"name": "vae", "beta": "uniform(0, 1)"}, {"name": "wae", "lambda": "uniform(0, 1)", "beta": "uniform(0, 2)"}]},
}  # fmt: skip


def test_arms_that_share_an_axis_get_the_same_values_at_the_same_position() -> None:
    arms = arms_of(TREE)
    for position in range(20):
        vae, wae = (Random().propose(arm, History(), position, 7) for arm in arms.values())
        assert (vae["latent_size"], vae["lr"]) == (wae["latent_size"], wae["lr"])
        assert 2 * vae["family.beta"] == wae["family.beta"]  # the same share of another range
        assert wae["family.lambda"] != wae["family.beta"] / 2


def test_what_came_before_changes_nothing() -> None:
    (arm, _) = arms_of(TREE).values()
    assert len({Random().propose(arm, History(), position, 0)["lr"] for position in range(50)}) == 50
    assert build("searchers", "random") == Random()
    assert not Random.is_adaptive
