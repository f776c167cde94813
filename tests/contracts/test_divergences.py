"""What every divergence must keep."""

import typing

import pytest
import torch
from pydantic import ValidationError
from torch.func import functional_call, grad, stack_module_state, vmap

from gensweep import registry
from gensweep.component import build

N, D = 24, 3
MEMBER_FIELDS = {"constraint": "constraints"}
MEMBERS = (0.5, 1.0, 2.0)  # what the three members multiply the knobs with


def options():
    """Every member by its defaults, with every option of each of its choices and with every member in its fields."""
    for name in registry.names("divergences"):
        yield {"name": name}
        for field, info in registry.load("divergences", name).model_fields.items():
            if field != "name":
                choices = (
                    registry.names(MEMBER_FIELDS[field]) if field in MEMBER_FIELDS else typing.get_args(info.annotation)
                )
                yield from ({"name": name, field: option} for option in choices if isinstance(option, str))


def refusal(node):
    """Why a member does not take an option; empty where it does."""
    try:
        build("divergences", node)
    except ValidationError as error:
        return str(error)
    return ""


def variants():
    return [node for node in options() if not refusal(node)]


def test_a_refusal_says_what_to_give_instead():
    refusals = [refusal(node) for node in options() if refusal(node)]
    assert refusals
    assert all("Give " in text for text in refusals)


@pytest.fixture(params=variants(), ids=lambda node: "-".join(node.values()))
def divergence(request):
    return build("divergences", request.param)


def noise_for(divergence, *members, n=N):
    torch.manual_seed(3)
    laws = {"normal": torch.randn, "uniform": torch.rand}
    draws = divergence.noise(n, D).items()
    return {name: laws[draw.law](*members, *draw.shape, dtype=torch.float64) for name, draw in draws}


def knobs_of(divergence, factor=1.0):
    return {name: torch.tensor(value * factor, dtype=torch.float64) for name, value in divergence.knobs().items()}


def critics_of(divergence):
    torch.manual_seed(0)
    made = [{**divergence.critics(D), **divergence.critic_state()} for _ in MEMBERS]
    return [{name: net.double() for name, net in networks.items()} for networks in made]


def with_parameters(critics, parameters):
    return {name: lambda *x, n=name: functional_call(critics[n], parameters[n], x) for name in critics}


def moved(divergence, critics, parts, knobs):
    """The parameters of the critics and of their state after a move whose parts were `parts`, by `network.name`."""
    named = {f"{net}.{name}": p.detach() for net, module in critics.items() for name, p in module.named_parameters()}
    return divergence.after_critic_move(named, {name: part.detach() for name, part in parts.items()}, knobs)


def trained(divergence, x, y, noise, moves=30):
    """Critics after so many moves between x and y."""
    critics, knobs = critics_of(divergence)[0], knobs_of(divergence)
    parameters = [p for name in divergence.critics(D) for p in critics[name].parameters()]
    if not parameters:
        return critics
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    for _ in range(moves):
        optimizer.zero_grad()
        loss = divergence.critic_loss(x, y, critics, noise, knobs)
        loss.total.backward()
        optimizer.step()
        for name, value in moved(divergence, critics, loss.parts, knobs).items():
            net, _, inner = name.partition(".")
            critics[net].get_parameter(inner).data = value
    return critics


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
        found = getattr(divergence, loss)(x, y, with_parameters(members[0], parameters), noise, knobs)
        return found if loss == "penalty" else found.total

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


def test_the_correction_after_a_move_of_a_stack_is_that_of_its_members(divergence):
    members = critics_of(divergence)
    parameters = [
        {f"{net}.{k}": p.detach() for net, m in one.items() for k, p in m.named_parameters()} for one in members
    ]
    stacked = {name: torch.stack([one[name] for one in parameters]) for name in parameters[0]}
    if not stacked:
        return
    parts = {"omega": torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)}
    knobs = [knobs_of(divergence, factor) for factor in MEMBERS]
    together = vmap(divergence.after_critic_move)(
        stacked, parts, {name: torch.stack([k[name] for k in knobs]) for name in knobs[0]}
    )
    for i in range(3):
        alone = divergence.after_critic_move(parameters[i], {"omega": parts["omega"][i]}, knobs[i])
        assert alone.keys() == parameters[i].keys()
        torch.testing.assert_close({name: value[i] for name, value in together.items()}, alone)


def test_members_with_different_knobs_differ(divergence):
    x, y = torch.randn(N, D, dtype=torch.float64) + 0.5, torch.randn(N, D, dtype=torch.float64)
    noise, values = noise_for(divergence), []
    for factor in MEMBERS:
        critics, knobs = critics_of(divergence)[0], knobs_of(divergence, factor)
        value = [divergence.penalty(x, y, critics, noise, knobs).detach()]
        if critics:
            loss = divergence.critic_loss(x, y, critics, noise, knobs)
            after = moved(divergence, critics, loss.parts, knobs)
            value += [loss.total.detach(), *(w.abs().sum() for w in after.values())]
        values.append(tuple(float(v) for v in value))
    assert len(set(values)) == (3 if divergence.knobs() else 1)


@pytest.mark.parametrize(
    "node", [v for v in variants() if "activation" not in v], ids=lambda node: "-".join(node.values())
)
def test_shifted_laws_are_further_apart_than_equal_ones(node):
    n, divergence = 128, build("divergences", node)
    values = []
    for shift in (0.0, 2.0):
        noise = noise_for(divergence, n=n)
        torch.manual_seed(2)
        x, y = torch.randn(n, D, dtype=torch.float64) + shift, torch.randn(n, D, dtype=torch.float64)
        critics, knobs = trained(divergence, x, y, noise), knobs_of(divergence)
        values.append(float(divergence.penalty(x, y, critics, noise, knobs).detach()))
        slope = grad(lambda x: divergence.penalty(x, y, critics, noise, knobs))(x)  # noqa: B023
    # Clipped weights bound the critic's slope by an unknown and small constant.
    margin = 0.003 if divergence.dump().get("constraint", {}).get("name") == "clip" else 0.3
    assert values[0] + margin < values[1]
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
