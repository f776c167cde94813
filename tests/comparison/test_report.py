from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

import pytest
from PIL import Image

from gensweep.comparison.compare import compare
from gensweep.comparison.report import markdown
from gensweep.comparison.report import write as write_report
from gensweep.errors import ConfigError, NoUsableTrial
from tests.written_sweep import DEFINITION, Writer

Write = Callable[..., Writer]


def families(sweep: Writer, **scores: list[float]) -> None:
    for family, values in scores.items():
        for i, value in enumerate(values):
            latent = {"latent_size": 2 ** (1 + i % 3)}
            sweep.trial(family, value, configuration=latent, parameters=latent, scores={"wasserstein": 10 - value})


def test_the_answer_names_the_leader_the_ties_and_the_losers(write: Write) -> None:
    sweep = write()
    families(sweep, vae=[2.0, 4, 6, 8, 10, 12], wae=[1.0, 3, 5, 7, 9, 11], gan=[31.0, 32, 33, 34, 35, 36])
    found = compare([sweep.folder])
    assert found.by == "arm"
    assert found.sentence().startswith("wae leads with expected best FID 2.5 [")
    assert "at 3 trials; vae is a tie (P = 0.58 [" in found.sentence()
    assert found.sentence().endswith("gan is worse (P = 1.00 [1.00, 1.00]).")
    assert [row["arm"] for row in found.table()] == ["wae", "vae", "gan"]


def test_where_all_are_ties_nobody_leads(write: Write) -> None:
    sweep = write()
    families(sweep, vae=[2.0, 4, 6, 8], wae=[1.0, 3, 5, 7])
    assert compare([sweep.folder]).sentence().startswith("No clear winner: wae is ahead")


def test_one_trial_each_tells_nothing_and_says_so_once(write: Write) -> None:
    sweep = write()
    families(sweep, vae=[2.0], wae=[1.0], gan=[3.0])
    assert compare([sweep.folder]).sentence() == (
        "No clear winner: wae is ahead with expected best FID 1 at 1 trial; too few trials to tell it from vae, gan."
    )


def test_a_curve_of_one_point_is_not_drawn(write: Write) -> None:
    sweep = write()
    families(sweep, **{f"family{i}": [float(i)] for i in range(1, 8)})
    names = {path.name for path in write_report(compare([sweep.folder]), sweep.folder.path / "report")}
    assert names == {"comparison.md", "comparison.csv", "curves.png"}


def test_arms_are_compared_and_any_other_column_where_it_is_named(write: Write) -> None:
    sweep = write()
    for name, value in (("mmd", 3.0), ("sinkhorn", 2.0), ("mmd", 4.0), ("sinkhorn", 1.0)):
        divergence = {"family": {"name": "wae", "divergence": {"name": name}}}
        sweep.trial("wae", value, arm=f"wae.{name}", configuration=divergence)
    found = compare([sweep.folder])
    assert found.by == "arm"
    assert [group.name for group in found.ranking.groups] == ["wae.sinkhorn", "wae.mmd"]
    assert [group.name for group in compare([sweep.folder], by="divergence").ranking.groups] == ["sinkhorn", "mmd"]
    assert [group.name for group in compare([sweep.folder], by="family").ranking.groups] == ["wae"]
    with pytest.raises(ConfigError, match="Did you mean 'divergence'"):
        compare([sweep.folder], by="divergnce")


def test_namesakes_of_two_arms_are_two_groups(write: Write) -> None:
    sweep = write()
    for arm, value in (("wgan.clip", 1.0), ("wgan.sobolev", 2.0), ("gan", 3.0)):
        sweep.trial(arm.partition(".")[0], value, arm=arm)
    assert [row["arm"] for row in compare([sweep.folder]).table()] == ["wgan.clip", "wgan.sobolev", "gan"]
    assert [row["family"] for row in compare([sweep.folder], by="family").table()] == ["wgan", "gan"]


def test_the_cost_of_a_group_is_that_of_all_its_trials(write: Write) -> None:
    sweep = write()
    sweep.trial("vae", 3.0, seconds=10.0, evaluation_seconds=1.0)
    sweep.trial("vae", None, outcome="DIVERGED", seconds=20.0, evaluation_seconds=2.0)
    found = compare([sweep.folder])
    assert found.table()[0]["compute"] == "33 s"
    row = next(csv.DictReader(io.StringIO(found.csv().decode())))
    assert (row["seconds"], row["evaluation_seconds"]) == ("30.0", "3.0")


def test_a_sweep_of_one_group_and_one_trial_has_an_answer(write: Write) -> None:
    sweep = write()
    sweep.trial("vae", 12.34)
    assert compare([sweep.folder]).sentence() == (
        "vae: expected best FID 12.3 at 1 trial; there is no other group to compare it with."
    )


