"""Figures of the same series as the page's charts: PDF files for a paper, PNG files for comparison.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from PIL import Image

from gensweep.report.content import content_of
from gensweep.report.figures import drawn, figures, write, write_pictures
from gensweep.report.series import best_of_budgets
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


def pictures(sweep: Writer) -> list[str]:
    """The names of the PNG files of a sweep, none of which is blank; they lie in its folder report/."""
    destination = sweep.folder.path / "report"
    captions = write_pictures(sweep.folder, content_of(sweep.folder), destination)
    assert {path.name for path in destination.glob("*.png")} == set(captions)
    assert all(caption.endswith(".") for caption in captions.values())
    for name in captions:
        with Image.open(destination / name) as picture:
            assert picture.width >= 800
            assert len(set(picture.convert("L").resize((64, 64)).tobytes())) > 10, f"{name} is blank"
    return sorted(captions)


def test_a_confirmed_sweep_has_its_seeds_its_best_so_far_and_what_was_searched_as_pictures(study: Writer) -> None:
    assert pictures(study) == ["best_over_trials.png", "confirmed.png", "responses.png", "training_of_search.png"]


def test_what_was_drawn_at_random_has_the_best_of_k_in_place_of_the_best_so_far(write: Callable[..., Writer]) -> None:
    sweep = write()
    assert pictures(sweep) == []
    issue(sweep, "vae", 9.0)
    issue(sweep, "wae", 9.0)
    assert pictures(sweep) == ["best_over_trials.png", "training_of_search.png"]
    for i in range(12):
        issue(sweep, "vae", 2.0 + i, 2 + i % 2 * 14)
        issue(sweep, "wae", 1.0 + i, 2 + i % 2 * 14)
    issue(sweep, "wae", None, 8, outcome="DIVERGED")
    assert pictures(sweep) == ["best_of_k.png", "responses.png", "training_of_search.png"]
    assert {"best_of_k.pdf", "best_over_trials.pdf"} <= set(drawn(sweep.folder, content_of(sweep.folder)))


def test_the_best_of_k_is_drawn_in_the_direction_of_its_score(
    write: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = write("study", {**DEFINITION, "objective": {"metric": "fid", "mode": "max"}})
    for i in range(12):
        issue(sweep, "vae", 1.0 + i)
    content = content_of(sweep.folder)
    assert content.search is not None
    (budgets,) = best_of_budgets(content.trials, content.search)
    assert budgets.middle == sorted(budgets.middle)  # more draws find more
    assert all(
        low <= middle <= high for low, middle, high in zip(budgets.low, budgets.middle, budgets.high, strict=True)
    )


def test_figures_survive_an_arm_without_any_score(write: Callable[..., Writer]) -> None:
    sweep = write()
    for i in range(4):
        issue(sweep, "vae", 2.0 + 2 * i)
    issue(sweep, "wae", None, 16, outcome="DIVERGED")
    assert pictures(sweep) == ["best_over_trials.png", "responses.png", "training_of_search.png"]


def test_a_trial_without_a_score_is_a_cross_at_the_worse_edge(study: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    crosses: list[float] = []
    scatter = Axes.scatter

    def seen(self: Axes, x: Any, y: Any, **more: Any) -> Any:
        if more.get("marker") == "x" and more["transform"] == self.get_xaxis_transform():
            crosses.extend(y)
        return scatter(self, x, y, **more)

    monkeypatch.setattr(Axes, "scatter", seen)
    for figure in figures(study.folder, content_of(study.folder)):
        if figure.name.startswith("response_"):
            figure.panels[0](Sheet().subplots())
    assert crosses == [0.985, 0.985]  # of the latent size and of the learning rate; less is better


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
    for fid in (1e308, 0.0):
        issue(sweep, "wae", fid)
    assert "training_of_search.png" not in pictures(sweep)
