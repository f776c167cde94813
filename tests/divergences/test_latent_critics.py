"""Divergences that a critic learns: the optimal critic, and a trained one, reach the value that is known."""

import math
from typing import get_args

import pytest
import torch
from pydantic import ValidationError

from gensweep.component import build
from gensweep.mathematics.f_divergences import F_DIVERGENCES, alpha_divergence

# D_f(N(0, 1) || N(1, 1)) with the target first; the f of `gan` is twice Jensen-Shannon less log 4.
KNOWN = {
    "kl": 0.5, "reverse_kl": 0.5, "jeffrey": 1.0, "pearson": math.e - 1, "neyman": math.e - 1,
    "squared_hellinger": 2 - 2 * math.exp(-1 / 8), "twice_jensen_shannon": 0.222843, "gan": 0.222843 - math.log(4),
    "total_variation": math.erf(0.5 / math.sqrt(2)),
}  # fmt: skip


def quantiles(mean, deviation=1.0, n=4001):
    """Points of N(mean, deviation^2) whose means are integrals up to about 1e-3 for the functions here."""
    return torch.distributions.Normal(mean, deviation).icdf((torch.arange(n, dtype=torch.float64) + 0.5) / n)[:, None]


def log_ratio(z):
    """log p_y(z) / p_x(z) for x ~ N(1, 1) and y ~ N(0, 1)."""
    return 0.5 - z


def trained(node, x, y, moves, lr=5e-3):
    """The parts of the last move of a critic between x and y, its penalty, and the largest |weight|."""
    member = build("divergences", {"hidden": [32, 32], "activation": "tanh", **node})
    torch.manual_seed(0)
    critics, state = member.critics(x.shape[1]), member.critic_state()
    nets = {name: net.double() for name, net in {**critics, **state}.items()}
    optimizer = torch.optim.Adam([p for name in critics for p in nets[name].parameters()], lr=lr, betas=(0.5, 0.9))
    knobs = {name: torch.tensor(knob, dtype=torch.float64) for name, knob in member.knobs().items()}
    generator = torch.Generator().manual_seed(1)
    for _ in range(moves):
        noise = {name: torch.rand(draw.shape, generator=generator, dtype=torch.float64)
                 for name, draw in member.noise(len(x), x.shape[1]).items()}  # fmt: skip
        optimizer.zero_grad()
        loss = member.critic_loss(x, y, nets, noise, knobs)
        loss.total.backward()
        optimizer.step()
        with torch.no_grad():
            before = {f"{net}.{name}": p for net, m in nets.items() for name, p in m.named_parameters()}
            parts = {name: part.detach() for name, part in loss.parts.items()}
            after = member.after_critic_move({name: p.clone() for name, p in before.items()}, parts, knobs)
            for name, p in before.items():
                p.copy_(after[name])
    found = {name: float(part.detach()) for name, part in loss.parts.items()}
    largest = max(float(p.detach().abs().max()) for name in critics for p in nets[name].parameters())
    return found | {"penalty": float(member.penalty(x, y, nets, noise, knobs).detach()), "largest weight": largest}


def test_the_optimal_critic_gives_kl_with_the_model_first():
    member = build("divergences", "kl")
    x, y = quantiles(0.5, 2.0), quantiles(0.0)

    def optimal(z):  # log p_y / p_x for x ~ N(0.5, 4)
        return -z.square() / 2 + (z - 0.5).square() / 8 + math.log(2)

    # KL(N(m, s^2) || N(0, 1)) = (s^2 + m^2 - 1) / 2 - log s; the other order gives 0.3494.
    expected = (4 + 0.25 - 1) / 2 - math.log(2)
    assert float(member.penalty(x, y, {"latent_critic": optimal}, {}, {})) == pytest.approx(expected, abs=0.01)


def test_the_optimal_critic_minimises_the_loss_of_kl_and_its_gradient_is_that_of_kl():
    member, x, y = build("divergences", "kl"), quantiles(1.0), quantiles(0.0)
    losses = [float(member.critic_loss(x, y, {"latent_critic": lambda z, c=c: c * log_ratio(z)}, {}, {}).total)
              for c in (0.9, 1.0, 1.1)]  # fmt: skip
    assert losses[1] < min(losses[0], losses[2])
    # KL(N(m, 1) || N(0, 1)) = m^2 / 2, whose slope in m at 1 is 1.
    slope = torch.func.grad(lambda m: member.penalty(x + m, y, {"latent_critic": log_ratio}, {}, {}))(torch.zeros(()))
    assert float(slope) == pytest.approx(1.0)


