"""What the charts show: every seed, those that diverged, logarithms where the search had them, names as text."""

from __future__ import annotations

import math
from collections.abc import Callable

import plotly.graph_objects as go
import pytest

from gensweep.comparison.collect import Trials, trials
from gensweep.comparison.confirmation import Confirmation, confirmation
from gensweep.report.confirmed import confirmed_scores, search_training, seeds_training
from gensweep.report.drawing import Chart, label, logarithm, whole
from gensweep.report.importance import importance_charts
from gensweep.report.palette import COLOURS, SYMBOLS, style, styles
from gensweep.report.responses import parallel, response
from gensweep.report.scales import scales, sweep_of
from gensweep.report.search import over_seconds, over_trials, quality_and_cost
from gensweep.report.series import arms_of
from tests.report.conftest import DEFINITION, issue
from tests.written_sweep import Writer

Write = Callable[..., Writer]


def found_in(sweep: Writer) -> tuple[Trials, Confirmation]:
    table = trials(sweep.folder)
    found = confirmation(table)
    assert found is not None
    return table, found


def points(chart: Chart | None, arm: int | None = None, symbol: str | None = None) -> list[tuple[float, float]]:
    assert chart is not None
    return [
        (x, y)
        for trace in chart.figure.data
        if isinstance(trace, go.Scatter) and "markers" in str(trace.mode)
        if (arm is None or (trace.meta and trace.meta["arm"] == arm))
        and (symbol is None or trace.marker.symbol == symbol)
        for x, y in zip(trace.x, trace.y, strict=True)
        if x is not None
    ]


def test_each_seed_is_a_dot_and_one_that_diverged_a_cross_beyond_the_worst(study: Writer) -> None:
    table, found = found_in(study)
    look = styles(arms_of(table))
    chart = confirmed_scores(table, found, look)
    assert sorted(x for x, _ in points(chart, look["vae"].index, look["vae"].symbol)) == [21.0, 22.0, 23.0]
    assert sorted(x for x, _ in points(chart, look["wae"].index, look["wae"].symbol)) == [11.0, 12.0]
    ((cross, _),) = points(chart, symbol="x-thin")
    assert cross > 23.0
    assert "1 seed that diverged" in chart.caption
    assert chart.numbers is not None
    assert {"arm": "wae", "trial": "11", "test fid": "diverged"} in chart.numbers.rows
    assert list(chart.figure.layout.yaxis.ticktext) == ["vae", "wae"]  # from below, the best above


def test_where_more_is_better_a_seed_that_diverged_stands_below_the_worst(write: Write) -> None:
    sweep = write(definition={**DEFINITION, "objective": {"metric": "fid", "mode": "max"}})
    issue(sweep, "vae", 5.0)
    for test in (3.0, 4.0):
        issue(sweep, "vae", 5.0, parent=0, test=test)
    issue(sweep, "vae", None, parent=0, outcome="DIVERGED")
    table, found = found_in(sweep)
    ((cross, _),) = points(confirmed_scores(table, found, styles(["vae"])), symbol="x-thin")
    assert cross < 3.0


def test_an_interval_without_an_end_goes_to_the_edge(study: Writer) -> None:
    table, found = found_in(study)
    assert any(arm.high == math.inf for arm in found.verdict.arms)
    chart = confirmed_scores(table, found, styles(arms_of(table)))
    shown = [value for trace in chart.figure.data for value in trace.x]
    assert all(map(math.isfinite, shown))
    bars = [trace.x for trace in chart.figure.data if trace.mode == "lines"]
    assert len(bars) == 2


def test_a_response_is_logarithmic_where_the_search_was_and_crosses_are_trials_without_a_score(study: Writer) -> None:
    table = trials(study.folder)
    look = styles(arms_of(table))
    by_name = {each.column: each for each in scales(table, sweep_of(study.folder))}
    rate = response(table, by_name["lr"], look)
    assert rate is not None
    assert rate.figure.layout.xaxis.type == "log"
    size = response(table, by_name["latent_size"], look)
    assert size is not None
    assert size.figure.layout.xaxis.type is None
    assert list(size.figure.layout.xaxis.ticktext) == ["2", "16", "8"]
    assert "dimensions" in size.figure.layout.xaxis.title.text
    ((x, y),) = points(size, symbol="x-thin")
    assert round(x) == 2
    assert y > 30.0
    assert "1 trial without a score" in size.caption


@pytest.mark.parametrize(
    ("mode", "scores"), [("min", (1.0, 2.0)), ("min", (1.0, 900.0)), ("max", (1.0, 2.0)), ("max", (1.0, 900.0))]
)
def test_a_trial_without_a_score_stands_beyond_the_worst(write: Write, mode: str, scores: tuple[float, ...]) -> None:
    sweep = write(definition={**DEFINITION, "objective": {"metric": "fid", "mode": mode}})
    for fid, latent in zip((*scores, None), (2, 16, 8), strict=True):
        issue(sweep, "vae", fid, latent, outcome="COMPLETED" if fid else "DIVERGED")
    table = trials(sweep.folder)
    chart = response(table, scales(table, sweep_of(sweep.folder))[0], styles(["vae"]))
    ((_, cross),) = points(chart, symbol="x-thin")
    assert cross > scores[1] if mode == "min" else 0 < cross < scores[0]


