"""Figures for a paper: PDF files of the same series as the page's charts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.axes import Axes

from gensweep.report.content import content_of
from gensweep.report.figures import drawn, write
from tests.report.conftest import DEFINITION, issue
from tests.written_sweep import Writer

SEARCH = ["best_over_cost.pdf", "best_over_trials.pdf", "quality_and_cost.pdf"]


def test_every_chart_is_a_pdf(study: Writer, tmp_path: Path) -> None:
    paths = write(study.folder, content_of(study.folder), tmp_path / "new" / "figures")
    assert sorted(path.name for path in paths) == [
        *SEARCH[:2], "confirmed.pdf", SEARCH[2], "response_0_latent_size.pdf", "response_1_lr.pdf", "training_of_search.pdf",
        "training_of_seeds.pdf",
    ]  # fmt: skip
    assert all(path.read_bytes().startswith(b"%PDF") for path in paths)


def test_the_same_sweep_gives_the_same_bytes(write: Callable[..., Writer]) -> None:
    sweep = write()
    issue(sweep, "vae", 3.0)
    assert drawn(sweep.folder, content_of(sweep.folder)) == drawn(sweep.folder, content_of(sweep.folder))


def test_nothing_without_a_score(write: Callable[..., Writer]) -> None:
    sweep = write()
    assert drawn(sweep.folder, content_of(sweep.folder)) == {}
    issue(sweep, "vae", None, outcome="FAILED")
    assert drawn(sweep.folder, content_of(sweep.folder)) == {}


def test_an_axis_is_logarithmic_where_the_search_was(
    write: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = write()
    for latent in (2, 16):
        issue(sweep, "vae", 3.0, latent)
    logarithmic = []
    monkeypatch.setattr(Axes, "set_xscale", lambda self, kind: logarithmic.append(self.get_xlabel() or kind))
    drawn(sweep.folder, content_of(sweep.folder))
    assert logarithmic == ["log"]  # of the learning rate alone


def test_a_strangers_names_are_text_and_no_paths(write: Callable[..., Writer]) -> None:
    sweep = write("study", {**DEFINITION, "trial": {"family": "vae"}})
    for n in (1, 2):
        sweep.trial("vae", 1.0 * n, arm="$x^$", configuration={"../../a$b^": n}, parameters={"../../a$b^": n})
    names = list(drawn(sweep.folder, content_of(sweep.folder)))
    assert len(names) == 5
    assert all("/" not in name and ".." not in name for name in names)


def test_numbers_beyond_what_can_be_drawn_cost_their_figure_only(write: Callable[..., Writer]) -> None:
    sweep = write()
    for fid in (1e308, -1e308):
        issue(sweep, "vae", fid)
    assert set(drawn(sweep.folder, content_of(sweep.folder))) <= {*SEARCH, "training_of_search.pdf"}
