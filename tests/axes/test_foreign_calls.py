"""What Ray Tune, Optuna, Hyperopt and NumPy call a distribution, as it is written here, with the same values."""

from __future__ import annotations

import pytest

from gensweep.axes.distributions import DistributionError, parse
from gensweep.axes.foreign_calls import call_meant


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("tune.choice([2, 4])", "choice(2, 4)"),
        ("ray.tune.choice(['imq', 'rbf'])", "choice(imq, rbf)"),
        ("tune.grid_search([1,2])", "choice(1, 2)"),
        ("tune.choice([[8], [16, 16]])", "choice([8], [16, 16])"),
        ("tune.loguniform(1e-3, 1e-2)", "loguniform(0.001, 0.01)"),
        ("tune.uniform(lower=0, upper=1)", "uniform(0, 1)"),
        ("tune.quniform(0, 1, 0.1)", "quniform(0, 1, 0.1)"),
        ("tune.qrandint(2, 80, 2)", "quniform(2, 80, 2)"),
        # the upper end of these is outside
        ("tune.randint(2, 8)", "int(2, 7)"),
        ("tune.lograndint(2, 80)", "logint(2, 79)"),
        ("np.arange(2, 8)", "int(2, 7)"),
        ("range(8)", "int(0, 7)"),
        ("hp.randint('n', 8)", "int(0, 7)"),
        ("np.arange(0, 1, 0.25)", "choice(0, 0.25, 0.5, 0.75)"),
        ("list(range(2, 5))", "choice(2, 3, 4)"),
        # and of these inside
        ("random.randint(2, 8)", "int(2, 8)"),
        ("trial.suggest_int('n', 2, 8)", "int(2, 8)"),
        ("trial.suggest_int('n', 2, 8, log=True)", "logint(2, 8)"),
        ("trial.suggest_int('n', 2, 8, step=2)", "quniform(2, 8, 2)"),
        ("hp.uniformint('n', 2, 8)", "int(2, 8)"),
        ("optuna.distributions.IntDistribution(2, 8)", "int(2, 8)"),
        ("trial.suggest_float('lr', 1e-5, 1e-1, log=True)", "loguniform(1e-05, 0.1)"),
        ("trial.suggest_float('lr', low=0, high=1)", "uniform(0, 1)"),
        ("trial.suggest_categorical('n', [True, None])", "choice(true, null)"),
        ("hp.uniform('x', 0, 1)", "uniform(0, 1)"),
        ("hp.quniform('n', 2, 8, 1)", "quniform(2, 8, 1)"),
        ("hp.choice('n', [2, 8])", "choice(2, 8)"),
        ("hp.loguniform('lr', 0, 0)", "loguniform(1, 1)"),  # Hyperopt takes exponents of e
        ("np.linspace(0, 1, 5)", "choice(0, 0.25, 0.5, 0.75, 1)"),
        ("np.logspace(-3, -1, 3)", "choice(0.001, 0.01, 0.1)"),
        ("np.logspace(-3, -1)", "loguniform(0.001, 0.1)"),  # 50 values are a range
        ("np.geomspace(1, 100, num=3)", "choice(1, 10, 100)"),
        ("Choice(imq, rbf)", "choice(imq, rbf)"),
        ("Log_Uniform(1, 2)", "loguniform(1, 2)"),
        ("choice(*[2, 8])", "choice(2, 8)"),
    ],
)
def test_it_means_the_same(theirs: str, ours: str) -> None:
    assert call_meant(theirs) == ours
    parse(ours)  # the cure is none that would be refused
    if not theirs.startswith("choice"):
        with pytest.raises(DistributionError) as error:
            parse(theirs)
        assert f"Write {ours}" in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "tune.sample_from(lambda spec: 3)", "tune.normal(0, 1)", "os.system('x')", "tune.choice(open('f'))", "range(10**10)",
        "np.linspace(0)", "tune.uniform('a', 'b')", "tune.uniform(1)", "not a call", "(", "f(" * 500, "tune.choice([])",
    ],
)  # fmt: skip
def test_what_has_no_meaning_here_has_none(text: str) -> None:
    assert call_meant(text) is None


@pytest.mark.parametrize("text", ["photos(1)", "./data(old)", "my.folder(2)"])
def test_a_text_that_ends_with_brackets_is_a_text(text: str) -> None:
    assert parse(text) is None
