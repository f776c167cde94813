"""What every constraint on a critic must keep."""

import pytest
import torch
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.utils._pytree import tree_map

from gensweep import registry
from gensweep.comparison.gaussian_targets import known
from gensweep.component import build
from gensweep.constraints.base import Bounds, Constraint

N, SHAPE = 8, (3,)


@pytest.fixture(params=registry.names("constraints"))
def constraint(request):
    return build("constraints", request.param)


@pytest.fixture
def critics():
    torch.manual_seed(0)
    network = build("networks", {"name": "mlp", "hidden": [6, 5], "activation": "tanh"})
    return [network.encoder(SHAPE, 1).double() for _ in range(3)]


def stacked_inputs(constraint):
    laws = {"normal": torch.randn, "uniform": torch.rand}
    draws = constraint.noise(SHAPE, N).items()
    noise = {name: laws[draw.law](3, *draw.shape, dtype=torch.float64) for name, draw in draws}
    factors = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    return noise, {name: value * factors for name, value in constraint.knobs().items()}


def test_a_description_builds_the_same_again(constraint):
    assert build("constraints", constraint.dump()) == constraint
    assert constraint.name == "none" or "Source:" in type(constraint).__doc__


def test_the_penalty_of_a_stack_is_that_of_its_members(constraint, critics):
    def value(parameters, real, fake, noise, knobs):
        nets = {"critic": lambda x: functional_call(critics[0], parameters, (x,)), **constraint.state()}
        return constraint.penalty(real, fake, nets, noise, knobs).total

    real, fake = torch.randn(2, 3, N, *SHAPE, dtype=torch.float64)
    arguments = (stack_module_state(critics)[0], real, fake, *stacked_inputs(constraint))
    both = lambda *a: (value(*a), grad(value)(*a))  # noqa: E731
    together = vmap(both)(*arguments)
    for i in range(3):
        alone = both(*tree_map(lambda t, i=i: t[i], arguments))
        torch.testing.assert_close(tree_map(lambda t, i=i: t[i], together), alone, rtol=1e-10, atol=1e-10)
        assert alone[0].shape == ()
        assert alone[0].isfinite()


def corrected_by(constraint, critics):
    """What `after_move` gets: parameters of the critics and of the state, stacked; a penalty's parts; knobs."""
    state = {f"{name}.{k}": p.detach().double().expand(3, *p.shape).clone()
             for name, net in constraint.state().items() for k, p in net.named_parameters()}  # fmt: skip
    parameters = {f"critic.{k}": v.detach() for k, v in stack_module_state(critics)[0].items()} | state
    noise, knobs = stacked_inputs(constraint)
    real, fake = torch.randn(2, 3, N, *SHAPE, dtype=torch.float64)
    parts = [constraint.penalty(real[i], fake[i], {"critic": critics[i], **constraint.state()},
                                {k: v[i] for k, v in noise.items()}, {k: v[i] for k, v in knobs.items()}).parts
             for i in range(3)]  # fmt: skip
    return parameters, {k: torch.stack([p[k].detach().double() for p in parts]) for k in parts[0]}, knobs


def test_the_correction_of_a_stack_is_that_of_its_members(constraint, critics):
    arguments = corrected_by(constraint, critics)
    together = vmap(constraint.after_move, in_dims=tuple(0 if a else None for a in arguments))(*arguments)
    for i in range(3):
        alone = constraint.after_move(*tree_map(lambda t, i=i: t[i], arguments))
        torch.testing.assert_close({k: v[i] for k, v in together.items()}, alone, rtol=1e-10, atol=1e-10)


def test_the_correction_is_pure_and_keeps_names_and_shapes(constraint, critics):
    parameters, parts, knobs = tree_map(lambda t: t[0], corrected_by(constraint, critics))
    before = {name: p.clone() for name, p in parameters.items()}
    after = constraint.after_move(parameters, parts, knobs)
    assert {k: (v.shape, v.dtype) for k, v in after.items()} == {k: (v.shape, v.dtype) for k, v in before.items()}
    torch.testing.assert_close(parameters, before, rtol=0, atol=0)


