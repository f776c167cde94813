"""Trained critics beside the best ones, over the line, from checkpoints of a sweep on a known density."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.metrics.critic_diagnostics import diagnosis
from gensweep.report import figures
from gensweep.report.content import Content, content_of
from gensweep.report.critics import Curves, critic_charts, curves
from gensweep.trial import run_trial
from tests.conftest import job, small_configuration
from tests.report.conftest import DEFINITION
from tests.written_sweep import Writer

LINE = {"name": "gaussian_mixture", "n_train": 640, "n_validation": 50, "n_test": 50}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """Two arms trained for an epoch on the mixture of the f-GAN paper, one with a critic."""
    sweep = Writer(tmp_path_factory.mktemp("critics") / "runs" / "line", {**DEFINITION, "name": "line"})
    more: dict[str, Any] = {"dataset": LINE, "latent_size": 1, "network": {"name": "affine", "hidden": [16]}}
    more["evaluation"] = {"metrics": ["gaussian_fit", "critic_diagnostics"]}
    for family in ("gan", "vae"):
        configuration = small_configuration(family, epochs=1) | more
        number = sweep.trial(family, 3.0, configuration=configuration, metric="gaussian_fit")
        folder = sweep.folder.trial_of(sweep.folder.state().trials[number])
        for _ in run_trial(job(folder.path, configuration, metric="gaussian_fit")):
            pass
    return sweep.folder


@pytest.fixture(scope="module")
def content(line: SweepFolder) -> Content:
    return content_of(line)


def test_a_chart_shows_both_densities_the_critic_and_the_best_one(content: Content) -> None:
    charts, notes = critic_charts(content.models)
    assert [chart.title for chart in charts] == ["Critic of gan"]
    assert notes == ["Without a critic, or a best one that is known: vae."]
    assert [trace.name for trace in charts[0].figure.data] == ["data p", "model q", "best critic", "trained critic"]
    assert critic_charts(content.models[1:]) == ([], [])  # where no arm has one nothing is said


def test_what_is_drawn_is_what_was_scored(content: Content) -> None:
    gan = content.models[0]
    shown = curves(gan)
    assert isinstance(shown, Curves)
    assert gan.model is not None
    found = diagnosis(gan.model, gan.dataset)
    assert found is not None
    assert shown.found.distance == found.distance > 0
    for x, p, best, q in zip(shown.x, shown.data, shown.best, shown.model, strict=True):
        assert best == pytest.approx(p / (p + q))  # a discriminator
        assert found.laws.x.min() <= x <= found.laws.x.max()
    assert -0.2 < shown.low < shown.high < 1.2


def test_figures_show_them_too_but_not_to_who_does_not_wait(
    line: SweepFolder, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "figures", lambda *_: iter(()))  # those of the trials' numbers
    assert list(figures.drawn(line, content)) == ["critics.pdf"]
    assert list(figures.write_pictures(line, content, tmp_path)) == ["critics.png"]
    assert figures.write_pictures(line, content, tmp_path, of_models=False) == {}
    assert list(tmp_path.iterdir()) == []
