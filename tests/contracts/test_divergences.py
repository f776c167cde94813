"""What every divergence must keep."""

import typing

import pytest
import torch
from torch.func import functional_call, grad, stack_module_state, vmap

from gensweep import registry
from gensweep.component import build

N, D = 24, 3
MEMBERS = (0.5, 1.0, 2.0)  # what the three members multiply the knobs with


def variants():
    """Every member by its defaults, and with every option of each of its choices."""
    for name in registry.names("divergences"):
        fields = registry.load("divergences", name).model_fields.items()
        choices = {field: typing.get_args(info.annotation) for field, info in fields if field != "name"}
        options = [(f, option) for f, values in choices.items() for option in values if isinstance(option, str)]
        yield from [{"name": name}, *({"name": name, field: option} for field, option in options)]


@pytest.fixture(params=variants(), ids=lambda node: "-".join(node.values()))
def divergence(request):
    return build("divergences", request.param)


def noise_for(divergence, *members, n=N):
    laws = {"normal": torch.randn, "uniform": torch.rand}
    draws = divergence.noise(n, D).items()
    return {name: laws[draw.law](*members, *draw.shape, dtype=torch.float64) for name, draw in draws}


def knobs_of(divergence, factor=1.0):
    return {name: torch.tensor(value * factor, dtype=torch.float64) for name, value in divergence.knobs().items()}


def critics_of(divergence):
    torch.manual_seed(0)
    return [{name: net.double() for name, net in divergence.critics(D).items()} for _ in MEMBERS]


def with_parameters(critics, parameters):
    return {name: lambda x, n=name: functional_call(critics[n], parameters[n], (x,)) for name in critics}


def test_a_description_builds_the_same_again(divergence):
    assert build("divergences", divergence.dump()) == divergence
    assert "Source:" in type(divergence).__doc__


@pytest.mark.parametrize("loss", ["penalty", "critic_loss"])
def test_a_stack_is_its_members(divergence, loss):
    members = critics_of(divergence)
    if loss == "critic_loss" and not members[0]:
        with pytest.raises(AssertionError):
            divergence.critic_loss(torch.zeros(2, D), torch.zeros(2, D), {}, {}, {})
        return

    def value(x, parameters, y, noise, knobs):
        return getattr(divergence, loss)(x, y, with_parameters(members[0], parameters), noise, knobs)

    torch.manual_seed(1)
    x, y = torch.randn(2, 3, N, D, dtype=torch.float64)
    parameters = {name: stack_module_state([m[name] for m in members])[0] for name in members[0]}
    knobs = [knobs_of(divergence, factor) for factor in MEMBERS]
    stacked = {name: torch.stack([k[name] for k in knobs]) for name in knobs[0]}
    arguments = (x, parameters, y, noise_for(divergence, 3), stacked)
    both = lambda *a: (value(*a), grad(value, argnums=(0, 1))(*a))  # noqa: E731
    together = vmap(both)(*arguments)
    for i in range(3):
        alone = both(*torch.utils._pytree.tree_map(lambda t, i=i: t[i], arguments))
        torch.testing.assert_close(
            torch.utils._pytree.tree_map(lambda t, i=i: t[i], together), alone, rtol=1e-10, atol=1e-10
        )
        assert alone[0].shape == ()


def test_members_with_different_knobs_differ(divergence):
    x, y = torch.randn(N, D, dtype=torch.float64) + 0.5, torch.randn(N, D, dtype=torch.float64)
    if not divergence.knobs():
        return
    values = {float(divergence.penalty(x, y, {}, {}, knobs_of(divergence, factor))) for factor in MEMBERS}
    assert len(values) == 3


def test_shifted_laws_are_further_apart_than_equal_ones(divergence):
    n = 128
    values = []
    for shift in (0.0, 2.0):
        torch.manual_seed(2)
        critics, knobs, noise = critics_of(divergence)[0], knobs_of(divergence), noise_for(divergence, n=n)
        x, y = torch.randn(n, D, dtype=torch.float64) + shift, torch.randn(n, D, dtype=torch.float64)
        if critics:
            optimizer = torch.optim.Adam([p for net in critics.values() for p in net.parameters()], lr=1e-3)
            for _ in range(30):
                optimizer.zero_grad()
                divergence.critic_loss(x, y, critics, noise, knobs).backward()
                optimizer.step()
        values.append(float(divergence.penalty(x, y, critics, noise, knobs).detach()))
        slope = grad(lambda x: divergence.penalty(x, y, critics, noise, knobs))(x)  # noqa: B023
    assert values[0] + 0.3 < values[1]
    # Moving against the gradient must bring x, which lies above y in every coordinate, down to it.
    assert (slope.mean(0) > 0).all()


def test_the_gradient_is_finite_even_where_points_coincide(divergence):
    critics, knobs, noise = critics_of(divergence)[0], knobs_of(divergence), noise_for(divergence)
    y = torch.zeros(N, D, dtype=torch.float64)
    for x in (y, torch.randn_like(y), 1e3 * torch.randn_like(y)):
        assert grad(lambda x: divergence.penalty(x, y, critics, noise, knobs))(x).isfinite().all()


def test_it_draws_nothing_itself_and_changes_nothing(divergence):
    critics, knobs, noise = critics_of(divergence)[0], knobs_of(divergence), noise_for(divergence)
    x, y = torch.randn(2, N, D, dtype=torch.float64)
    before, state = (x.clone(), y.clone()), torch.get_rng_state()
    first, second = (divergence.penalty(x, y, critics, noise, knobs) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(x, before[0])
    assert torch.equal(y, before[1])