def test_a_trained_critic_gives_kl_in_two_dimensions():
    x, y = torch.randn(2, 4000, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    # A shift by (0.6, 0.8) has KL 1/2. The mean log ratio of 4000 points has a standard error of 0.016, and the critic's
    # own error on them is of the order of its effective parameters over n.
    found = trained({"name": "kl", "hidden": []}, x + torch.tensor([0.6, 0.8]), y, 300, lr=0.02)
    assert found["penalty"] == pytest.approx(0.5, abs=0.1)


def test_every_f_divergence_is_a_field():
    field = type(build("divergences", "f_divergence")).model_fields["f"]
    assert set(get_args(field.annotation)) == {*F_DIVERGENCES, "alpha"}
    assert set(F_DIVERGENCES) == set(KNOWN)


@pytest.mark.parametrize("f", KNOWN)
def test_the_optimal_critic_gives_the_f_divergence_and_any_other_gives_less(f):
    member, divergence = build("divergences", {"name": "f_divergence", "f": f}), F_DIVERGENCES[f]
    x, y = quantiles(1.0, n=200_001), quantiles(0.0, n=200_001)

    def optimal(z):  # s with g(s) = f'(p / q), or g(30 tanh(s / 30)) where f is exponential in s
        ratio = log_ratio(z).exp()
        wanted = torch.func.vmap(torch.func.grad(divergence.f))(ratio.flatten()).reshape(ratio.shape)
        if f == "total_variation":
            return 60 * torch.sign(wanted)
        if f == "pearson":
            return wanted
        low, high = torch.full_like(z, -29.999), torch.full_like(z, 29.999)
        for _ in range(60):  # g is increasing
            middle = (low + high) / 2
            below = divergence.activation(middle) < wanted
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return 30 * torch.atanh((low + high) / 60) if f not in ("gan", "twice_jensen_shannon") else (low + high) / 2

    def bound(critic):
        return float(member.penalty(x, y, {"latent_critic": critic}, {}, {}))

    best = bound(optimal)
    assert best == pytest.approx(KNOWN[f], abs=0.01)  # of pearson and neyman, the tails beyond 1 / 400,000 are missing
    assert bound(lambda z: optimal(z + 0.3)) < best
    assert float(member.critic_loss(x, y, {"latent_critic": optimal}, {}, {}).total) == pytest.approx(-best)


def test_a_trained_critic_gives_the_f_divergence():
    node = {"name": "f_divergence", "f": "squared_hellinger"}
    assert trained(node, quantiles(1.0, n=501), quantiles(0.0, n=501), 200)["bound"] == pytest.approx(0.235, abs=0.01)


@pytest.mark.parametrize("alpha", [-0.5, 0.5, 0.9, 1.01, 1.5])
def test_a_trained_critic_gives_the_alpha_divergence(alpha):
    # E_q (p / q)^alpha = e^(alpha (alpha - 1) / 2) between N(0, 1) and N(1, 1)
    known = math.expm1(alpha * (alpha - 1) / 2) / (alpha * (alpha - 1))
    node = {"name": "f_divergence", "f": "alpha", "alpha": alpha}
    found = trained(node, quantiles(1.0, n=501), quantiles(0.0, n=501), 200)
    assert found["bound"] == pytest.approx(known, rel=0.05)
    assert found["penalty"] == pytest.approx(known, rel=0.05)


@pytest.mark.parametrize("alpha", [-3.0, 0.1, 0.5, 0.9, 0.99, 1.01, 1.2, 2.0, 5.0])
def test_alpha_stays_finite_for_large_outputs_and_bends_no_ordinary_one(alpha):
    member = build("divergences", {"name": "f_divergence", "f": "alpha", "alpha": alpha})
    far, critic = torch.tensor([[1e4], [-1e4]]), {"latent_critic": lambda z: z}
    slope, value = torch.func.grad_and_value(lambda x: member.penalty(x, far, critic, {}, {}))(far)
    assert value.isfinite()
    assert slope.isfinite().all()
    assert slope.square().isfinite().all()  # as Adam has it
    near, divergence = torch.full((2, 1), 0.5), alpha_divergence(alpha)
    expected = divergence.activation(near).mean() - divergence.composite(near).mean()
    assert float(member.penalty(near, near, critic, {}, {})) == pytest.approx(float(expected), abs=1e-3)


def test_the_limits_of_alpha_are_refused_and_its_named_members_are_known():
    with pytest.raises(ValidationError, match="Write f: reverse_kl"):
        build("divergences", {"name": "f_divergence", "f": "alpha", "alpha": 0})
    objectives = [
        build("divergences", {"name": "f_divergence", "f": "alpha", "alpha": alpha}).population_objective()
        for alpha in (2.0, 0.5, 1.5)
    ]
    assert objectives == [("pearson", 1.0, ""), ("squared_hellinger", 1.0, ""), ("alpha", 1.5, "")]


@pytest.mark.parametrize("f", ["kl", "reverse_kl", "pearson", "neyman", "jeffrey", "squared_hellinger"])
def test_an_exponential_of_a_large_output_does_not_overflow(f):
    member, far = build("divergences", {"name": "f_divergence", "f": f}), torch.full((4, 1), 1e4)
    far[::2] *= -1
    slope, value = torch.func.grad_and_value(lambda x: member.penalty(x, far, {"latent_critic": lambda z: z}, {}, {}))(
        far
    )
    assert value.isfinite()
    assert slope.isfinite().all()


@pytest.mark.parametrize(("node", "known"), [
    ({"name": "sobolev_ipm"}, 1.004852), pytest.param({"name": "fisher_ipm"}, 0.903447, marks=pytest.mark.slow),
])  # fmt: skip
def test_a_critic_held_by_an_augmented_lagrangian_reaches_the_metric(node, known):
    found = trained(node, quantiles(1.0, n=501), quantiles(0.0, n=501), 800)
    assert found["omega"] == pytest.approx(1, abs=0.02)
    assert found["normalised_gap"] == pytest.approx(known, abs=0.02)
    assert found["penalty"] == pytest.approx(known, abs=0.03)
    assert abs(found["multiplier"]) > 0.01


def test_the_critic_of_the_dual_has_the_slope_that_its_penalty_leaves():
    # An affine critic between laws one apart: gap 1 + 1 / (2 weight), as far as W_1 = 1 goes with a soft penalty.
    for weight in (1.0, 10.0):
        node = {"name": "wasserstein_dual", "constraint": {"name": "lipschitz_penalty", "weight": weight}, "hidden": []}
        found = trained(node, quantiles(1.0, n=101), quantiles(0.0, n=101), 600, lr=0.02)
        assert found["penalty"] == pytest.approx(1 + 1 / (2 * weight), abs=0.01)


def test_a_clipped_critic_of_the_dual_stays_clipped():
    node = {"name": "wasserstein_dual", "constraint": {"name": "clip", "bound": 0.05}}
    found = trained(node, quantiles(1.0, n=101), quantiles(0.0, n=101), 30)
    assert found["largest weight"] <= 0.05
    assert found["penalty"] > 0


@pytest.mark.parametrize(("bound", "low", "high"), [(0.01, 0, 0.01), (0.1, 0.1, 0.1125)])
def test_a_clipped_critic_of_a_ratio_is_weak_or_not_by_its_bound(bound, low, high):
    node = {
        "name": "jensen_shannon",
        "constraint": {"name": "clip", "bound": bound},
        "hidden": [64, 64],
        "activation": "relu",
    }
    found = trained(node, quantiles(1.0, n=501), quantiles(0.0, n=501), 200)
    assert found["largest weight"] <= bound
    assert low < found["jensen_shannon"] < high  # of 0.1114


@pytest.mark.parametrize("constraint", ["sobolev", "fisher", "clip", "spectral_norm", "gradient_penalty"])
def test_critics_of_a_ratio_take_the_same_constraints_on_the_data_and_on_a_latent_space(constraint):
    on_data = {bool(build("families", {"name": name, "constraint": constraint}).misfit((2,), None))
               for name in ("gan", "f_gan")}  # fmt: skip
    latent = set()
    for name in ("jensen_shannon", "kl", "f_divergence"):
        try:
            build("divergences", {"name": name, "constraint": constraint})
            latent.add(False)
        except ValidationError:
            latent.add(True)
    assert on_data == latent == {constraint in ("sobolev", "fisher")}


REFUSED = [
    ("kl", "fisher", "goes flat as the laws come together"), ("f_divergence", "sobolev", "divergence: sobolev_ipm"),
    ("wasserstein_dual", "none", "no upper bound"), ("wasserstein_dual", "sobolev", "divergence: sobolev_ipm"),
    ("wasserstein_dual", "fisher", "divergence: fisher_ipm"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "constraint", "reason"), REFUSED)
def test_a_constraint_that_makes_no_sense_is_refused_with_the_reason(name, constraint, reason):
    with pytest.raises(ValidationError, match=reason):
        build("divergences", {"name": name, "constraint": constraint})


def test_a_wrong_constraint_is_found_before_anything_starts(tmp_path):
    from pathlib import Path

    from gensweep.errors import ConfigError
    from gensweep.spaces.check import load_and_check

    file = Path(__file__).parents[2] / "search_spaces" / "latent_divergences.yaml"
    with pytest.raises(ConfigError, match="constraint fisher does not go with kl"):
        load_and_check(file, ["trial.family.divergence={name: kl, constraint: fisher}"])