def test_other_scores_are_ranked_in_their_own_direction_and_may_disagree(write: Write) -> None:
    sweep = write()
    families(sweep, vae=[5.0, 6], wae=[1.0, 2])
    assert compare([sweep.folder]).other_scores() == {"wasserstein": "vae, wae"}
    assert compare([sweep.folder], metric="wasserstein").ranking.groups[0].name == "vae"
    with pytest.raises(ConfigError, match="Did you mean 'wasserstein'"):
        compare([sweep.folder], metric="waserstein")


def test_a_score_that_only_tells_ranks_nothing(write: Write) -> None:
    sweep = write()
    for family in ("vae", "wae"):
        sweep.trial(family, 1.0, scores={"nearest_neighbour": 0.5, "nearest_neighbour.copies": 0.1, "fid.floor": 0.2})
    for score in ("nearest_neighbour", "nearest_neighbour.copies", "fid.floor"):
        with pytest.raises(ConfigError, match=f"'{score}' only tells about models.*Rank by fid\\.$"):
            compare([sweep.folder], metric=score)
    assert compare([sweep.folder]).other_scores() == {"nearest_neighbour": "not ranked: it only watches for something"}


def test_a_detail_is_ranked_in_a_direction_of_its_own(write: Write) -> None:
    sweep = write()
    for family, bits in (("vae", 3.0), ("flow", 2.0)):
        scores = {"log_likelihood": -100 * bits, "log_likelihood.bits_per_dimension": bits}
        sweep.trial(family, 1.0, scores=scores)
    for score in ("log_likelihood", "log_likelihood.bits_per_dimension"):
        assert [group.name for group in compare([sweep.folder], metric=score).ranking.groups] == ["flow", "vae"]


def test_a_detail_of_different_protocols_is_refused_too(write: Write) -> None:
    sweep = write()
    for n_fake in (500, 1000):
        sweep.trial("vae", 1.0, scores={"fid_infinity.fid": 3.0}, protocol={"n_fake": n_fake}, metric="fid_infinity")
    with pytest.raises(ConfigError, match="fid_infinity was taken by 2 protocols"):
        compare([sweep.folder], metric="fid_infinity.fid")


def test_scores_of_different_protocols_are_refused_with_what_differs(write: Write) -> None:
    one, other = write("one"), write("other")
    one.trial("vae", 3.0, protocol={"n_fake": 500, "extractor": {"sha": "a"}, "split": "validation"})
    other.trial("vae", 2.0, protocol={"n_fake": 1000, "extractor": {"sha": "a"}, "split": "validation"})
    with pytest.raises(ConfigError) as raised:
        compare([one.folder, other.folder])
    message = str(raised.value)
    assert "n_fake: 500 in" in message
    assert "one/0" in message
    assert "other/0" in message
    assert "extractor" not in message
    assert "split:" not in message


def test_two_sweeps_are_compared_as_groups_of_their_own(write: Write) -> None:
    one, other = write("one"), write("other")
    families(one, vae=[3.0, 4])
    families(other, vae=[1.0, 2])
    found = compare([one.folder, other.folder])
    assert [group.name for group in found.ranking.groups] == ["other: vae", "one: vae"]
    assert found.ranking.groups[0].best_trial == "other/0"


def test_a_column_that_one_of_two_sweeps_has_groups_neither(write: Write) -> None:
    """The trials of the other would all be one group without a name."""
    one, other = write("one"), write("other")
    for size in (2, 8):
        one.trial(
            "wae",
            size,
            configuration={"family": {"name": "wae"}, "latent_size": size},
            parameters={"latent_size": size},
        )
        other.trial("wae", size, configuration={"family": {"name": "wae"}, "latent_size": 4})
    with pytest.raises(
        ConfigError, match=r"--by latent_size: other has no such column, .* Group by one of arm, family, sweep"
    ):
        compare([one.folder, other.folder], by="latent_size")
    assert len(compare([one.folder], by="latent_size").ranking.groups) == 2


def test_sweeps_of_different_objectives_need_a_named_score(write: Write) -> None:
    one, other = write("one"), write("other", {**DEFINITION, "objective": {"metric": "wasserstein", "mode": "min"}})
    for sweep in (one, other):
        families(sweep, vae=[3.0, 4])
    with pytest.raises(ConfigError, match="--metric"):
        compare([one.folder, other.folder])
    assert compare([one.folder, other.folder], metric="fid").ranking.objective.metric == "fid"