class Claims(Constraint):
    """Does nothing, and says that it bounds the slope."""

    name: str = "claims"

    @property
    def bounds(self):
        return Bounds.SLOPE


def steepest(constraint: Constraint) -> float:
    """The largest finite difference of a critic between two laws one apart, after 300 moves that ascend the gap."""
    torch.manual_seed(0)
    critic = build("networks", {"name": "mlp", "hidden": [16, 16]}).encoder(SHAPE, 1)
    nets = torch.nn.ModuleDict({"critic": critic, **constraint.state()})
    knobs = {name: torch.tensor(value) for name, value in constraint.knobs().items()}
    adam, laws = torch.optim.Adam(critic.parameters(), 1e-2), {"normal": torch.randn, "uniform": torch.rand}
    shift = torch.tensor([1.0, 0.0, 0.0])
    for _ in range(300):
        real, fake = 0.1 * torch.randn(64, *SHAPE) + shift, 0.1 * torch.randn(64, *SHAPE)
        noise = {name: laws[draw.law](draw.shape) for name, draw in constraint.noise(SHAPE, 64).items()}
        penalty = constraint.penalty(real, fake, nets, noise, knobs)
        adam.zero_grad()
        (critic(fake).mean() - critic(real).mean() + penalty.total).backward()
        adam.step()
        with torch.no_grad():
            own = {name: p.detach().clone() for name, p in nets.named_parameters()}
            parts = {name: part.detach() for name, part in penalty.parts.items()}
            for name, value in constraint.after_move(own, parts, knobs).items():
                nets.get_parameter(name).copy_(value)
    between = 0.1 * torch.randn(500, *SHAPE) + torch.rand(500, 1) * shift
    step = 1e-2 * torch.nn.functional.normalize(torch.randn(500, *SHAPE) + shift, dim=1)
    with torch.no_grad():
        return float((critic(between + step) - critic(between)).abs().max()) / 1e-2


def test_a_slope_that_is_said_to_be_bounded_is(constraint):
    if constraint.bounds is Bounds.SLOPE:
        assert steepest(constraint) < 2


def test_a_slope_that_is_only_said_to_be_bounded_is_not():
    assert steepest(Claims()) > 20
    assert steepest(build("constraints", "none")) > 20


def test_a_constraint_says_what_it_implies(constraint):
    assert constraint.bounds is not Bounds.UNKNOWN
    assert (constraint.unbounded() is None) == constraint.bounds.is_of_gap
    objective = constraint.population_objective()
    assert objective is None or objective.name in known()
    assert (objective is not None) == constraint.bounds.is_of_gap
    assert (constraint.default_optimizer is not None) == constraint.bounds.is_of_gap
    if constraint.default_optimizer:
        build("optimizers", constraint.default_optimizer)


@pytest.mark.parametrize(
    ("node", "bounds", "objective"),
    [
        ({"name": "gradient_penalty", "target": 0.5}, Bounds.SLOPE, None),
        ({"name": "gradient_penalty", "at": "data"}, Bounds.SLOPE_AT_DATA, None),
        ({"name": "gradient_penalty", "weight": 0}, Bounds.NOTHING, None),
        ({"name": "lipschitz_penalty", "weight": 0}, Bounds.NOTHING, None),
        ({"name": "lipschitz_penalty"}, Bounds.SLOPE, "wasserstein_1"),
        ({"name": "spectral_norm"}, Bounds.SLOPE, "wasserstein_1"),
        ({"name": "clip"}, Bounds.SLOPE, "wasserstein_1"),
        ({"name": "sobolev"}, Bounds.NORM, "sobolev_fixed_point"),
        ({"name": "sobolev", "measure": "interpolates"}, Bounds.NORM, None),
        ({"name": "fisher"}, Bounds.NORM, "fisher_fixed_point"),
        ({"name": "none"}, Bounds.NOTHING, None),
    ],
)
def test_fields_count_in_what_is_bounded(node, bounds, objective):
    constraint = build("constraints", node)
    found = constraint.population_objective()
    assert (constraint.bounds, found and found.name) == (bounds, objective)
