"""What every constraint on a critic must keep."""

import pytest
import torch
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.utils._pytree import tree_map

from gensweep import registry
from gensweep.component import build

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