def test_the_report_on_disk(write: Write) -> None:
    sweep = write()
    families(sweep, vae=[2.0, 4, 6, 8], wae=[1.0, 3, 5, 7])
    sweep.trial("wae", None, outcome="DIVERGED", reason="loss.model is nan | at step 12")
    sweep.trial("wae", None, outcome="DIVERGED", reason="loss.model is nan at step 99")
    found = compare([sweep.folder])
    paths = write_report(found, sweep.folder.path / "report")
    assert {path.name for path in paths} == {
        "comparison.md", "comparison.csv", "expected_best.png", "curves.png", "axes.png"
    }  # fmt: skip
    text = (sweep.folder.path / "report" / "comparison.md").read_text()
    assert text.splitlines()[2] == f"**{found.sentence()}**"
    assert "- wae: 1 diverged: loss.model is nan" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.replace("\\|", "").count("|") > 2 for line in tables)
    rows = list(csv.DictReader(io.StringIO((sweep.folder.path / "report" / "comparison.csv").read_text())))
    assert [(row["group"], row["trials"], row["diverged"]) for row in rows] == [("vae", "4", "0"), ("wae", "6", "2")]
    for path in paths:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert picture.width >= 800
                assert len(set(picture.convert("L").resize((64, 64)).tobytes())) > 10, f"{path.name} is blank"


def test_a_sweep_in_which_everything_diverged_has_no_answer(write: Write) -> None:
    sweep = write()
    sweep.trial("vae", 3.0, outcome="DIVERGED")
    with pytest.raises(NoUsableTrial, match="1 diverged"):
        compare([sweep.folder])


def test_figures_survive_a_group_without_any_score(write: Write) -> None:
    sweep = write()
    families(sweep, vae=[2.0, 4, 6, 8])
    sweep.trial("gan", None, outcome="DIVERGED", configuration={"latent_size": 16})
    assert len(write_report(compare([sweep.folder]), sweep.folder.path / "report")) == 5


def test_what_the_scores_mean_stands_in_the_report(write: Write) -> None:
    sweep = write()
    families(sweep, vae=[2.0, 4], wae=[1.0, 3])
    text = markdown(compare([sweep.folder]), sanity=[{"row": "floor", "fid": 1.23456}, {"row": "memoriser"}])
    assert "## What the scores mean on these data" in text
    assert "| floor | 1.235 |" in text
    assert "## What the scores mean" not in markdown(compare([sweep.folder]))


@pytest.mark.parametrize(("mode", "says"), [("min", "less is better"), ("max", "more is better")])
def test_the_notes_say_which_way_is_better(write: Write, mode: str, says: str) -> None:
    sweep = write(definition={**DEFINITION, "objective": {"metric": "fid", "mode": mode}})
    families(sweep, vae=[2.0, 4], wae=[1.0, 3])
    assert f"Ranked by fid ({says})" in markdown(compare([sweep.folder]))
    assert compare([sweep.folder]).ranking.groups[0].name == {"min": "wae", "max": "vae"}[mode]


EVIL = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) `b` |c| $\\x$ \x1b[31m\nd"


def test_a_page_runs_nothing_of_what_a_ledger_says(write: Write) -> None:
    """Of names, reasons, scores, axes and protocols: a report is opened in a browser, and MLflow shows it too."""
    sweep = write()
    arm = EVIL.replace("\x1b[31m\nd", "").replace("\\x", "x")
    for i in range(8):
        sweep.trial("vae", float(i), arm=arm if i % 2 else "wae", configuration={EVIL: i}, parameters={EVIL: i},
                    scores={EVIL: 1.0}, protocol={EVIL: "x"})  # fmt: skip
    sweep.trial("vae", None, arm=arm, outcome="FAILED", reason=EVIL, protocol={EVIL: "x"})
    page = markdown(compare([sweep.folder]), ["curves.png"], [{"row": EVIL, EVIL: "1"}])
    assert "&lt;img src=x onerror" in page
    assert "<img" not in page
    assert not re.search(r"(?<!\\)\]\(", page.replace("](curves.png)", ""))
    assert "\x1b" not in page
    rows = [line for line in page.splitlines() if "onerror" in line and line.startswith("| ")]
    assert all("\\|c\\|" in line for line in rows)
    paths = write_report(compare([sweep.folder]), sweep.folder.path / "report")
    assert {"curves.png", "axes.png"} <= {path.name for path in paths}, "a name with dollars is drawn as text"


def test_a_picture_that_cannot_be_drawn_is_left_out(write: Write) -> None:
    sweep = write()
    families(sweep, vae=[1e308, -1e308, 1e308, 0.0], wae=[1.0, 2.0, 3.0, 4.0])
    names = {path.name for path in write_report(compare([sweep.folder]), sweep.folder.path / "report")}
    assert {"comparison.md", "comparison.csv"} <= names
    assert "expected_best.png" not in names