def test_a_trial_that_has_no_such_axis_is_below_it(write: Write) -> None:
    sweep = write()
    for fid in (3.0, 4.0):
        issue(sweep, "vae", fid)
        issue(sweep, "wae", fid, 8)
    sweep.trial("wae", 2.0, configuration={"latent_size": 8, "family": {"name": "wae", "lambda": 90.0}},
                parameters={"family[wae].lambda": 90.0, "latent_size": 8})  # fmt: skip
    table = trials(sweep.folder)
    look = styles(arms_of(table))
    known = scales(table, sweep_of(sweep.folder))
    assert known[0].column == "lambda"
    assert known[0].kind == "log"
    chart = parallel(table, known, look)
    assert chart is not None
    on_lambda = {y for x, y in points(chart, look["vae"].index) if x == 0}
    assert on_lambda == {min(y for _, y in points(chart))}
    assert max(on_lambda) < 0
    on_lambda = {y for x, y in points(chart, look["wae"].index) if x == 0}
    assert on_lambda == {0.0, 1.0}
    best = [trace for trace in chart.figure.data if trace.name == "wae" and trace.line.width > 2]  # λ 90 and 2.0
    assert [(trace.y[0], trace.y[len(known)]) for trace in best] == [(1.0, 0.0)]


def test_curves_say_that_the_incumbent_is_no_claim_and_have_units(study: Writer) -> None:
    table = trials(study.folder)
    look = styles(arms_of(table))
    by_trials, by_cost = over_trials(table, look), over_seconds(table, look)
    assert by_trials is not None
    assert by_cost is not None
    assert "no claim" in by_trials.caption
    assert "seconds" in by_cost.figure.layout.xaxis.title.text
    assert points(by_trials, look["vae"].index) == [(1, 30.0), (2, 20.0), (3, 20.0)]
    assert points(by_cost, look["vae"].index) == [(2.5, 30.0), (5.0, 20.0), (7.5, 20.0)]


def test_quality_against_cost_shows_every_trial_with_a_score(study: Writer) -> None:
    table = trials(study.folder)
    assert len(points(quality_and_cost(table, styles(arms_of(table))))) == 5


def test_trainings_mark_where_a_trial_diverged(study: Writer) -> None:
    issue(study, "vae", 40.0, outcome="DIVERGED", reason="again")
    table, found = found_in(study)
    look = styles(arms_of(table))
    chart = search_training(table, look)
    assert points(chart, symbol="x-thin") == [(15, 40.0)]
    seeds = seeds_training(table, found, look)
    assert seeds is not None
    assert len(points(seeds, look["vae"].index)) == 3 * 3
    assert [trace.fill for trace in seeds.figure.data].count("toself") == 2


def test_nothing_to_show_is_no_chart(write: Write) -> None:
    sweep = write()
    issue(sweep, "vae", None, outcome="FAILED")
    table, look = trials(sweep.folder), styles(["vae"])
    assert over_trials(table, look) is over_seconds(table, look) is quality_and_cost(table, look) is None
    assert search_training(table, look) is parallel(table, scales(table, None), look) is None


def test_importance_is_drawn_from_ten_trials_on_and_said_to_be_no_verdict(write: Write) -> None:
    sweep = write()
    for n in range(10):
        issue(sweep, "vae", 3.0 + n % 3, (2, 8, 16)[n % 3])
        if n < 9:
            issue(sweep, "wae", 3.0 + n % 3, (2, 8, 16)[n % 3])
    table = trials(sweep.folder)
    charts, notes = importance_charts(
        sweep.folder.state().trials.values(), sweep_of(sweep.folder), styles(arms_of(table))
    )
    assert [chart.title for chart in charts] == ["What mattered in vae"]
    assert "no verdict rests on it" in charts[0].caption
    assert "not of wae" in notes[0]
    charts, notes = importance_charts(sweep.folder.state().trials.values(), None, styles(arms_of(table)))
    assert (charts, len(notes)) == ([], 1)


def test_names_are_text_in_a_figure() -> None:
    assert "<" not in label("<a href='http://x.y'>wae</a>")
    assert label("a\n\x1b[31mb") == "a b"
    assert len(label("x" * 500)) < 60
    assert "%{" not in label("%{x}")


def test_arms_differ_in_colour_and_shape_and_keep_their_look() -> None:
    looks = [style(index) for index in range(32)]
    assert len({(look.colour, look.symbol, look.dash) for look in looks}) == 32
    assert len({look.symbol for look in looks[:8]}) == len(SYMBOLS)
    assert len({look.colour for look in looks[:8]}) == len(COLOURS)
    assert styles(["b", "a"])["a"] == styles(["a", "b", "c"])["a"]


def test_ticks() -> None:
    assert logarithm([0.1, 3.0])["dtick"] == "D2"
    assert logarithm([0.001, 1000.0])["dtick"] == 1
    assert "dtick" not in logarithm([1.6, 2.8])  # one or two ticks would be too few
    assert whole([1, 2, 3])["dtick"] == 1
    assert "dtick" not in whole([1, 500])
